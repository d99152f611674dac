"""AWS's limits of an account that several folders reckon with."""

# "Throttle quota per account, per Region across HTTP APIs, REST APIs, WebSocket APIs, and WebSocket callback
# APIs": https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html (read in November 2026). AWS
# raises it on request: quota L-8A5B8E43 of the service `apigateway`.
REQUEST_RATE = 10_000
"""Requests per second to API Gateway, of all its kinds together, that an account has in most Regions."""
LOW_REQUEST_RATE = 2_500
"""The same in `LOW_RATE_REGIONS`."""
LOW_RATE_REGIONS = frozenset(
    {
        "af-south-1",  # Cape Town
        "ap-south-2",  # Hyderabad
        "ap-southeast-3",  # Jakarta
        "ap-southeast-4",  # Melbourne
        "ap-southeast-5",  # Malaysia
        "ap-southeast-7",  # Thailand
        "ca-west-1",  # Calgary
        "eu-central-2",  # Zurich
        "eu-south-1",  # Milan
        "eu-south-2",  # Spain
        "il-central-1",  # Tel Aviv
        "me-central-1",  # UAE
        "mx-central-1",  # Mexico
    }
)

REST_SHARE = 0.2
"""The part of an account's requests that is left to players, unless a stage says otherwise."""
PUSH_SHARE = 1 - REST_SHARE
"""The part that goes to pushing."""


def request_rate(region: str) -> int:
    """Return the requests per second that a new account has in a Region."""
    return LOW_REQUEST_RATE if region in LOW_RATE_REGIONS else REQUEST_RATE
