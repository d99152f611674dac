"""Who may open a connection."""

from typing import Any

import pytest

from realtime.authorizer import UnauthorizedError, authorize, find_token
from runtime.token_kinds import KeySetError
from runtime.tokens import TokenVerifier
from tests.unit.events import recorded
from tests.unit.realtime.user_pool import (
    ACCESS_CLAIMS,
    CLIENT_ID,
    ID_CLAIMS,
    ISSUER,
    KEY_SET_URL,
    NOW,
    key_set,
    token,
)

pytestmark = pytest.mark.usefixtures("_token_time")


async def fetch(_: str) -> Any:
    return key_set("key-1")


def verifier() -> TokenVerifier:
    return TokenVerifier(issuer=ISSUER, client_id=CLIENT_ID, key_set_url=KEY_SET_URL, fetch=fetch)


def event(*, query: str | None = None, protocols: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return the recorded event with a token in its query, in its subprotocols, or both."""
    request = recorded("websocket_authorizer")
    if query is not None:
        request["queryStringParameters"] = {"token": query}
    if protocols is not None:
        request["headers"]["Sec-WebSocket-Protocol"] = protocols
    return request | changes


def lines(*values: str) -> dict[str, list[str]]:
    """Return the header in lines of its own."""
    return {"Host": ["x"], "Sec-WebSocket-Protocol": list(values)}


@pytest.mark.parametrize(
    ("request_event", "found"),
    [
        (event(query="one"), "one"),
        (event(protocols="podium, two"), "two"),
        (event(protocols="podium,two"), "two"),
        (event(query="one", protocols="podium, two"), "two"),
        (event(query="one", protocols="podium"), "one"),
        (event(query="one", protocols="podium, "), "one"),
        (event(query="", protocols="podium, two"), "two"),
        (event(headers={"sec-websocket-protocol": "podium, two"}), "two"),
        (event(multiValueHeaders=lines("podium", "two")), "two"),
        (event(protocols="two", multiValueHeaders=lines("podium", "two")), "two"),
        (event(protocols="podium, two", multiValueHeaders=lines("podium, two")), "two"),
        (event(multiValueHeaders={"sec-websocket-protocol": ["podium", "two"]}), "two"),
        (event(multiValueHeaders=lines("podium", "two", "three")), ""),
        (event(multiValueHeaders=lines("two", "podium")), ""),
        (event(multiValueHeaders=None), None),
        (event(), None),
        (event(query=""), ""),
        (event(query="", protocols="podium"), ""),
        (event(protocols="podium, "), ""),
        (event(headers={"Authorization": "Bearer one"}), ""),
        (event(headers={"authorization": "Bearer one"}, query="two"), "two"),
        (event(protocols="podium"), None),
        (event(protocols="two, podium"), ""),
        (event(protocols="graphql-ws, two"), ""),
        (event(protocols="podium, two, three"), ""),
        (event(headers=None, queryStringParameters=None), None),
    ],
)
def test_token_is_found_where_it_may_be(request_event: dict[str, Any], found: str | None) -> None:
    assert find_token(request_event) == found


@pytest.mark.parametrize("claims", [ID_CLAIMS, ACCESS_CLAIMS])
@pytest.mark.parametrize("place", ["query", "subprotocol"])
@pytest.mark.parametrize("spectators", [[], ["*"]])
async def test_good_token_lets_the_player_in(
    claims: dict[str, Any], place: str, spectators: list[str]
) -> None:
    text = token(claims)
    request = event(query=text) if place == "query" else event(protocols=f"podium, {text}")
    assert await authorize(verifier(), request, spectator_origins=spectators) == {
        "principalId": ID_CLAIMS["sub"],
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    "Resource": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/prod/$connect",
                }
            ],
        },
        "context": {"userId": ID_CLAIMS["sub"], "groups": "", "expiresAt": str(NOW + 3600)},
    }


@pytest.mark.parametrize("claims", [ID_CLAIMS, ACCESS_CLAIMS])
async def test_member_of_groups_is_handed_on_with_what_looks_them_up_again(claims: dict[str, Any]) -> None:
    claims = claims | {"cognito:groups": ["players", "admins"]}
    policy = await authorize(verifier(), event(query=token(claims)))
    # API Gateway's context takes texts, numbers and booleans only.
    assert policy["context"] == {
        "userId": ID_CLAIMS["sub"],
        "groups": "players admins",
        "expiresAt": str(NOW + 3600),
        "username": "ada",
    }


@pytest.mark.parametrize(
    "request_event",
    [
        pytest.param(event(), id="no token"),
        pytest.param(event(query=""), id="empty"),
        pytest.param(event(protocols="podium, "), id="empty beside ours"),
        pytest.param(event(protocols="podium, one, two"), id="more than one"),
        pytest.param(event(headers={"Authorization": f"Bearer {token()}"}), id="good, in the wrong place"),
        pytest.param(event(query="garbled"), id="garbled"),
        pytest.param(event(query=token(ID_CLAIMS | {"exp": NOW - 3600})), id="expired"),
        pytest.param(event(query=token(ID_CLAIMS | {"iss": "https://evil.example"})), id="another pool"),
        pytest.param(event(query=token(), protocols="podium, garbled"), id="the preferred one is garbled"),
    ],
)
async def test_refusal_is_the_one_message_that_means_401(request_event: dict[str, Any]) -> None:
    spectators = ["*"] if request_event != event() else []
    with pytest.raises(UnauthorizedError) as caught:
        await authorize(verifier(), request_event, spectator_origins=spectators)
    assert str(caught.value) == "Unauthorized"


@pytest.mark.parametrize(
    "request_event",
    [
        pytest.param(event(), id="nothing"),
        pytest.param(event(protocols="podium"), id="our subprotocol"),
        pytest.param(event(headers=None, queryStringParameters=None), id="no headers at all"),
    ],
)
async def test_connection_without_any_token_is_a_spectator_where_the_stage_lets_them_in(
    request_event: dict[str, Any],
) -> None:
    policy = await authorize(verifier(), request_event, spectator_origins=["*"])
    assert (policy["principalId"], policy["context"]) == ("spectator", {"spectator": "true"})
    assert policy["policyDocument"]["Statement"][0]["Effect"] == "Allow"
    with pytest.raises(UnauthorizedError):
        await authorize(verifier(), request_event)


GAME = "https://game.example.com"


@pytest.mark.parametrize(
    ("origin", "origins", "is_let_in"),
    [
        ({"Origin": GAME}, [GAME], True),
        ({"origin": GAME}, ["https://other.example.com", GAME], True),
        ({"Origin": GAME}, ["*"], True),
        ({}, [GAME], True),
        ({"Origin": "https://evil.example"}, [GAME], False),
        ({"Origin": f"{GAME}.evil.example"}, [GAME], False),
        ({"Origin": "null"}, [GAME], False),
        ({"Origin": ""}, [GAME], False),
        ({}, [], False),
    ],
)
async def test_spectator_comes_from_a_page_of_the_game_or_from_no_page(
    origin: dict[str, str], origins: list[str], is_let_in: bool
) -> None:
    request = event(headers={"Host": "x", **origin})
    if is_let_in:
        assert (await authorize(verifier(), request, spectator_origins=origins))["principalId"] == "spectator"
    else:
        with pytest.raises(UnauthorizedError):
            await authorize(verifier(), request, spectator_origins=origins)


async def test_player_may_come_from_any_page() -> None:
    request = event(query=token(), headers={"Origin": "https://evil.example"})
    assert (await authorize(verifier(), request, spectator_origins=[GAME]))["principalId"] == ID_CLAIMS["sub"]


async def test_unreadable_keys_are_not_the_players_fault() -> None:
    async def fail(_: str) -> Any:
        raise TimeoutError

    broken = TokenVerifier(issuer=ISSUER, client_id=CLIENT_ID, key_set_url=KEY_SET_URL, fetch=fail)
    with pytest.raises(KeySetError):
        await authorize(broken, event(query=token()))
