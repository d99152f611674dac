from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import CLIENT, Protocol

from local.gateway.frames import FrameCache

# Few and alike, so that the cache is asked for what it has and for what only looks like it.
PAYLOADS = st.one_of(
    st.sampled_from(
        [b"", b"a", b"b", b"\xff", b"\xc3\xbc", b"\xc3", b"x" * 126, b"x" * 125 + b"y", b"x" * 70_000]
    ),
    st.binary(max_size=3),
)


def parsed(frame: bytes) -> Frame:
    """As a client of `websockets` reads it."""
    client = Protocol(CLIENT)
    client.receive_data(frame)
    (event,) = client.events_received()
    assert isinstance(event, Frame)
    assert client.data_to_send() == []
    return event


def is_text(payload: bytes) -> bool:
    return payload.decode(errors="ignore").encode() == payload


@given(st.lists(PAYLOADS, max_size=50), st.integers(1, 8))
def test_every_payload_gets_its_own_frame_whatever_came_before(payloads: list[bytes], size: int) -> None:
    cache = FrameCache(size)
    for payload in payloads:
        frame = parsed(cache.frame(payload))
        assert bytes(frame.data) == payload
        assert frame.opcode is (Opcode.TEXT if is_text(payload) else Opcode.BINARY)
        assert frame.fin


def test_frame_is_made_once_for_several_payloads_in_turn() -> None:
    cache = FrameCache(3)
    boards = [b"forest", b"desert", b"sprint"]
    frames = [cache.frame(board) for board in boards]
    for _ in range(3):
        assert all(
            cache.frame(bytes(bytearray(board))) is frame for board, frame in zip(boards, frames, strict=True)
        )


def test_only_the_last_few_payloads_are_kept() -> None:
    cache = FrameCache(2)
    first = cache.frame(b"first")
    cache.frame(b"second")
    assert cache.frame(b"first") is first
    cache.frame(b"third")
    assert cache.frame(b"first") is not first
    assert cache.frame(b"first") == first
