"""The ranker: its batches, its hourly sweep, and its Lambda entries."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bench.memory_dynamo import Keys, MemoryDynamo, refused
from streams import ranker_app
from streams.ranker import LATE_SECONDS, Ranker, RankReport
from tests.simulation.rank_world import BOARD, check, small_trees
from tests.simulation.schedule import database
from tests.unit.embedded_metrics import documents
from tests.unit.events import recorded
from tests.unit.realtime.lambda_container import container_of, fake_context

HOUR = 3_600_000
LETTERS = "abcdefghijklmnop"


@pytest.fixture(autouse=True)
def trees() -> Iterator[None]:
    """Trees of two levels from five rows on."""
    with small_trees():
        yield


def record(key: str, *, board: str = BOARD, event: str = "INSERT") -> dict[str, Any]:
    """Return a record of the stream."""
    keys = {"gameArea": {"S": board}, "score": {"S": key}}
    change = {"Keys": keys, "SequenceNumber": f"{board}/{key}", "ApproximateCreationDateTime": 1.0}
    return {"eventName": event, "dynamodb": change}


class Scene:
    """A ranker on tables in memory; sleeping takes no time, and is noted."""

    def __init__(self) -> None:
        self.dynamo = MemoryDynamo()
        self.now = 0
        self.slept: list[float] = []
        self.ranker = Ranker(database(self.dynamo), lambda: self.now, self._sleep)
        self.report = RankReport()

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.meanwhile()

    async def meanwhile(self) -> None:
        """Do what happens while the ranker sleeps: nothing, unless a test says so."""

    async def score(self, *keys: str) -> None:
        self.dynamo.put_rows(BOARD, keys)
        assert await self.ranker.process([record(key) for key in keys], self.report) == []

    async def fill(self) -> None:
        for key in LETTERS:
            await self.score(key)

    async def sweep(self) -> None:
        assert await self.ranker.sweep([BOARD], self.report) == []


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_batch_makes_counts_true_on_each_board(scene: Scene) -> None:
    scene.dynamo.rows["desert"] = Keys("xyz")
    await scene.fill()
    scene.dynamo.put_rows(BOARD, ["aa", "hh"])
    records = [record("aa"), record("hh"), record("y", board="desert", event="REMOVE")]
    assert await scene.ranker.process(records, scene.report) == []
    await check(scene.dynamo)
    assert {board for board, _ in scene.dynamo.nodes} == {BOARD, "desert"}


async def test_new_name_and_unreadable_record_change_no_count(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    records = [record("a", event="MODIFY"), {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "7"}}]
    assert await scene.ranker.process(records, scene.report) == []
    assert scene.dynamo.used.requests == 0
    assert "record 7" in caplog.text


async def test_board_that_fails_is_given_again_and_holds_up_no_other(scene: Scene) -> None:
    scene.dynamo.put_rows(BOARD, "ab")

    async def around(request: str, answer: Any) -> Any:
        found = answer()
        if "desert" in str(found):
            raise refused("ProvisionedThroughputExceededException")
        return found

    await scene.ranker.process([record("x", board="desert")], scene.report)
    scene.dynamo.around = around
    records = [record("y", board="desert"), record("a"), record("z", board="desert"), record("b")]
    assert await scene.ranker.process(records, scene.report) == ["desert/y"]
    await check(scene.dynamo)


async def test_sweep_repairs_counts_that_stay_wrong(scene: Scene) -> None:
    await scene.fill()
    scene.dynamo.put_rows(BOARD, ["bb"])  # its record is lost
    for hour in range(168):
        scene.now = hour * HOUR
        await scene.sweep()
    assert scene.report.repaired > 0
    assert set(scene.slept) == {LATE_SECONDS}
    await check(scene.dynamo)
    repaired = scene.report.repaired
    for hour in range(168):
        scene.now = hour * HOUR
        await scene.sweep()
    assert scene.report.repaired == repaired


async def test_sweep_repairs_totals_above_true_counts(scene: Scene) -> None:
    await scene.fill()
    item = scene.dynamo.nodes[BOARD, "root"]
    counts = item["counts"]["L"]
    item["counts"]["L"] = [{"N": str(int(counts[0]["N"]) + 5)}, *counts[1:]]
    for hour in range(168):
        scene.now = hour * HOUR
        await scene.sweep()
    assert scene.report.repaired > 0
    await check(scene.dynamo)


async def test_sweep_repairs_nothing_that_is_merely_late(scene: Scene) -> None:
    await scene.score("a")
    scene.dynamo.put_rows(BOARD, "b")

    async def meanwhile() -> None:
        await scene.score("b")

    scene.meanwhile = meanwhile  # type: ignore[method-assign]
    await scene.sweep()
    assert (scene.slept, scene.report.repaired) == ([LATE_SECONDS], 0)
    await check(scene.dynamo)


async def test_sweep_finishes_what_is_not_counted(scene: Scene) -> None:
    scene.dynamo.put_rows(BOARD, LETTERS)
    await scene.sweep()
    await check(scene.dynamo)
    assert scene.report.repaired == 0


@pytest.mark.parametrize("damage", ["gone", "unreadable", "another's"])
async def test_damaged_node_is_counted_again(scene: Scene, damage: str) -> None:
    await scene.fill()
    for name in sorted(name for _, name in scene.dynamo.nodes):
        held = scene.dynamo.nodes.pop((BOARD, name))
        if damage == "unreadable":
            scene.dynamo.nodes[BOARD, name] = held | {"counts": {"S": "many"}}
        if damage == "another's":
            scene.dynamo.nodes[BOARD, name] = held | {"hi": {"S": "zz"}, "revision": {"S": "other"}}
        await scene.fill()
        await scene.sweep()
        await check(scene.dynamo)
    assert damage == "another's" or scene.report.repaired > 0


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch, scene: Scene) -> Iterator[Scene]:
    """The scene behind the Lambda entries."""

    @asynccontextmanager
    async def open_ranker() -> AsyncIterator[Ranker]:
        yield scene.ranker

    with container_of(monkeypatch, ranker_app, open_ranker):
        yield scene


def test_entries_count_what_was_repaired(entries: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert ranker_app.handler(recorded("dynamodb_stream"), fake_context()) == {"batchItemFailures": []}
    ranker_app.sweep_handler(recorded("scheduled_sweep"), fake_context())
    batch, sweep = documents(capsys.readouterr().out)
    assert batch["RanksRepaired"] == sweep["RanksRepaired"] == [0.0]
    # The rows that the batch tells of are not there.
    assert entries.dynamo.nodes["forest", "root"]["counts"] == {"L": [{"N": "0"}]}


def test_sweep_that_fails_for_a_board_raises(entries: Scene) -> None:
    async def around(request: str, answer: Any) -> Any:
        raise refused("InternalServerError")

    entries.dynamo.around = around
    with pytest.raises(ranker_app.RankSweepError, match="forest"):
        ranker_app.sweep_handler(recorded("scheduled_sweep"), fake_context())
