"""The AWS emulator (ministack) as a child process: DynamoDB, S3 and Cognito on one port of this machine.

It runs behind a launcher of ours (`local/ministack/`), which saves its state every few seconds when something
has changed, and for the last time on SIGTERM. So how it ends matters more than how it starts:

- Ctrl-C in a terminal reaches every process of the foreground group. The emulator runs in a session of its
  own and is stopped by us, after everything that still writes to it.
- If this process is killed, the kernel (on Linux) sends the emulator SIGTERM: it saves and ends.
- Its door is guarded: it takes what is signed with `credentials`, whose secret is another one at each start
  of this program, and what AWS takes from anybody. The AWS CLI finds them in the folder of the data.
- It says over a pipe when it could not save. One that ends without having said that all is on the disk has
  lost something, and `stop` says so.
- A second emulator on the same data would load a state that the first is still writing, and on the same port
  would share the connections with it in silence (SO_REUSEPORT). So its ports are probed before the start, and
  the emulator's log file stays locked for as long as the emulator lives.
"""

import asyncio
import configparser
import contextlib
import fcntl
import logging
import math
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import aiohttp
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.ministack import generations
from local.ministack.reports import ReportReader
from local.settings import CHECKOUT, REGION

PYTHON = CHECKOUT / ".venvs" / "emulator" / "bin" / "python"
SERVICES = ("dynamodb", "dynamodbstreams", "s3", "cognito-idp", "sts", "secretsmanager")

_CREDENTIALS = "credentials"
_POLL_INTERVAL = 0.05
_LOG_TAIL_LINES = 15

# Seconds that an emulator which has closed its port, but is still writing its state, is waited for.
_HANDOVER_TIMEOUT = 10.0

# All that the emulator gets of our environment: none of the variables that configure it.
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")

# Runs in the child before the emulator: PR_SET_PDEATHSIG (1) survives the exec, and the parent's id is
# compared because the parent may have died before the signal was set.
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


logger = logging.getLogger("podium.emulator")


class EmulatorError(Exception):
    """The emulator cannot start, or has not kept its data; the message is for the person at the terminal."""


@dataclass(frozen=True)
class Tls:
    """The certificate and key (PEM) that an emulator needs to speak TLS, as AWS does.

    plain_port: where it asks itself, without TLS, for the keys of the tokens that it has to verify.
    """

    certificate: Path
    key: Path
    plain_port: int


def read_credentials(data_dir: Path) -> dict[str, str]:
    """Return the credentials of the emulator that was started last with a folder, as variables of the SDK.

    Raises OSError when there was none.
    """
    file = configparser.ConfigParser(interpolation=None)
    file.read_string((data_dir / _CREDENTIALS).read_text())
    return {name.upper(): value for name, value in file["default"].items()}


