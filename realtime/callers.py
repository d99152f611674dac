"""Who is at the other end of a connection, as the authorizer told: a player, or a spectator."""

from collections.abc import Mapping
from typing import Any

from realtime.subprotocols import Event

SPECTATOR = "spectator"
"""The principal of all spectators, and the field of the context that tells them from players."""


def authorizer_context(event: Event) -> Mapping[str, Any]:
    """Return what `realtime.authorizer.authorize` said of the connection."""
    context: Mapping[str, Any] = event["requestContext"].get("authorizer") or {}
    return context


def is_spectator(event: Event) -> bool:
    """Return whether the connection is a spectator's: it came without any token."""
    return authorizer_context(event).get(SPECTATOR) == "true"


def user_id(event: Event) -> str | None:
    """Return the player's id; None for a spectator. Raises KeyError when the authorizer named neither."""
    return None if is_spectator(event) else str(authorizer_context(event)["userId"])


def address(event: Event) -> str:
    """Return the IP address that a connection comes from, as API Gateway sees it."""
    return str(event["requestContext"]["identity"]["sourceIp"])
