"""Programs for the PATH of a subprocess that are answered by functions of the test that starts it."""

import ast
import shlex
import socketserver
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

# Nothing but what Python itself has loaded: a build starts a dozen of these, and `json` and `socket` would
# take twice as long as Python. Both sides write literals.
_CLIENT = """\
#!{python} -IS
import os, sys, _socket
call = repr((sys.argv, sys.stdin.read(), os.getcwd(), dict(os.environ)))
server = _socket.socket()
server.connect(("127.0.0.1", {port}))
server.sendall(call.encode())
server.shutdown(_socket.SHUT_WR)
status, output, errors = eval(b"".join(iter(lambda: server.recv(65536), b"")))
sys.stdout.write(output)
sys.stderr.write(errors)
sys.exit(status)
"""


@dataclass(frozen=True)
class Call:
    """What a program was called with, `argv[0]` being its name."""

    argv: tuple[str, ...]
    stdin: str
    folder: Path
    environment: Mapping[str, str]

    def __str__(self) -> str:
        return shlex.join(self.argv)


@dataclass(frozen=True)
class Answer:
    """How a program ends: its exit status, and what it prints to standard output and error."""

    status: int = 0
    output: str = ""
    errors: str = ""


Program = Callable[[Call], Answer]


class _Server(socketserver.TCPServer):
    """Answers one call after another. A program at the end of a pipe calls when it has read what comes in."""

    def __init__(self, programs: Mapping[str, Program]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.programs = programs
        self.calls: list[Call] = []
        self.error: BaseException | None = None

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep the first error for the test, to which it belongs."""
        self.error = self.error or sys.exception()


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        (path, *arguments), stdin, folder, environment = ast.literal_eval(self.rfile.read().decode())
        call = Call((Path(path).name, *arguments), stdin, Path(folder), environment)
        self.server.calls.append(call)
        answer = self.server.programs[call.argv[0]](call)
        self.wfile.write(repr((answer.status, answer.output, answer.errors)).encode())


@contextmanager
def running(folder: Path, programs: Mapping[str, Program]) -> Iterator[list[Call]]:
    """Put the programs into an empty folder, for the PATH, and give the calls as they come.

    An exception in a program is raised here in the end.
    """
    with _Server(programs) as server:
        for name in programs:
            path = folder / name
            path.write_text(_CLIENT.format(python=sys.executable, port=server.server_address[1]))
            path.chmod(0o755)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.calls
        finally:
            server.shutdown()
            thread.join()
    if server.error:
        raise server.error
