"""A backend to play against, and the real `python -m local run` as one, as a person at a terminal has it."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import aioboto3

from game.catalogue import Catalogue, load_catalogue
from local.emulator import read_credentials
from local.settings import REGION
from store.database import Database
from tests.support.clients import get
from tests.support.waiting import COMMAND_SECONDS, until

CHECKOUT = Path(__file__).parents[2]


class Ports(NamedTuple):
    """The three ports of a backend."""

    http: int
    ws: int
    emulator: int

    @classmethod
    def free(cls, unused_port: Callable[[], int]) -> "Ports":
        """Return three ports that are free."""
        return cls(unused_port(), unused_port(), unused_port())


def environment(**variables: object) -> dict[str, str]:
    """The environment of a child: ours without what points elsewhere, and these `PODIUM_` variables."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PODIUM_"))
    }
    ours = {f"PODIUM_{name.upper()}": str(value) for name, value in variables.items()}
    # Wide enough that the log's lines are not wrapped.
    return inherited | {"COLUMNS": "400"} | ours


class Backend(Protocol):
    """A running backend, wherever it runs."""

    @property
    def rest_url(self) -> str:
        """The address of the REST API."""

    @property
    def connections_url(self) -> str:
        """Where `@connections` is."""

    @property
    def data(self) -> Path:
        """The folder of the AWS emulator."""

    @property
    def credentials(self) -> dict[str, str]:
        """The variables with which the AWS CLI reaches its account."""

    @property
    def trusts(self) -> ssl.SSLContext | None:
        """Whom its clients have to trust, where it speaks TLS."""

    @property
    def parallel_requests(self) -> int:
        """How many requests at a time it is given."""

    @property
    def subprotocol(self) -> str | None:
        """What a handshake that offers `podium` is answered with."""

    @property
    def refusal(self) -> int:
        """The status of a handshake that the authorizer refuses."""

    def new_errors(self) -> list[str]:
        """Return what it has logged as errors since it was last asked."""

    def config(self) -> dict[str, Any]:
        """`client-config.json`, as any client reads it."""

    def catalogue(self) -> Catalogue:
        """Return the game's catalogue that it runs with."""

    def client(self, service: str, endpoint: str | None = None) -> Any:
        """Return a client of the SDK for its account, to be entered."""

    def database(self) -> AbstractAsyncContextManager[Database]:
        """Its tables."""


