"""API Gateway's own refusals, before the function sees a request: problem+json, like the function's.

Pages of any origin may read it, as they may read what the function answers: nothing here goes by cookies, and
the preflight decides which pages may send a token or a body at all.

https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
"""

import json
from collections.abc import Mapping
from http import HTTPStatus

from aws_cdk import aws_apigateway as apigateway

from game.headers import RESPONSE_HEADERS, RETRY_AFTER

_NO_ROUTE = "there is no such resource, or not with this method"
_REFUSALS: Mapping[str, tuple[int, str | None]] = {
    "BAD_REQUEST_BODY": (422, None),
    "BAD_REQUEST_PARAMETERS": (422, None),
    "UNAUTHORIZED": (401, "Authorization: a Bearer ID token is needed"),
    "ACCESS_DENIED": (403, None),
    "WAF_FILTERED": (403, "the firewall refuses the request"),
    "REQUEST_TOO_LARGE": (413, None),
    "UNSUPPORTED_MEDIA_TYPE": (415, None),
    "THROTTLED": (429, None),
    # Where there is no route, API Gateway looks for a signature of AWS's own: it misses one, or takes a token
    # for a bad one, which is all that is left of the 4XX.
    "MISSING_AUTHENTICATION_TOKEN": (404, _NO_ROUTE),
    "DEFAULT_4XX": (404, _NO_ROUTE),
    "DEFAULT_5XX": (503, None),
}
"""Status and detail by the kind of a refusal; detail None: API Gateway's own words."""

_FIELDS = {"BAD_REQUEST_BODY": "body", "BAD_REQUEST_PARAMETERS": "query"}
# API Gateway knows no random numbers: the clients of this project add their own to the second.
_FURTHER_HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    429: {RETRY_AFTER: "1"},
    503: {RETRY_AFTER: "1"},
}


def add_refusals(api: apigateway.RestApi) -> None:
    """Let an API refuse so."""
    for kind, (status, detail) in _REFUSALS.items():
        headers = {
            "Content-Type": "application/problem+json",
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": ",".join(RESPONSE_HEADERS),
            **_FURTHER_HEADERS.get(status, {}),
        }
        api.add_gateway_response(
            f"Problem{kind}",
            type=apigateway.ResponseType.of(kind),
            status_code=str(status),
            response_headers={name: f"'{value}'" for name, value in headers.items()},
            templates={"application/json": _problem(status, detail, _FIELDS.get(kind))},
        )


def _problem(status: int, detail: str | None, field: str | None) -> str:
    """Return the template of a problem; API Gateway's own words come as a JSON string."""
    ours = json.dumps({"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status})[1:-1]
    words = "$context.error.messageString" if detail is None else json.dumps(detail)
    errors = f', "errors": [{{"field": "{field}", "detail": {words}}}]' if field else ""
    return f'{{{ours}, "detail": {words}{errors}}}'
