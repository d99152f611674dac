"""Starting, stopping and starting again; and one clear sentence for whatever is in the way."""

import asyncio
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from game.catalogue import DEFAULT_PATH
from store.schema import IDEMPOTENCY
from tests.e2e.backend import BackendProcess, Ports, launch, run_to_end
from tests.e2e.player import Player
from tests.support.clients import get
from tests.support.waiting import COMMAND_SECONDS, PATIENCE_SECONDS, until


@pytest.fixture
def own_backend(
    tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> Iterator[Callable[..., BackendProcess]]:
    """Makes backends on one data folder, not yet started; leaves none behind."""
    made: list[BackendProcess] = []

    def make(**settings: object) -> BackendProcess:
        made.append(BackendProcess(tmp_path / "data", Ports.free(unused_tcp_port_factory), **settings))
        return made[-1]

    yield make
    for process in made:
        process.kill()


def _assert_one_sentence(process: BackendProcess, status: int, *mentions: str) -> None:
    """The process has ended as one should with something in the way, and said what."""
    assert status == 1
    complaint = [line for line in process.log.splitlines() if " INFO " not in line]
    assert len(complaint) == 1, process.log
    for mention in mentions:
        assert mention in complaint[0]
    assert "ready" not in process.output
    assert process.processes() == []


async def test_scores_players_and_pool_outlive_a_restart(
    own_backend: Callable[..., BackendProcess],
) -> None:
    first = own_backend()
    first.start()
    async with httpx.AsyncClient(base_url=first.rest_url, timeout=PATIENCE_SECONDS, trust_env=False) as http:
        ada = await Player.sign_up(first, http, "Ada")
        async with ada.live("forest") as screen:
            await ada.submit("forest", 4_711)
            before = await ada.top("forest")
            await screen.follows("forest", before)
            old = screen.position("forest")
    assert first.stop(signal.SIGINT) == 0
    assert "The data is kept" in first.output
    first.assert_nothing_is_left()

    second = own_backend()
    second.start()
    async with httpx.AsyncClient(base_url=second.rest_url, timeout=PATIENCE_SECONDS, trust_env=False) as http:
        again = Player(second, http, ada.username)
        assert again.config["userPoolId"] == ada.config["userPoolId"]
        assert again.config["userPoolClientId"] == ada.config["userPoolClientId"]
        await again.sign_in()
        assert again.user_id == ada.user_id
        assert await again.top("forest") == before
        async with again.live() as screen:
            await screen.send("subscribe", boards=["forest"], versions={"forest": old._asdict()})
            assert (await screen.receive())["type"] == "snapshot"
            new = screen.position("forest")
            assert new.epoch > old.epoch
            assert screen.replicas["forest"].entries == before
            await again.submit("forest", 4_712)
            await screen.follows("forest", await again.top("forest"))
            assert screen.position("forest") == (new.epoch, new.version + 1)
            assert await asyncio.to_thread(second.stop, signal.SIGTERM) == 0
            await screen.socket.wait_closed()
            assert screen.socket.close_code == 1001
    second.assert_nothing_is_left()
    for process in (first, second):
        assert "Traceback" not in process.log


@pytest.mark.parametrize("port", ["http", "ws", "emulator"])
def test_port_in_use_is_one_sentence_that_names_it(
    own_backend: Callable[..., BackendProcess], port: str
) -> None:
    process = own_backend()
    taken = getattr(process.ports, port)
    with socket.create_server(("127.0.0.1", taken)):
        process.launch()
        status = process.wait()
    _assert_one_sentence(process, status, str(taken), f"PODIUM_{port.upper()}_PORT")


@pytest.mark.parametrize(
    ("variable", "value", "mentions"),
    [
        ("http_port", "65536", ("PODIUM_HTTP_PORT",)),
        ("catalogue", "broken", ("broken", "boards.global.top")),
        ("catalogue", "missing", ("missing", "No such file")),
        ("data_dir", "broken", ("broken",)),
    ],
)
def test_what_is_in_the_way_is_one_sentence_that_names_it(
    own_backend: Callable[..., BackendProcess],
    tmp_path: Path,
    variable: str,
    value: str,
    mentions: tuple[str, ...],
) -> None:
    (tmp_path / "broken").write_text('[boards.global]\ntitle = "All"\ntop = 5000\nareas = ["a"]\n')
    process = own_backend(**{variable: value if variable == "http_port" else tmp_path / value})
    process.launch()
    _assert_one_sentence(process, process.wait(), *mentions)


async def test_edit_that_would_break_rows_is_refused_until_they_are_dropped(
    own_backend: Callable[..., BackendProcess], tmp_path: Path
) -> None:
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(DEFAULT_PATH.read_text())
    process = own_backend(catalogue=catalogue)
    process.start()
    async with httpx.AsyncClient(
        base_url=process.rest_url, timeout=PATIENCE_SECONDS, trust_env=False
    ) as http:
        ada = await Player.sign_up(process, http, "Ada")
        await ada.submit("sprint", 4_711)
        await ada.submit("forest", 12)
    assert await asyncio.to_thread(process.stop) == 0

    catalogue.write_text(DEFAULT_PATH.read_text().replace('order = "asc"', 'order = "desc"'))
    before = len(process.log)
    process.launch()
    assert await asyncio.to_thread(process.wait) == 1
    (complaint,) = [line for line in process.log[before:].splitlines() if " INFO " not in line]
    assert complaint == (
        'board sprint: its rows were written under "asc", and areas.sprint.order is "desc". Set it back, or '
        "drop the rows: `make drop board=sprint` says what it would do."
    )
    process.assert_nothing_is_left()

    variables = {
        "data_dir": process.folder,
        "emulator_port": process.ports.emulator,
        "catalogue": catalogue,
    }
    for arguments, said in (
        (("sprint",), ["sprint: 1 rows to be deleted", "Nothing was changed: `make drop board=sprint args="]),
        (("sprint", "--apply"), ["sprint: 1 rows deleted"]),
        (("sprint", "--apply"), ["sprint: 0 rows deleted"]),
    ):
        ran = await asyncio.to_thread(run_to_end, "drop", *arguments, variables=variables)
        assert ran.returncode == 0, ran.stderr
        for line in said:
            assert line in ran.stdout
    unknown = await asyncio.to_thread(run_to_end, "drop", "forrest", variables=variables)
    assert unknown.returncode == 1
    assert unknown.stderr.splitlines()[-1].startswith("There is no board 'forrest'; there are desert, ")

    process.start()
    async with httpx.AsyncClient(
        base_url=process.rest_url, timeout=PATIENCE_SECONDS, trust_env=False
    ) as http:
        again = Player(process, http, ada.username)
        await again.sign_in()
        assert await again.top("sprint") == ()
        assert [entry.points for entry in await again.top("forest")] == [12]
        await again.submit("sprint", 20)
        await again.submit("sprint", 30)
        assert [entry.points for entry in await again.top("sprint")] == [30]
    assert await asyncio.to_thread(process.stop) == 0


def test_emulator_that_dies_ends_the_backend_with_one_sentence(
    own_backend: Callable[..., BackendProcess],
) -> None:
    process = own_backend()
    process.start()
    os.kill(process.emulator_pid(), signal.SIGKILL)
    assert process.wait() == 1
    complaint = [line for line in process.log.splitlines() if " INFO " not in line]
    assert len(complaint) == 1, process.log
    assert "emulator ended" in complaint[0]
    process.assert_nothing_is_left()


@pytest.mark.skipif(sys.platform != "linux", reason="limits the files of another process")
def test_full_disk_is_reported_at_once_and_at_the_end(
    own_backend: Callable[..., BackendProcess],
) -> None:
    process = own_backend()
    process.start()
    pid = process.emulator_pid()
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, most))
    asyncio.run(_write(process))
    until(lambda: "the data cannot be saved" in process.log, lambda: process.log)
    assert process.stop() == 1
    assert "The data is kept" not in process.output
    last = process.log.splitlines()[-1]
    assert last.startswith("The data is not kept (File too large): what has changed since ")
    process.assert_nothing_is_left()


