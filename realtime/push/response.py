"""The reading of an answer beyond its status: rarely anything."""

import contextlib
from datetime import UTC
from email.utils import parsedate_to_datetime

import httptools

RESPONSE_LIMIT = 65_536
"""Bytes of one answer, headers included. Where more comes, the answer is not waited for."""

FINAL = 200
"""The first status of an answer proper; after one below comes another."""


class _Headers:
    """The last head in what was received."""

    def __init__(self, received: bytes) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.complete = False
        parser = httptools.HttpResponseParser(self)
        # Whatever follows the head is of no interest.
        with contextlib.suppress(httptools.HttpParserError):
            parser.feed_data(received)
        self.status = parser.get_status_code()

    def on_message_begin(self) -> None:
        self.headers.clear()
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self.complete = True


def read_until_eof(received: bytes) -> int | None:
    """Return the status of an answer whose end is the connection's end; None when it should have gone on.

    https://datatracker.ietf.org/doc/html/rfc9112#section-6.3 (8)
    """
    head = _Headers(received)
    framed = head.headers.keys() & {b"content-length", b"transfer-encoding"}
    return head.status if head.complete and not framed and head.status >= FINAL else None


def retry_after(response: bytes, now: float) -> float | None:
    """Return for how many seconds from `now` (since the epoch) an answer asks to be left alone.

    None when it does not ask, or not for anything that can be understood.

    https://datatracker.ietf.org/doc/html/rfc9110#section-10.2.3
    """
    value = _Headers(response).headers.get(b"retry-after", b"").strip()
    if value.isdigit():
        seconds = float(value)
    else:
        try:
            date = parsedate_to_datetime(value.decode("latin-1"))
        except ValueError:
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    return max(seconds, 0.0)
