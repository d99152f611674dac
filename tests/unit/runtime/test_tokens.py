"""Which tokens are good."""

import asyncio
from typing import Any

import aiohttp
import pytest

from runtime.key_set import FAILURE_SECONDS, KEPT_SECONDS, OUTAGE_SECONDS, REFRESH_SECONDS
from runtime.token_kinds import KeySetError, TokenError
from runtime.tokens import LEEWAY_SECONDS, TokenVerifier
from tests.unit.realtime.user_pool import (
    ACCESS_CLAIMS,
    CLIENT_ID,
    ID_CLAIMS,
    ISSUER,
    KEY_SET_URL,
    NOW,
    key_set,
    token,
    token_signed_with_the_public_key,
    unsigned_token,
)

pytestmark = pytest.mark.usefixtures("_token_time")


class KeyEndpoint:
    """The pool's key set behind its URL, and a clock."""

    def __init__(self, *key_ids: str) -> None:
        self.answer: Any = key_set(*key_ids)
        self.fetches: list[str] = []
        self.seconds = 1000.0
        self.takes = 0.0

    async def fetch(self, url: str) -> Any:
        self.fetches.append(url)
        await asyncio.sleep(0)
        self.seconds += self.takes
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def clock(self) -> float:
        return self.seconds

    def verifier(self) -> TokenVerifier:
        return TokenVerifier(
            issuer=ISSUER,
            client_id=CLIENT_ID,
            key_set_url=KEY_SET_URL,
            fetch=self.fetch,
            now_s=self.clock,
        )


def without(claims: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in claims.items() if key != name}


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(ID_CLAIMS, id="ID token"),
        pytest.param(ACCESS_CLAIMS, id="access token"),
        pytest.param(ID_CLAIMS | {"exp": NOW - LEEWAY_SECONDS + 1}, id="expired within the leeway"),
        pytest.param(ID_CLAIMS | {"iat": NOW + LEEWAY_SECONDS}, id="issued by a clock that runs ahead"),
    ],
)
async def test_good_token_gives_its_claims(claims: dict[str, Any]) -> None:
    endpoint = KeyEndpoint("key-1")
    assert await endpoint.verifier().verify(token(claims)) == claims
    assert endpoint.fetches == [KEY_SET_URL]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(unsigned_token(), id="alg none"),
        pytest.param(unsigned_token("None"), id="alg None"),
        pytest.param(unsigned_token("RS256"), id="no signature"),
        pytest.param(token_signed_with_the_public_key(), id="HS256 with the public key"),
        pytest.param(token_signed_with_the_public_key("RS256"), id="HS256 called RS256"),
        pytest.param(token(signed_by="stranger"), id="signed with a stranger's key"),
        pytest.param(token(kid=None), id="no kid"),
        pytest.param(token(kid="stranger", signed_by="stranger"), id="unknown kid"),
        pytest.param(token(ID_CLAIMS | {"iss": ISSUER + "4"}), id="another pool"),
        pytest.param(token(without(ID_CLAIMS, "iss")), id="no issuer"),
        pytest.param(token(ID_CLAIMS | {"aud": "another"}), id="ID token for another client"),
        pytest.param(token(ID_CLAIMS | {"aud": [CLIENT_ID, "another"]}), id="ID token for many"),
        pytest.param(token(without(ID_CLAIMS, "aud") | {"client_id": CLIENT_ID}), id="ID token without aud"),
        pytest.param(token(ACCESS_CLAIMS | {"client_id": "another"}), id="access token for another client"),
        pytest.param(
            token(without(ACCESS_CLAIMS, "client_id") | {"aud": CLIENT_ID}), id="access without client"
        ),
        pytest.param(token(ID_CLAIMS | {"token_use": "refresh"}), id="another use"),
        pytest.param(token(without(ID_CLAIMS, "token_use")), id="no use"),
        pytest.param(token(ID_CLAIMS | {"exp": NOW - LEEWAY_SECONDS}), id="expired beyond the leeway"),
        pytest.param(token(without(ID_CLAIMS, "exp")), id="no expiry"),
        pytest.param(token(ID_CLAIMS | {"exp": "never"}), id="expiry is no number"),
        pytest.param(token(ID_CLAIMS | {"nbf": NOW + 60}), id="not good yet"),
        pytest.param(token(without(ID_CLAIMS, "sub")), id="no subject"),
        pytest.param(token()[:-4], id="cut"),
        pytest.param(token() + "x", id="too long"),
        pytest.param(token().replace(".", ""), id="no dots"),
        pytest.param("", id="empty"),
        pytest.param("a.b.c", id="not base64"),
        pytest.param("e30.e30.e30", id="empty objects"),
        pytest.param("W10.W10.W10", id="arrays"),
        pytest.param("\u2028.é.\U0001f3c6", id="not ASCII"),
        pytest.param("\ud800", id="not Unicode"),
        pytest.param("." * 100_000, id="dots"),
    ],
)
async def test_bad_token_is_refused(bad: str) -> None:
    with pytest.raises(TokenError):
        await KeyEndpoint("key-1").verifier().verify(bad)


