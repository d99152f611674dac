"""The headers of the demo page: it runs its own scripts only, and speaks to this backend only.

https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
"""

from urllib.parse import urlsplit

from game.client_config import Deployment


def page_headers(deployment: Deployment, bucket_endpoint: str) -> dict[str, str]:
    """Return the headers of every file of the page; `bucket_endpoint` is the address of S3.

    Another server of the page can send the same, with the addresses of that deployment.
    """
    rest = _origin(deployment.rest_url)
    bucket = urlsplit(bucket_endpoint)
    # The SDK puts the bucket's name in front of a host that has a name of its own.
    s3 = [_origin(bucket_endpoint), f"{bucket.scheme}://{deployment.avatar_bucket}.{bucket.netloc}"]
    cognito = _origin(deployment.cognito_endpoint or "")
    hosted_ui = _origin(deployment.hosted_ui_url or "")
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        # A picture that is chosen is shown before it is sent; a portrait's address leads on to the bucket.
        "img-src": ["'self'", "blob:", rest, *s3],
        "connect-src": ["'self'", rest, _origin(deployment.web_socket_url), cognito, hosted_ui, *s3],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return {
        "Content-Security-Policy": "; ".join(
            " ".join([directive, *dict.fromkeys(filter(None, sources))])
            for directive, sources in policy.items()
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        # A page that is being worked on must not come from the browser's cache.
        "Cache-Control": "no-cache",
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if url else ""
