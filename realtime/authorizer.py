"""The Lambda authorizer in front of `$connect`: who has a good token may open a connection."""

from typing import Any

from game.live import SUBPROTOCOL
from realtime.subprotocols import Event, offered_subprotocols
from runtime.token_errors import TokenError
from runtime.tokens import TokenVerifier


class UnauthorizedError(Exception):
    """API Gateway answers 401 to the one message "Unauthorized", and 500 to any other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def find_token(event: Event) -> str | None:
    """Return a connection request's token: the one beside `podium` in the subprotocols, or the query's."""
    match offered_subprotocols(event):
        case [protocol, token] if protocol == SUBPROTOCOL and token:
            return token
    return (event.get("queryStringParameters") or {}).get("token") or None


async def authorize(verifier: TokenVerifier, event: Event) -> dict[str, Any]:
    """Return the policy that lets the player in. Every route of the connection is given its context:

    userId      the player's `sub`
    groups      the token's groups, separated by spaces
    expiresAt   when the token expires, in seconds since the epoch: the connection may outlive it
    username    what the user pool calls a member of a group, to look the membership up again

    Raises UnauthorizedError (401) without a good token, KeySetError (500) when none can be judged.
    """
    token = find_token(event)
    if token is None:
        raise UnauthorizedError
    try:
        claims = await verifier.verify(token)
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
    return {
        "principalId": claims["sub"],
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
            ],
        },
        "context": context,
    }
