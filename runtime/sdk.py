"""How the SDK's clients wait and repeat, and what an error of AWS's says about it."""

import random
from collections.abc import Mapping
from typing import Any

from aiobotocore.config import AioConfig
from botocore.exceptions import ClientError

THROTTLED_ATTEMPTS = 4
"""How often something that a service throttles is sent in all: asking more keeps a hot partition hot."""
THROTTLED_WAIT = 0.05
"""Seconds before the second of these, at most; doubled each time: all of them take under half a second."""
THROTTLING = frozenset(
    {
        "LimitExceededException",  # of `@connections`
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",  # of S3
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",  # of Lambda
    }
)
"""The codes with which services refuse a single request because there are too many."""

# The SDK's own limits (60 seconds an attempt, 10 connections) outlast every caller of ours.
SDK_CONFIG = AioConfig(
    connect_timeout=2,
    read_timeout=5,
    retries={"mode": "standard", "total_max_attempts": THROTTLED_ATTEMPTS},
    max_pool_connections=50,
)


def hasten_throttled(client: Any) -> None:
    """Let a client of the SDK repeat what is throttled within half a second in all.

    The SDK's standard mode waits up to 1, 2 and 4 seconds, and a caller waits with it.
    """
    service = client.meta.service_model.service_id.hyphenize()
    # The first handler that names a delay has the say.
    client.meta.events.register_first(f"needs-retry.{service}", _throttled_delay)


def error_code(error: ClientError) -> str:
    """Return the service's code of an error, such as `ThrottlingException`."""
    return str(error.response.get("Error", {}).get("Code"))


def _throttled_delay(
    *, attempts: int, response: tuple[Any, Mapping[str, Any]] | None, **_: object
) -> float | None:
    code = response[1].get("Error", {}).get("Code") if response else None
    if code not in THROTTLING or attempts >= THROTTLED_ATTEMPTS:
        return None
    return random.uniform(0, THROTTLED_WAIT * 2 ** (attempts - 1))