class Emulator:
    """One ministack process, bound to 127.0.0.1.

    It belongs to no event loop: `start` may run in one and `stop` in another. Call `start` from a thread that
    outlives the emulator (the main thread): Linux counts the death of the starting thread as the parent's.

    port: TCP port of all services.
    data_dir: folder of the state (`state/`, `s3/`), `emulator.log` and `credentials`; made when missing.
    python: the interpreter of an environment with ministack; by default of this checkout's `.venvs/emulator`.
    start_timeout: seconds until healthy, default 60; after that `start` stops it and raises EmulatorError.
    stop_timeout: seconds to write the state after SIGTERM, default 60; after that SIGKILL loses what was
        not written.
    services: what it offers, by its own names; everything when empty.
    guests_per_minute: new guests that its user pools let in, unless a pool has a trigger that says so; None,
        the default: none.
    save_seconds: how often it looks whether there is something to save, default 2; None: nothing is saved, or
        read at the start.
    guarded: whether what is not signed with `credentials` is kept out. ministack can check more by itself
        (AUTH), with credentials that it gives out.
    tls: TLS instead of plain HTTP.
    variables: further variables of its environment, for what configures it, or the functions that it runs.
    """

    def __init__(
        self,
        *,
        port: int,
        data_dir: Path,
        python: Path = PYTHON,
        start_timeout: float = 60,
        stop_timeout: float = 60,
        services: Sequence[str] = SERVICES,
        guests_per_minute: int | None = None,
        save_seconds: float | None = 2,
        guarded: bool = True,
        tls: Tls | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.log = data_dir / "emulator.log"
        self.credentials = {
            "AWS_ACCESS_KEY_ID": "podium",
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(32),
        }
        """As variables of the SDK. With 12 digits in place of the key's id they are of that account."""
        self._data_dir = data_dir
        self._python = python
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._services = services
        self._guests_per_minute = guests_per_minute
        self._save_seconds = save_seconds
        self._guarded = guarded
        self._tls = tls
        self._variables = variables or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._reports: ReportReader | None = None
        self._problem: str | None = None
        self._is_settled = False

    @property
    def _state(self) -> Path:
        return self._data_dir / "state"

    @property
    def pid(self) -> int | None:
        """Process id, or None when not started or stopped."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the emulator and return when it answers; whatever goes wrong, no process is left behind.

        Raises EmulatorError when the program is missing, a port is taken, the folder cannot be used, another
        emulator still uses the data, what was saved cannot be read (nothing is overwritten then), or the
        process ends or does not answer in time (with the tail of its log).
        """
        if not os.access(self._python, os.X_OK):
            raise EmulatorError(f"The emulator is not installed at {self._python}: run `make run`.")
        if await _is_taken(self.port):
            raise EmulatorError(
                f"Port {self.port} is in use: stop what listens there, "
                "or set PODIUM_EMULATOR_PORT to a free port."
            )
        if self._tls and await _is_taken(self._tls.plain_port):
            raise EmulatorError(f"Port {self._tls.plain_port} is in use: stop what listens there.")
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            file = self.log.open("ab")
        except OSError as error:
            raise self._unusable(error) from error
        with file as log:
            await self._lock(log)
            log.truncate(0)
            self._write_credentials()
            self._process = self._spawn(log)
        try:
            if not await self._becomes_ready(self._process):
                raise EmulatorError(
                    f"The emulator did not answer within {self._start_timeout:g} seconds.\n{self._log_tail()}"
                )
        except BaseException:
            await self._end(self._process)
            raise

    async def wait(self) -> str:
        """Wait until the process has ended by itself; how, and what that has lost.

        Until then, what it says of its saves is logged.
        """
        if self._process is None:
            raise RuntimeError("The emulator is not started.")
        process = self._process
        await _until(lambda: self._has_ended(process), math.inf)
        # `stop` need not tell it once more.
        self._is_settled = True
        how = f"The emulator ended by itself, with status {process.returncode}; see {self.log}."
        return f"{how} What has changed since {self._last_saved()} is lost."

    async def stop(self) -> None:
        """Let the emulator save its state and end; returns when the process is gone. May be called twice.

        Raises EmulatorError when the process is gone, and not all that had changed is on the disk.
        """
        if self._process is None:
            return
        await self._end(self._process)
        if self._save_seconds is not None and not self._is_settled:
            problem = self._problem or "the emulator ended before it had saved it"
            raise EmulatorError(
                f"The data is not kept ({problem}): what has changed since {self._last_saved()} is lost."
            )

    async def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        if not await _until(lambda: self._has_ended(process), self._stop_timeout):
            process.kill()
            process.wait()
        self._take_reports()
        if self._reports:
            self._reports.close()
        self._process = self._reports = None

    def _has_ended(self, process: subprocess.Popen[bytes]) -> bool:
        self._take_reports()
        return process.poll() is not None

    def _take_reports(self) -> None:
        for report in self._reports.read() if self._reports else ():
            if "unsaved" in report:
                self._problem = str(report["unsaved"])
                logger.error(
                    "the data cannot be saved: %s. It is tried again; mend that before you stop, or what has "
                    "changed since %s is lost",
                    self._problem,
                    self._last_saved(),
                )
            elif "saved" in report:
                self._problem = None
                logger.info("the data is saved again")
            elif "refused" in report:
                self._problem = str(report["refused"])
            elif "ended" in report:
                self._is_settled = True

    def _last_saved(self) -> str:
        saved = generations.last_saved(self._state)
        return "the first start" if saved is None else f"the last save, at {saved:%H:%M:%S},"

    async def _lock(self, log: BinaryIO) -> None:
        if not await _until(lambda: _try_lock(log), _HANDOVER_TIMEOUT):
            raise EmulatorError(
                f"Another emulator still uses {self._data_dir}: stop it, "
                "or set PODIUM_DATA_DIR to another folder."
            )

    def _write_credentials(self) -> None:
        """Write credentials for the AWS CLI, which reads the file that AWS_SHARED_CREDENTIALS_FILE names."""
        lines = ["[default]", *(f"{name.lower()} = {value}" for name, value in self.credentials.items()), ""]
        try:
            # Other users may not read it, at any moment.
            with open(self._data_dir / _CREDENTIALS, "w", opener=_open_for_owner) as file:
                file.write("\n".join(lines))
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> EmulatorError:
        return EmulatorError(
            f"The folder {self._data_dir} cannot be used ({error.strerror}): "
            "set PODIUM_DATA_DIR to another one."
        )

    def _spawn(self, log: BinaryIO) -> subprocess.Popen[bytes]:
        reading, writing = os.pipe()
        self._reports, self._problem, self._is_settled = ReportReader(reading), None, False
        command = [*self._command(), "--reports", str(writing)]
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *command]
        try:
            return subprocess.Popen(  # noqa: S603 -- no shell, and every word is ours
                command,
                # Where the launcher is found.
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                pass_fds=[writing],
                start_new_session=True,
            )
        finally:
            os.close(writing)

    def _command(self) -> list[str]:
        command = [str(self._python), "-m", "local.ministack", "--bind", f"127.0.0.1:{self.port}"]
        if self._save_seconds is not None:
            command += ["--save-seconds", str(self._save_seconds)]
        if self._guests_per_minute is not None:
            command += ["--guests-per-minute", str(self._guests_per_minute)]
        if self._guarded:
            ports = [self.port, self._tls.plain_port] if self._tls else [self.port]
            command += [
                "--hosts",
                *(f"{host}:{port}" for port in ports for host in ("127.0.0.1", "localhost")),
            ]
        if self._tls:
            command += ["--certificate", str(self._tls.certificate), "--key", str(self._tls.key)]
            command += ["--plain", f"127.0.0.1:{self._tls.plain_port}"]
        return command

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        # It checks presigned addresses against the credentials of its own environment.
        return (
            inherited
            | self.credentials
            | {
                "BIND_HOST": "127.0.0.1",
                "GATEWAY_PORT": str(self._tls.plain_port if self._tls else self.port),
                # The launcher saves. The folder is also that of the keys for tokens.
                "PERSIST_STATE": "0",
                "STATE_DIR": str(self._state.resolve()),
                "S3_PERSIST": "0" if self._save_seconds is None else "1",
                "S3_DATA_DIR": str(self._data_dir.resolve() / "s3"),
                "SERVICES": ",".join(self._services),
                "IOT_MTLS_ENABLED": "0",  # would listen on port 8883
                "SFTP_ENABLED": "0",
            }
            | dict(self._variables)
        )

    async def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + self._start_timeout
        ready = f"http://127.0.0.1:{self._tls.plain_port if self._tls else self.port}/_ministack/ready"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while time.monotonic() < deadline:
                if self._has_ended(process):
                    ended = f"The emulator ended with status {process.returncode} at its start."
                    raise EmulatorError(self._problem or f"{ended}\n{self._log_tail()}")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(ready, headers=self._signature(ready)) as response:
                        if response.status == HTTPStatus.OK:
                            return True
                await asyncio.sleep(_POLL_INTERVAL)
        return False

    def _signature(self, url: str) -> dict[str, str]:
        request = AWSRequest("GET", url)
        SigV4Auth(Credentials(*self.credentials.values()), "ministack", REGION).add_auth(request)
        return dict(request.headers.items())

    def _log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"The end of {self.log}:", *lines[-_LOG_TAIL_LINES:]])


def _open_for_owner(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


async def _is_taken(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _try_lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _until(holds: Callable[[], bool], seconds: float) -> bool:
    """Ask again and again until it holds (True) or the time is over (False); asks once at least."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_POLL_INTERVAL)
    return True
