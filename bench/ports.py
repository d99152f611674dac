"""Ports for servers that tests and benchmarks start, kept for them from when they are chosen until the end.

A port that was only found free can be taken before its server binds it: by another process of the tests, or
by any connection that goes out from this machine. So each is bound here, without listening, and stays bound.
A server can bind it as well, for both say SO_REUSEADDR and only one listens. The system gives it to no one
who asks for any port. While no server listens on it, connections to it are refused.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


class Ports:
    """Hands out ports of 127.0.0.1."""

    def __init__(self, kept: ExitStack) -> None:
        self._kept = kept

    def __call__(self) -> int:
        """Return a port that nothing else uses."""
        holder = self._kept.enter_context(socket.socket())
        holder.bind(("127.0.0.1", 0))
        # Not before: a port that others hold like this must not be chosen.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port: int = holder.getsockname()[1]
        return port


@contextmanager
def kept_ports() -> Iterator[Ports]:
    """Hand out ports, and give them back at the end."""
    with ExitStack() as kept:
        yield Ports(kept)