class BackendProcess:
    """One backend on a data folder. `settings` are `PODIUM_` variables, by their names in lower case.

    Everything that it says is kept: `output` has what is for the person, `log` what is on standard error.
    """

    def __init__(self, folder: Path, ports: Ports, **settings: object) -> None:
        self.ports = ports
        self.folder = self.data = folder
        self.trusts: ssl.SSLContext | None = None
        self.subprotocol: str | None = "podium"
        self.refusal = 401
        self.parallel_requests = 100
        self._settings = {
            "http_port": ports.http,
            "ws_port": ports.ws,
            "emulator_port": ports.emulator,
            "data_dir": folder,
        } | settings
        self._judged = 0
        self._out, self._err = folder.with_suffix(".out"), folder.with_suffix(".err")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """Standard output, of all starts."""
        return self._out.read_text()

    @property
    def log(self) -> str:
        """Standard error, of all starts."""
        return self._err.read_text()

    @property
    def rest_url(self) -> str:
        """The address of the REST API."""
        return f"http://127.0.0.1:{self.ports.http}"

    @property
    def connections_url(self) -> str:
        """Where `@connections` is."""
        return f"http://127.0.0.1:{self.ports.ws}/local"

    @property
    def credentials(self) -> dict[str, str]:
        """The variables with which the AWS CLI reaches its account."""
        return read_credentials(self.folder) | {"AWS_DEFAULT_REGION": REGION}

    def new_errors(self) -> list[str]:
        """Return what it has logged since it was last asked, if an error is among it."""
        new = whole_lines(self.log[self._judged :])
        self._judged += len(new)
        return [new] if "Traceback" in new or " ERROR " in new else []

    @property
    def launched(self) -> bool:
        """Whether it has ever been started."""
        return self._process is not None

    def launch(self, *, as_background_job: bool = False) -> None:
        """Start the process and wait for nothing; with SIGINT ignored, as a script's shell does with `&`."""
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "local", "run"],
                cwd=CHECKOUT,
                env=environment(**self._settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                preexec_fn=_ignore_sigint if as_background_job else None,
            )

    def start(self, *, as_background_job: bool = False) -> None:
        """Start and wait for `ready`; fails with what the process said instead."""
        before = len(self.output) if self._out.exists() else 0
        self.launch(as_background_job=as_background_job)
        until(lambda: "ready" in self.output[before:] or self._ended(), self._told)
        assert "ready" in self.output[before:], self._told()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and wait for the end; the exit status."""
        assert self._process is not None
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end; the exit status."""
        assert self._process is not None
        until(self._ended, self._told)
        return self._process.wait()

    def kill(self) -> None:
        """Leave nothing behind, whatever has happened."""
        for pid in self.processes():
            # It may have ended since it was listed.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def emulator_pid(self) -> int:
        """Return the process id of the emulator."""
        assert self._process is not None
        # Not the copy of it that saves, nor a portrait's process.
        (pid,) = (
            int(entry.name)
            for entry in map(Path, map("/proc/{}".format, self.processes()))
            if _parent_of(entry) == self._process.pid and b"local.ministack" in _read(entry / "cmdline")
        )
        return pid

    def processes(self) -> list[int]:
        """Return the living processes that were given the data folder (read from /proc: Linux only)."""
        return [
            int(entry.name)
            for entry in Path("/proc").glob("[0-9]*")
            if str(self.folder).encode() in _read(entry / "environ")
        ]

    def assert_nothing_is_left(self) -> None:
        """No process of this backend lives, and its ports are free."""
        assert self.processes() == []
        for port in self.ports:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))

    def config(self) -> dict[str, Any]:
        """`client-config.json`, as any client reads it."""
        answer = get(f"{self.rest_url}/client-config.json").raise_for_status()
        config: dict[str, Any] = answer.json()
        return config

    def catalogue(self) -> Catalogue:
        """Return the catalogue that the backend was started with."""
        path = self._settings.get("catalogue")
        return load_catalogue(Path(str(path))) if path else load_catalogue()

    def client(self, service: str, endpoint: str | None = None) -> Any:
        """A client of the SDK for the emulator's account, to be entered; by default of the emulator's."""
        url = endpoint or f"http://127.0.0.1:{self.ports.emulator}"
        return client_of(self.credentials, service, url)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """Yield the backend's tables."""
        async with self.client("dynamodb") as client:
            yield Database(client)

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _told(self) -> str:
        return f"output: {self.output[-2000:]}\nlog: {self.log[-4000:]}"


def client_of(credentials: Mapping[str, str], service: str, endpoint: str, **options: Any) -> Any:
    """A client of the SDK for the emulator's account, to be entered; `options` of aioboto3's `client`."""
    key, secret = credentials["AWS_ACCESS_KEY_ID"], credentials["AWS_SECRET_ACCESS_KEY"]
    session: Any = aioboto3.Session(key, secret, region_name=REGION)
    return session.client(service, endpoint_url=endpoint, **options)


def whole_lines(text: str) -> str:
    """Return a text without its last line, if that is still being written."""
    return text[: text.rfind("\n") + 1]


@contextmanager
def running(folder: Path, ports: Ports, **settings: object) -> Iterator[BackendProcess]:
    """Yield a backend that is started, must stop cleanly at Ctrl-C, and may have logged no error."""
    process = BackendProcess(folder, ports, **settings)
    try:
        process.start()
        yield process
        assert process.stop() == 0
        assert process.new_errors() == []
    finally:
        process.kill()


def launch(*arguments: str, variables: Mapping[str, object]) -> subprocess.Popen[str]:
    """Start `python -m local`, with pipes for what it says."""
    return subprocess.Popen(
        [sys.executable, "-m", "local", *arguments],
        cwd=CHECKOUT,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_to_end(*arguments: str, variables: Mapping[str, object]) -> subprocess.CompletedProcess[str]:
    """Run `python -m local` until it ends by itself."""
    with launch(*arguments, variables=variables) as process:
        try:
            output, errors = process.communicate(timeout=COMMAND_SECONDS)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _ignore_sigint() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _parent_of(process: Path) -> int:
    # https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    fields = _read(process / "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
