"""Bad tokens: a 401 over REST, and a 401 of the handshake over WebSocket."""

import base64
import json
import time
from collections.abc import Callable

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.e2e.backend import Backend
from tests.e2e.conftest import SignUp, on_both
from tests.e2e.player import Player, assert_problem, bearer
from tests.support.waiting import patience

SCORE = {"gameArea": "forest", "score": 1}


def _segment(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _unsigned(player: Player, _: RSAPrivateKey) -> str:
    header = {"alg": "none", "typ": "JWT", "kid": _key_id(player)}
    return f"{_segment(header)}.{player.id_token.split('.')[1]}."


def _resigned(player: Player, key: RSAPrivateKey, **changes: object) -> str:
    claims = jwt.decode(player.id_token, options={"verify_signature": False})
    return jwt.encode(claims | changes, key, algorithm="RS256", headers={"kid": _key_id(player)})


def _key_id(player: Player) -> str:
    key_id: str = jwt.get_unverified_header(player.id_token)["kid"]
    return key_id


BAD_TOKENS: dict[str, Callable[[Player, RSAPrivateKey], str]] = {
    "alg-none": _unsigned,
    "expired": lambda player, key: _resigned(player, key, exp=int(time.time()) - 60),
    "other-client": lambda player, key: _resigned(player, key, aud="other"),
}
"""One that is not signed, one that was good once, one of another game.

The unit tests of the authorizer, which is the same code on both backends, try every kind.
"""


@pytest.fixture
async def signing_key(backend: Backend, sign_up: SignUp) -> RSAPrivateKey:
    """The key with which the emulator signs the pool's ID tokens; it makes one for the first of them."""
    await sign_up("First")
    pool_id = backend.config()["userPoolId"]
    content = (backend.data / "state" / "cognito-pool-keys" / f"{pool_id}-id.pem").read_bytes()
    key = load_pem_private_key(content, password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


async def _handshake_status(player: Player, query: str, *subprotocols: str) -> int:
    """Return the status of a refused handshake; 101 where it was not refused."""
    offered = [Subprotocol(protocol) for protocol in subprotocols]
    try:
        async with patience(), player.connect(query, subprotocols=offered or None):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


@on_both
async def test_token_signed_by_the_pool_is_taken(
    sign_up: SignUp, http: httpx.AsyncClient, signing_key: RSAPrivateKey, arena: str
) -> None:
    """Otherwise the refusals below could have any reason."""
    ada = await sign_up("Ada")
    token = _resigned(ada, signing_key)
    answer = await http.post("/score", json={"gameArea": arena, "score": 1}, headers=bearer(token))
    assert answer.status_code == 201, answer.text
    assert await _handshake_status(ada, "", "podium", token) == 101


@on_both
@pytest.mark.parametrize("kind", BAD_TOKENS)
async def test_bad_token_is_refused(
    backend: Backend,
    sign_up: SignUp,
    http: httpx.AsyncClient,
    signing_key: RSAPrivateKey,
    kind: str,
) -> None:
    ada = await sign_up("Ada")
    token = BAD_TOKENS[kind](ada, signing_key)
    answer = await http.post("/score", json=SCORE, headers=bearer(token))
    assert_problem(answer, 401, "Authorization")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert token not in answer.text
    assert await _handshake_status(ada, f"?token={token}") == backend.refusal
    assert await _handshake_status(ada, "", "podium", token) == backend.refusal


@on_both
async def test_misplaced_token_is_refused_and_a_spectator_is_not(backend: Backend, sign_up: SignUp) -> None:
    ada = await sign_up("Ada")
    assert await _handshake_status(ada, "", "podium", ada.id_token, "more") == backend.refusal
    assert await _handshake_status(ada, "", ada.id_token) == backend.refusal
    header = ada.connect("", additional_headers=bearer(ada.id_token))
    with pytest.raises(InvalidStatus) as refused:
        async with patience(), header:
            pass
    assert refused.value.response.status_code == backend.refusal
    # Of a spectator.
    assert await _handshake_status(ada, "") == 101
    assert await _handshake_status(ada, "", "podium") == 101


@on_both
@pytest.mark.parametrize("authorization", [None, "Basic YTpi", "Bearer " + "x" * 20_000])
async def test_bad_authorization_header_is_refused(
    http: httpx.AsyncClient, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    assert_problem(await http.post("/score", json=SCORE, headers=headers), 401, "Authorization")


@on_both
async def test_access_token_is_refused_over_rest(sign_up: SignUp, http: httpx.AsyncClient) -> None:
    ada = await sign_up("Ada")
    assert_problem(await http.post("/score", json=SCORE, headers=bearer(ada.access_token)), 401, "id")


@on_both
@pytest.mark.parametrize("query", ["?token=", "?token=x&token=y", "?token=x&token="])
async def test_handshake_with_an_empty_or_bad_token_is_refused(
    backend: Backend, sign_up: SignUp, query: str
) -> None:
    ada = await sign_up("Ada")
    assert await _handshake_status(ada, query) == backend.refusal
    assert await _handshake_status(ada, query, "podium") == backend.refusal