@pytest.mark.parametrize(
    "bad", [unsigned_token(), token_signed_with_the_public_key(), token(kid=None), "a.b.c"]
)
async def test_token_that_names_no_key_of_ours_costs_no_fetch(bad: str) -> None:
    endpoint = KeyEndpoint("key-1")
    with pytest.raises(TokenError):
        await endpoint.verifier().verify(bad)
    assert endpoint.fetches == []


async def test_reason_holds_nothing_of_the_token() -> None:
    forged = token(ID_CLAIMS | {"aud": "another", "sub": "secret-subject"})
    with pytest.raises(TokenError) as caught:
        await KeyEndpoint("key-1").verifier().verify(forged)
    assert "secret-subject" not in str(caught.value)
    assert not any(part in str(caught.value) for part in forged.split("."))


async def test_use_can_be_narrowed() -> None:
    verifier = KeyEndpoint("key-1").verifier()
    assert await verifier.verify(token(ID_CLAIMS), uses=frozenset({"id"})) == ID_CLAIMS
    with pytest.raises(TokenError, match="use must be id"):
        await verifier.verify(token(ACCESS_CLAIMS), uses=frozenset({"id"}))


async def test_keys_are_fetched_once() -> None:
    endpoint = KeyEndpoint("key-1", "key-2")
    verifier = endpoint.verifier()
    for kid in ("key-1", "key-2", "key-1"):
        await verifier.verify(token(kid=kid, signed_by=kid))
    assert len(endpoint.fetches) == 1


async def test_verifications_at_once_fetch_once_however_long_it_takes() -> None:
    endpoint = KeyEndpoint("key-1")
    endpoint.takes = 2.0 * REFRESH_SECONDS
    verifier = endpoint.verifier()
    await asyncio.gather(*(verifier.verify(token()) for _ in range(20)))
    assert len(endpoint.fetches) == 1


async def test_rotated_key_is_picked_up() -> None:
    endpoint = KeyEndpoint("key-1")
    verifier = endpoint.verifier()
    await verifier.verify(token())
    endpoint.answer = key_set("key-2")
    endpoint.seconds += REFRESH_SECONDS
    assert await verifier.verify(token(kid="key-2", signed_by="key-2")) == ID_CLAIMS
    assert len(endpoint.fetches) == 2
    with pytest.raises(TokenError, match="does not have"):
        await verifier.verify(token())


async def test_made_up_key_ids_fetch_once_in_a_while() -> None:
    endpoint = KeyEndpoint("key-1")
    verifier = endpoint.verifier()
    await verifier.verify(token())
    endpoint.seconds += REFRESH_SECONDS
    for number in range(5):
        with pytest.raises(TokenError, match="does not have"):
            await verifier.verify(token(kid=f"made-up-{number}"))
    assert len(endpoint.fetches) == 2
    endpoint.seconds += REFRESH_SECONDS
    with pytest.raises(TokenError, match="does not have"):
        await verifier.verify(token(kid="made-up"))
    assert len(endpoint.fetches) == 3


@pytest.mark.parametrize(
    "answer",
    [
        aiohttp.ClientError("connection refused"),
        TimeoutError(),
        ValueError("not JSON"),
        None,
        "keys",
        [],
        {},
        {"keys": None},
        {"keys": []},
        {"keys": ["key-1"]},
        {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [{"kty": "RSA", "kid": "key-1"}]},
        {"keys": [{"kty": "RSA", "kid": "key-1", "n": "!", "e": "!"}]},
    ],
)
async def test_unreadable_key_set_is_no_judgement_of_the_token(answer: Any) -> None:
    endpoint = KeyEndpoint()
    endpoint.answer = answer
    with pytest.raises(KeySetError):
        await endpoint.verifier().verify(token())


async def test_known_keys_outlast_an_unreachable_endpoint() -> None:
    endpoint = KeyEndpoint("key-1")
    verifier = endpoint.verifier()
    await verifier.verify(token())
    endpoint.answer = TimeoutError()
    endpoint.seconds += REFRESH_SECONDS
    with pytest.raises(KeySetError):
        await verifier.verify(token(kid="key-2", signed_by="key-2"))
    assert await verifier.verify(token()) == ID_CLAIMS


