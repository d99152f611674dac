"""Bad tokens: a 401 over REST, and a 401 of the handshake over WebSocket."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.e2e.backend import Backend
from tests.e2e.conftest import SignUp, deployed, on_both
from tests.e2e.player import Player, assert_problem, bearer
from tests.support.waiting import patience

SCORE = {"gameArea": "forest", "score": 1}


def _segment(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def _unsigned(player: Player, _: RSAPrivateKey) -> str:
    header = {"alg": "none", "typ": "JWT", "kid": _key_id(player)}
    return f"{_segment(header)}.{player.id_token.split('.')[1]}."


def _hmac_with_the_public_key(player: Player, key: RSAPrivateKey) -> str:
    _, payload, _ = player.id_token.split(".")
    content = f"{_segment({'alg': 'HS256', 'typ': 'JWT', 'kid': _key_id(player)})}.{payload}"
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = hmac.digest(public, content.encode(), hashlib.sha256)
    return f"{content}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _resigned(player: Player, key: RSAPrivateKey, **changes: object) -> str:
    claims = jwt.decode(player.id_token, options={"verify_signature": False})
    return jwt.encode(claims | changes, key, algorithm="RS256", headers={"kid": _key_id(player)})


def _key_id(player: Player) -> str:
    key_id: str = jwt.get_unverified_header(player.id_token)["kid"]
    return key_id


def _stranger() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


BAD_TOKENS: dict[str, Callable[[Player, RSAPrivateKey], str]] = {
    "alg-none": _unsigned,
    "hs256-with-public-key": _hmac_with_the_public_key,
    "expired": lambda player, key: _resigned(player, key, exp=int(time.time()) - 60),
    "other-pool": lambda player, key: _resigned(
        player, key, iss="https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Other"
    ),
    "other-client": lambda player, key: _resigned(player, key, aud="other"),
    "refresh-use": lambda player, key: _resigned(player, key, token_use="refresh"),
    "signed-by-a-stranger": lambda player, _: _resigned(player, _stranger()),
    "changed-payload": lambda player, _: ".".join(
        [player.id_token.split(".")[0], _segment({"sub": "root"}), player.id_token.split(".")[2]]
    ),
    "cut": lambda player, _: player.id_token[:-20],
    "garbled": lambda player, _: "a.b.c",
    "no-token-at-all": lambda player, _: "x",
    "nested-header": lambda player, _: base64.urlsafe_b64encode(b"[" * 3000).decode() + ".e30.e30",
}


ON_DEPLOYED = ("alg-none", "expired", "other-client")
"""One that is not signed, one that was good once, one of another game.

The unit tests of the authorizer, which is the same code on both, try every kind.
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


@pytest.mark.parametrize(
    ("backend", "kind"),
    [*(("run", kind) for kind in BAD_TOKENS), *(deployed(kind) for kind in ON_DEPLOYED)],
    indirect=["backend"],
)
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
    if "=" not in token:
        assert await _handshake_status(ada, "", "podium", token) == backend.refusal


@on_both
@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Basic YTpi", "Bearer a b", "Bearer " + "x" * 20_000]
)
async def test_bad_authorization_header_is_refused(
    http: httpx.AsyncClient, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    assert_problem(await http.post("/score", json=SCORE, headers=headers), 401, "Authorization")


@on_both
async def test_access_token_is_refused_over_rest(sign_up: SignUp, http: httpx.AsyncClient) -> None:
    ada = await sign_up("Ada")
    assert_problem(await http.post("/score", json=SCORE, headers=bearer(ada.access_token)), 401, "id")


@pytest.mark.parametrize(
    ("backend", "query"),
    [
        *(
            ("run", query)
            for query in ("", "?token=", "?token", "?Token=x", "?token=%ff%fe", "?token=x&token=y")
        ),
        deployed(""),
        deployed("?token=x&token=y"),
    ],
    indirect=["backend"],
)
async def test_handshake_without_a_token_is_refused(backend: Backend, sign_up: SignUp, query: str) -> None:
    ada = await sign_up("Ada")
    assert await _handshake_status(ada, query) == backend.refusal
    assert await _handshake_status(ada, query, "podium") == backend.refusal