async def _write(process: BackendProcess) -> None:
    async with process.database() as db:
        await db.client.put_item(TableName=db.name(IDEMPOTENCY), Item={"id": {"S": "anything"}})


def test_ctrl_c_while_starting_leaves_nothing_behind(own_backend: Callable[..., BackendProcess]) -> None:
    process = own_backend()
    caught = False
    # On a busy machine it may be ready before it is seen to start: then it is tried again.
    while not caught:
        before = len(process.output) if process.launched else 0
        process.launch()
        until(lambda: len(process.processes()) >= 2, lambda: process.log)
        assert process.stop(signal.SIGINT) == 0
        caught = "ready" not in process.output[before:]
        process.assert_nothing_is_left()
    assert "Traceback" not in process.log


def test_background_job_of_a_script_stops_at_sigint(own_backend: Callable[..., BackendProcess]) -> None:
    process = own_backend()
    process.start(as_background_job=True)
    assert process.stop(signal.SIGINT) == 0
    process.assert_nothing_is_left()


def test_simulated_players_move_a_board(own_backend: Callable[..., BackendProcess]) -> None:
    # Not the shared one: the players score in every area there is.
    backend = own_backend()
    backend.start()

    def points() -> list[int]:
        page = get(f"{backend.rest_url}/leaderboard?gameArea=desert&limit=100").json()
        return [entry["score"] for entry in page["entries"]]

    assert points() == []
    options = ("players", "--config", f"{backend.rest_url}/client-config.json", "--players", "3")
    with launch(*options, "--pause", "0.02", variables={}) as players:
        try:
            until(lambda: points() != [])
            players.send_signal(signal.SIGINT)
            _, said = players.communicate(timeout=COMMAND_SECONDS)
        finally:
            players.kill()
    assert players.returncode == 0, said
    assert "Traceback" not in said
    played = run_to_end(*options, "--minutes", "0.01", variables={})
    assert (played.returncode, played.stdout) == (0, ""), played.stderr
    assert "the simulated players have stopped" in played.stderr
    assert backend.stop() == 0


def test_simulated_players_without_a_backend_say_so(unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/client-config.json"
    played = run_to_end("players", "--config", url, variables={})
    assert played.returncode == 1
    (complaint,) = played.stderr.splitlines()
    assert url.removesuffix("/client-config.json").removeprefix("http://") in complaint
    assert "make run" in complaint