@pytest.mark.parametrize("failure", [TimeoutError(), aiohttp.ClientError("refused"), {"keys": []}])
async def test_failed_fetch_is_remembered_for_some_seconds(failure: Any) -> None:
    endpoint = KeyEndpoint("key-1")
    good, endpoint.answer = endpoint.answer, failure
    verifier = endpoint.verifier()
    for _ in range(5):
        with pytest.raises(KeySetError):
            await verifier.verify(token())
    assert len(endpoint.fetches) == 1
    endpoint.answer = good
    endpoint.seconds += FAILURE_SECONDS
    assert await verifier.verify(token()) == ID_CLAIMS
    assert len(endpoint.fetches) == 2


async def test_verifications_at_once_share_a_fetch_that_fails_slowly() -> None:
    endpoint = KeyEndpoint()
    endpoint.answer, endpoint.takes = TimeoutError(), 5.0
    verifier = endpoint.verifier()
    answers = await asyncio.gather(*(verifier.verify(token()) for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {KeySetError}
    assert len(endpoint.fetches) == 1


async def test_withdrawn_key_is_trusted_for_its_age_and_no_longer() -> None:
    endpoint = KeyEndpoint("key-1", "key-2")
    verifier = endpoint.verifier()
    await verifier.verify(token())
    endpoint.answer = key_set("key-2")
    endpoint.seconds += KEPT_SECONDS - 1
    assert await verifier.verify(token()) == ID_CLAIMS
    endpoint.seconds += 1
    with pytest.raises(TokenError, match="does not have"):
        await verifier.verify(token())
    assert await verifier.verify(token(kid="key-2", signed_by="key-2")) == ID_CLAIMS
    assert len(endpoint.fetches) == 2


async def test_old_keys_go_on_in_an_outage_for_a_bounded_time() -> None:
    endpoint = KeyEndpoint("key-1")
    verifier = endpoint.verifier()
    await verifier.verify(token())
    good, endpoint.answer = endpoint.answer, TimeoutError()
    endpoint.seconds += KEPT_SECONDS
    for _ in range(3):
        assert await verifier.verify(token()) == ID_CLAIMS
    assert len(endpoint.fetches) == 2, "tried once, not for each token"
    endpoint.seconds += OUTAGE_SECONDS - KEPT_SECONDS - 1
    assert await verifier.verify(token()) == ID_CLAIMS
    endpoint.seconds += 1
    with pytest.raises(KeySetError):
        await verifier.verify(token())
    endpoint.answer = good
    endpoint.seconds += FAILURE_SECONDS
    assert await verifier.verify(token()) == ID_CLAIMS


async def test_tokens_with_a_known_key_do_not_wait_for_the_one_that_fetches() -> None:
    endpoint = KeyEndpoint("key-1")
    verifier = endpoint.verifier()
    await verifier.verify(token())
    endpoint.seconds += KEPT_SECONDS
    answered = asyncio.Event()
    fetch = endpoint.fetch

    async def slow(url: str) -> Any:
        await answered.wait()
        return await fetch(url)

    verifier._keys._fetch = slow
    first = asyncio.create_task(verifier.verify(token()))
    await asyncio.sleep(0)
    assert await verifier.verify(token()) == ID_CLAIMS
    assert not first.done()
    answered.set()
    assert await first == ID_CLAIMS


async def test_clock_that_is_set_back_fetches_again() -> None:
    endpoint = KeyEndpoint("key-1")
    verifier = endpoint.verifier()
    await verifier.verify(token())
    endpoint.seconds -= 500
    endpoint.answer = key_set("key-2")
    with pytest.raises(TokenError, match="does not have"):
        await verifier.verify(token())


@pytest.mark.parametrize(
    "malformed",
    [
        "key-0",
        None,
        {"kty": "RSA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "kid": "key-0"},
        {"kty": "RSA", "kid": "key-0", "n": "!", "e": "!"},
        {"kty": "RSA", "kid": "key-0", "n": 5, "e": None},
        {"kty": "RSA", "kid": ["key-0"], "n": "AQAB", "e": "AQAB"},
    ],
)
@pytest.mark.parametrize("at", [0, 1])
async def test_malformed_key_is_left_out_and_logged(
    malformed: Any, at: int, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = KeyEndpoint("key-1")
    endpoint.answer["keys"].insert(at, malformed)
    verifier = endpoint.verifier()
    assert await verifier.verify(token()) == ID_CLAIMS
    assert "is left out" in caplog.text


async def test_token_of_a_malformed_key_is_not_judged() -> None:
    endpoint = KeyEndpoint("key-1")
    endpoint.answer["keys"].append({"kty": "RSA", "kid": "key-0", "n": "!", "e": "!"})
    with pytest.raises(KeySetError, match="malformed"):
        await endpoint.verifier().verify(token(kid="key-0", signed_by="key-2"))


async def test_keys_of_other_kinds_are_passed_over() -> None:
    endpoint = KeyEndpoint("key-1")
    endpoint.answer["keys"].insert(0, {"kty": "EC", "kid": "key-0", "crv": "P-256"})
    assert await endpoint.verifier().verify(token()) == ID_CLAIMS
