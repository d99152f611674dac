"""Tickets of runs: only what was signed here is one."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.run_ticket import SEED_LIMIT, TICKET_LIMIT, Key, Ticket, TicketError, key_id, sign, verify

KEY = Key("5f0c", b"one secret")
OTHER = Key("5f0d", b"another secret")
RUN = Ticket(
    key=KEY.id,
    user_id="87313b53-604d-4405-b676-4eb8a21c5969",
    area="gauntlet",
    started_at=1_763_812_800_000,
    expires_at=1_763_820_000_000,
    nonce="n" * 22,
    seed=7,
)
TICKET = sign(RUN, KEY)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def test_ticket_tells_its_run_and_its_key() -> None:
    assert verify(TICKET, KEY) == RUN
    assert key_id(TICKET) == KEY.id
    assert len(TICKET) < TICKET_LIMIT / 2


@given(
    st.text("0123456789abcdef-", min_size=1, max_size=64),
    st.integers(0, 10**14),
    st.integers(0, SEED_LIMIT - 1),
    st.binary(min_size=1),
)
def test_any_run_comes_back(user: str, started_at: int, seed: int, secret: bytes) -> None:
    run = RUN.model_copy(update={"user_id": user, "started_at": started_at, "seed": seed})
    assert verify(sign(run, Key(KEY.id, secret)), Key(KEY.id, secret)) == run


def test_key_of_another_id_or_secret_is_refused() -> None:
    for key in (OTHER, Key(KEY.id, OTHER.secret), Key(OTHER.id, KEY.secret)):
        with pytest.raises(TicketError):
            verify(TICKET, key)


@given(st.integers(0, len(TICKET) - 1), st.sampled_from("AZaz09-_.=+/ \n\u00e9\ud800"))
def test_ticket_with_a_character_changed_is_refused(place: int, character: str) -> None:
    changed = TICKET[:place] + character + TICKET[place + 1 :]
    if changed != TICKET:
        with pytest.raises(TicketError):
            verify(changed, KEY)


def test_run_that_a_player_wrote_is_refused() -> None:
    longer = RUN.model_copy(update={"started_at": RUN.started_at - 3_600_000})
    payload, signature = encoded(longer.model_dump_json().encode()), TICKET.partition(".")[2]
    with pytest.raises(TicketError, match="not signed here"):
        verify(f"{payload}.{signature}", KEY)


def test_signature_of_the_payload_alone_is_refused() -> None:
    import hashlib
    import hmac

    payload = TICKET.partition(".")[0]
    bare = encoded(hmac.digest(KEY.secret, payload.encode(), hashlib.sha256))
    with pytest.raises(TicketError):
        verify(f"{payload}.{bare}", KEY)


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.b", TICKET[:-1], TICKET + "x", TICKET + "=", TICKET.replace(".", ""), "." * 10_000]
    + [
        f"{encoded(content)}.{'A' * 43}"
        for content in (b"", b"null", b"[]", b"{}", b"\xff", b"[" * 500, json.dumps({"key": 1}).encode())
    ],
)
def test_text_that_is_no_ticket_is_refused(text: str) -> None:
    for read in (key_id, lambda ticket: verify(ticket, KEY)):
        with pytest.raises(TicketError, match="it is no ticket"):
            read(text)
