"""Tickets of runs: what a game gets when a run begins, and hands back with the score of it.

    base64url(payload) "." base64url(HMAC-SHA256(key, "podium-run." base64url(payload)))

The payload is JSON: the id of the key, player, area, when the run began and when it expires (milliseconds),
a nonce that names the run, and a seed for the game's own dice. No row is written when a run begins: what the
signature vouches for is the memory. That a run is used once is up to the row that its score writes, which is
named by the nonce. Pure: keys, clock and random numbers are handed in.
"""

import base64
import binascii
import hashlib
import hmac
import re
from typing import Annotated, NamedTuple

from pydantic import Field, ValidationError

from game.board import Milliseconds
from game.model import Model

TICKET_LIMIT = 1024
"""Characters of a ticket, at most; those that are signed have about 400."""
SEED_LIMIT = 2**31
"""Seeds are below this, so that they are an `int` in every language."""
NONCE_BYTES = 16

_CONTEXT = b"podium-run."
"""In front of what is signed: no signature of something else, by the same key, is good for a ticket."""
_TICKET = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")


class TicketError(ValueError):
    """The text is not a ticket, or the key did not sign it. The message holds nothing of either."""


class Key(NamedTuple):
    """A key for signing, and its id, which tickets carry."""

    id: str
    secret: bytes


class Ticket(Model, alias_generator=None):
    """The content of a ticket: a run of a player in an area. Times in milliseconds since the epoch."""

    key: str
    user_id: str
    area: str
    started_at: Milliseconds
    expires_at: Milliseconds
    nonce: Annotated[str, Field(min_length=1)]
    seed: Annotated[int, Field(ge=0, lt=SEED_LIMIT)]


def sign(run: Ticket, key: Key) -> str:
    """Return the ticket of a run that names this key."""
    payload = _encode(run.model_dump_json().encode())
    return f"{payload}.{_signature(payload, key)}"


def key_id(ticket: str) -> str:
    """Return the id of the key that a ticket says it was signed with. Raises TicketError."""
    return _read(ticket).key


def verify(ticket: str, key: Key) -> Ticket:
    """Return the run of a ticket that this key has signed. Raises TicketError."""
    run = _read(ticket)
    payload, _, signature = ticket.partition(".")
    # As text, so that one run has one ticket: base64 has several forms of the same bytes.
    good = hmac.compare_digest(signature.encode(), _signature(payload, key).encode())
    if not good or run.key != key.id:
        raise TicketError("it was not signed here")
    return run


def _read(ticket: str) -> Ticket:
    if len(ticket) > TICKET_LIMIT or not _TICKET.fullmatch(ticket):
        raise TicketError("it is no ticket")
    payload = ticket.partition(".")[0]
    try:
        return Ticket.model_validate_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValidationError) as error:
        raise TicketError("it is no ticket") from error


def _signature(payload: str, key: Key) -> str:
    return _encode(hmac.digest(key.secret, _CONTEXT + payload.encode(), hashlib.sha256))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
