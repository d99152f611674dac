"""The emulator's life and death, with the real process."""

import asyncio
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from local.emulator import EmulatorError
from store.schema import LEADERBOARDS, create_request
from tests.integration.emulators import EmulatorFactory, client_of

_ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc or needs the parent-death signal")

KEPT = {"gameArea": {"S": "forest"}, "points": {"N": "42"}}


def _script(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _listening_sockets(pid: int) -> list[str]:
    inodes = {_target(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [
        row.split()
        for table in ("tcp", "tcp6")
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]


def _target(fd: Path) -> str:
    """Return what a descriptor is open for; nothing, if it was closed since it was listed."""
    try:
        return str(fd.readlink())
    except FileNotFoundError:
        return ""


async def test_stop_with_open_connections_keeps_the_items(make_emulator: EmulatorFactory) -> None:
    emulator = make_emulator()
    await emulator.start()
    async with client_of(emulator, "dynamodb") as client:
        await client.create_table(**create_request(LEADERBOARDS, LEADERBOARDS.name))
        await client.put_item(TableName=LEADERBOARDS.name, Item=KEPT)
        await emulator.stop()
    await emulator.start()
    async with client_of(emulator, "dynamodb") as client:
        assert (await client.scan(TableName=LEADERBOARDS.name))["Items"] == [KEPT]


async def test_stop_returns_after_the_process_is_gone(make_emulator: EmulatorFactory) -> None:
    emulator = make_emulator()
    await emulator.start()
    pid = emulator.pid
    assert pid is not None
    await emulator.stop()
    assert not _lives(pid)
    assert emulator.pid is None
    await emulator.stop()


async def test_ctrl_c_in_the_terminal_does_not_reach_it(make_emulator: EmulatorFactory) -> None:
    emulator = make_emulator()
    await emulator.start()
    assert emulator.pid is not None
    assert os.getpgid(emulator.pid) != os.getpgid(0)


@_ON_LINUX
async def test_listens_on_loopback_only(make_emulator: EmulatorFactory) -> None:
    emulator = make_emulator()
    await emulator.start()
    assert emulator.pid is not None
    assert _listening_sockets(emulator.pid) == [f"0100007F:{emulator.port:04X}"]


@_ON_LINUX
async def test_inherits_no_credentials(
    make_emulator: EmulatorFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-real-secret")
    emulator = make_emulator()
    await emulator.start()
    environment = await asyncio.to_thread(Path(f"/proc/{emulator.pid}/environ").read_bytes)
    assert b"GATEWAY_PORT" in environment
    assert b"a-real-secret" not in environment


async def test_taken_port_is_named(make_emulator: EmulatorFactory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(EmulatorError, match=rf"Port {port} is in use.*PODIUM_EMULATOR_PORT"):
            await make_emulator(port=port).start()


async def test_missing_executable_says_what_to_run(make_emulator: EmulatorFactory, tmp_path: Path) -> None:
    with pytest.raises(EmulatorError, match="make run"):
        await make_emulator(python=tmp_path / "ministack").start()


async def test_second_emulator_on_the_same_data_is_refused(
    make_emulator: EmulatorFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.emulator._HANDOVER_TIMEOUT", 0)
    await make_emulator().start()
    with pytest.raises(EmulatorError, match=r"Another emulator still uses .*PODIUM_DATA_DIR"):
        await make_emulator().start()


async def test_death_at_the_start_shows_the_log(make_emulator: EmulatorFactory, tmp_path: Path) -> None:
    executable = _script(tmp_path / "dies", "echo no such flavour of emulator; exit 3")
    emulator = make_emulator(python=executable)
    with pytest.raises(EmulatorError, match=r"status 3 (.|\n)*no such flavour of emulator"):
        await emulator.start()
    assert emulator.pid is None


@pytest.mark.parametrize("on_sigterm", ["-", "''"], ids=["obeys", "ignores"])
async def test_silent_process_is_reported_and_ended(
    on_sigterm: str, make_emulator: EmulatorFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = tmp_path / "pid"
    executable = _script(
        tmp_path / "mute", f"trap {on_sigterm} TERM; echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 600"
    )

    # The time is over once the program runs, however long that takes.
    def monotonic() -> float:
        return time.monotonic() + (3600 if pid.exists() else 0)

    monkeypatch.setattr("local.emulator.time", SimpleNamespace(monotonic=monotonic))
    emulator = make_emulator(python=executable, stop_timeout=1)
    with pytest.raises(EmulatorError, match="did not answer within 60 seconds"):
        await emulator.start()
    assert not _lives(int(pid.read_text()))


async def test_wait_returns_when_killed_from_outside(make_emulator: EmulatorFactory) -> None:
    emulator = make_emulator()
    await emulator.start()
    assert emulator.pid is not None
    waiting = asyncio.create_task(emulator.wait())
    os.kill(emulator.pid, signal.SIGKILL)
    assert "status -9" in await waiting


@_ON_LINUX
def test_emulator_saves_and_ends_when_its_parent_is_killed(tmp_path: Path, unused_tcp_port: int) -> None:
    program = textwrap.dedent(
        f"""
        import asyncio, pathlib
        from local.emulator import Emulator

        async def main():
            emulator = Emulator(port={unused_tcp_port}, data_dir=pathlib.Path({str(tmp_path)!r}))
            await emulator.start()
            print(emulator.pid, flush=True)
            await emulator.wait()

        asyncio.run(main())
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        ended = os.pidfd_open(pid)
        parent.kill()
    try:
        assert select.select([ended], [], [], 60)[0], "the emulator outlives its parent"
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(ended, signal.SIGKILL)
        os.close(ended)
    assert "MiniStack shutting down" in (tmp_path / "emulator.log").read_text()
