"""The Lambda authorizer in front of `$connect`: who has a good token may open a connection.

Without any token a connection is a spectator's, where the stage lets spectators in. A token that is bad,
empty or in the wrong place is refused: its owner means to play, and must not get less without a word.
"""

from collections.abc import Collection, Mapping
from typing import Any

from game.live import SUBPROTOCOL
from realtime.callers import SPECTATOR
from realtime.subprotocols import Event, offered_subprotocols
from runtime.token_kinds import TokenError
from runtime.tokens import TokenVerifier


class UnauthorizedError(Exception):
    """API Gateway answers 401 to the one message "Unauthorized", and 500 to any other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def find_token(event: Event) -> str | None:
    """Return a connection request's token: the one beside `podium` in the subprotocols, or the query's.

    None without any; "" for one that cannot be good: it is empty, or where no token is looked for.
    """
    offered = offered_subprotocols(event)
    match offered:
        case [protocol, token] if protocol == SUBPROTOCOL and token:
            return token
    asked: Mapping[str, str] = event.get("queryStringParameters") or {}
    if "token" in asked:
        return asked["token"]
    headers = {name.lower() for name in event.get("headers") or {}}
    return "" if "authorization" in headers or offered not in ([""], [SUBPROTOCOL]) else None


async def authorize(
    verifier: TokenVerifier, event: Event, *, spectator_origins: Collection[str] = ()
) -> dict[str, Any]:
    """Return the policy that lets a player in, or a spectator from one of these origins.

    spectator_origins: as in a browser's `Origin` header; `*` for any, and none for no spectators. A program
    that is no browser names no origin, and may come wherever any origin may.

    Every route of a player's connection is given its context:

    userId      the player's `sub`
    groups      the token's groups, separated by spaces
    expiresAt   when the token expires, in seconds since the epoch: the connection may outlive it
    username    what the user pool calls a member of a group, to look the membership up again

    Those of a spectator's are given `spectator`, and nothing else.

    Raises UnauthorizedError (401) for what is neither, KeySetError (500) when no token can be judged.
    """
    token = find_token(event)
    if token is None and _is_from(event, spectator_origins):
        return _policy(event, SPECTATOR, {SPECTATOR: "true"})
    try:
        claims = await verifier.verify(token or "")
    except TokenError as error:
        raise UnauthorizedError from error
    # API Gateway takes texts, numbers and booleans; as texts they all arrive as they left.
    context = {
        "userId": claims["sub"],
        "groups": " ".join(claims.get("cognito:groups", [])),
        "expiresAt": str(int(claims["exp"])),
    }
    if context["groups"]:
        # An ID token and an access token differ in where it is.
        context["username"] = claims.get("cognito:username") or claims.get("username", "")
    return _policy(event, claims["sub"], context)


def _is_from(event: Event, origins: Collection[str]) -> bool:
    """Return whether a request comes from a page of these origins, or from no page.

    Otherwise visitors of any page on the web would take up the places of the game's own.
    """
    headers: Mapping[str, str] = event.get("headers") or {}
    origin = next((value for name, value in headers.items() if name.lower() == "origin"), None)
    return bool(origins) and (origin is None or "*" in origins or origin in origins)


def _policy(event: Event, principal: str, context: Mapping[str, str]) -> dict[str, Any]:
    return {
        "principalId": principal,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
            ],
        },
        "context": dict(context),
    }
