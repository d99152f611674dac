"""WebSocket frames as bytes, made once for all the connections that one frame is pushed to."""

from collections import deque

from websockets.frames import Frame, Opcode


class FrameCache:
    """Remembers the frames of the last few payloads.

    A broadcaster pushes the same bytes to one connection after another, those of several boards in turn. So
    the next push has most likely one of the last payloads. They are compared, not hashed: that costs
    less, because most differ in their length already.
    """

    def __init__(self, payloads: int = 8) -> None:
        self._frames: deque[tuple[bytes, bytes]] = deque(maxlen=payloads)

    def frame(self, payload: bytes) -> bytes:
        """Return one whole, unmasked frame: text when the payload is UTF-8, and else binary."""
        for known, frame in self._frames:
            if known == payload:
                return frame
        opcode = Opcode.TEXT if _is_utf8(payload) else Opcode.BINARY
        frame = Frame(opcode, payload).serialize(mask=False)
        self._frames.appendleft((payload, frame))
        return frame


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
