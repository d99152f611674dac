"""What is read of an answer beyond its status."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from realtime.push.response import read_until_eof, retry_after

NOW = 1_763_812_800.0


def asking(value: bytes) -> bytes:
    return b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\nRetry-After: " + value + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"120", 120),
        (b" 0 ", 0),
        (b"Sat, 22 Nov 2025 12:01:00 GMT", 60),
        (b"Saturday, 22-Nov-25 12:01:00 GMT", 60),
        (b"Sat Nov 22 12:01:00 2025", 60),
        (b"Sat, 22 Nov 2025 13:01:00 +0100", 60),
        (b"Sat, 22 Nov 2025 11:00:00 GMT", 0),
        (b"-1", None),
        (b"1.5", None),
        (b"soon", None),
        (b"\xff\xfe", None),
        (b"", None),
    ],
)
def test_retry_after_is_read_in_seconds_or_as_a_date(value: bytes, seconds: float | None) -> None:
    assert retry_after(asking(value), NOW) == seconds


def test_answer_without_retry_after_asks_for_no_pause() -> None:
    assert retry_after(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", NOW) is None


def test_retry_after_of_the_answer_proper_counts() -> None:
    assert retry_after(b"HTTP/1.1 103 Hints\r\nRetry-After: 9\r\n\r\n" + asking(b"7"), NOW) == 7


@given(st.one_of(st.binary(), st.text().map(str.encode), st.from_regex(rb"[0-9]{1,400}", fullmatch=True)))
@example(b"Sun, 06 Nov 0001 08:49:37 +2359")
@example(b"Fri, 31 Dec 9999 23:59:59 -2359")
@example(b"9" * 400)
def test_retry_after_of_any_bytes_raises_no_error(value: bytes) -> None:
    seconds = retry_after(asking(value), NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nbody", 200),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\n\r\nbo", 503),
        (b"HTTP/1.1 200 OK\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", None),
        (b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: chunked\r\n\r\n5\r\nbody", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n", None),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 20", None),
        (b"SSH-2.0-OpenSSH", None),
        (b"", None),
    ],
)
def test_answer_that_ends_with_its_connection(received: bytes, status: int | None) -> None:
    assert read_until_eof(received) == status
