"""The worker processes: real ones, given orders that they cannot carry out, or killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from loadtest.arenas import Arena
from loadtest.errors import LoadTestError
from loadtest.fleet import Fleet
from loadtest.messages import AnyOrder, AnyReport, Finish, Finished, Prepare, Prepared
from loadtest.options import Options
from tests.support.waiting import patience
from tests.unit.loadtest.stand_in import CATALOGUE, StandIn


def plan(stand_in: StandIn, number: int, workers: int = 2) -> Prepare:
    return Prepare(
        number=number,
        run="run",
        password="Secret-1",
        options=Options(players=3, spectators=4, processes=workers),
        config=stand_in.config(),
        boards={"forest": "desc"},
        arenas=(Arena(id="forest", area=CATALOGUE.areas["forest"], floor=0, boards={"forest": ("forest",)}),),
    )


def plans(stand_in: StandIn, workers: int = 2) -> list[AnyOrder]:
    return [plan(stand_in, number, workers) for number in range(workers)]


def workers() -> set[int]:
    """Our own worker processes that live (read from /proc: Linux only)."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return {int(pid) for pid in children.split() if "loadtest.worker" in _command(pid)}


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


class Ears:
    def __init__(self) -> None:
        self.heard: list[tuple[int, AnyReport]] = []

    def hear(self, worker: int, report: AnyReport) -> None:
        self.heard.append((worker, report))


@asynccontextmanager
async def fleet(size: int, ears: Ears | None = None) -> AsyncIterator[Fleet]:
    async with patience(), Fleet.open(size, (ears or Ears()).hear) as opened:
        yield opened


async def test_workers_share_the_accounts_and_delete_them(stand_in: StandIn) -> None:
    ears = Ears()
    async with fleet(2, ears) as opened:
        await opened.ask(plans(stand_in), Prepared)
        made = set(stand_in.users)
        finished = await opened.ask([Finish(keep=False)], Finished)
    assert made == {f"loadtest-run-player-{number}" for number in range(3)}, "and none for spectators"
    assert stand_in.users == {}
    assert stand_in.calls.count("DELETE /profile") == 3
    assert [report.left_behind for report in finished] == [0, 0]
    assert {worker for worker, _ in ears.heard} == {0, 1}
    assert workers() == set()


async def test_accounts_that_cannot_be_deleted_are_counted(stand_in: StandIn) -> None:
    stand_in.failures["DELETE /profile"].extend([(500, {}), (403, {})])
    async with fleet(1) as opened:
        await opened.ask(plans(stand_in, 1), Prepared)
        [finished] = await opened.ask([Finish(keep=False)], Finished)
    assert finished.left_behind == 2


async def test_failed_order_of_a_worker_ends_the_fleet_with_its_error(stand_in: StandIn) -> None:
    stand_in.failures["SignUp"].append((400, {"__type": "NotAuthorizedException"}))
    with pytest.raises(LoadTestError, match=r"^Cognito SignUp: NotAuthorizedException$"):
        async with fleet(2) as opened:
            await opened.ask(plans(stand_in), Prepared)
    assert workers() == set()


async def test_worker_that_dies_ends_the_fleet_with_an_error(stand_in: StandIn) -> None:
    async def lose_one() -> None:
        async with fleet(2) as opened:
            await opened.ask(plans(stand_in), Prepared)
            os.kill(min(workers()), signal.SIGKILL)
            await asyncio.Event().wait()

    with pytest.raises(LoadTestError, match="ended by itself"):
        await lose_one()
    assert workers() == set()


async def test_leaving_leaves_no_worker_behind(stand_in: StandIn) -> None:
    gate = stand_in.hold("SignUp")

    async def prepare() -> None:
        async with fleet(2) as opened:
            await opened.ask(plans(stand_in), Prepared)

    preparing = asyncio.create_task(prepare())
    await gate.reached.wait()
    preparing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await preparing
    assert workers() == set()
