"""The ranker: its batches, its hourly sweep, and its Lambda entries."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bench.memory_dynamo import Keys, MemoryDynamo, refused
from store import rank_marks
from store.rank_index import RankIndex
from store.rank_marks import Mark
from store.rank_nodes import indexed_boards
from streams import ranker_app
from streams.ranker import DROPPED_AT_ONCE, LATE_SECONDS, Ranker, RankReport
from tests.simulation.faults import CrashError
from tests.simulation.rank_world import BOARD, check, small_trees
from tests.simulation.schedule import database
from tests.unit.embedded_metrics import documents
from tests.unit.events import recorded
from tests.unit.realtime.fakes import NOW
from tests.unit.realtime.lambda_container import container_of, fake_context
from tests.unit.store.interrupted import InterruptedDatabase, die, interrupted_database
from tests.unit.store.reward_scene import CATALOGUE, LAST, OPEN

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


@pytest.fixture
async def tables() -> AsyncIterator[InterruptedDatabase]:
    """Yield empty tables that know every request, and nothing that interrupts."""
    async with interrupted_database() as it:
        yield it


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


@pytest.mark.parametrize("by", ["dynamodb.amazonaws.com", "an operator"])
async def test_rows_that_expire_change_no_count(scene: Scene, by: str) -> None:
    await scene.fill()
    before = dict(scene.dynamo.nodes)
    scene.dynamo.delete_rows(BOARD, ["a"])
    identity = {"principalId": by, "type": "Service"}
    expiry = record("a", event="REMOVE") | {"userIdentity": identity}
    assert await scene.ranker.process([expiry], scene.report) == []
    assert (scene.dynamo.nodes == before) == (by != "an operator")


async def verify(scene: Scene, since: int = 1) -> Mark:
    scene.now = max(scene.now, HOUR)
    assert await scene.ranker.verify({BOARD: since}, scene.report) == []
    return await rank_marks.load(database(scene.dynamo), BOARD)


async def test_index_of_a_season_that_is_over_is_compared_once(scene: Scene) -> None:
    await scene.fill()
    counted = Counter[str]()

    async def around(request: str, answer: Any) -> Any:
        counted[request] += 1
        return answer()

    scene.dynamo.around = around
    assert (await verify(scene)).compared_at
    assert counted["Query"] >= len(LETTERS) // 2, "each leaf is counted"
    assert (scene.slept, scene.report.repaired) == ([], 0)
    counted.clear()
    assert (await verify(scene)).compared_at
    assert counted["Query"] == 0


async def test_index_is_compared_again_once_the_season_is_reviewed(scene: Scene) -> None:
    await scene.fill()
    assert (await verify(scene)).compared_at == HOUR
    scene.dynamo.delete_rows(BOARD, ["c"])  # a removal in review, whose record is lost
    scene.now = 3 * HOUR
    assert (await verify(scene)).compared_at == HOUR
    assert (await verify(scene, since=2 * HOUR)).compared_at == 3 * HOUR
    assert scene.report.repaired > 0
    await check(scene.dynamo)


async def test_comparison_of_the_time_before_is_not_gone_on_with(scene: Scene) -> None:
    await scene.fill()
    await rank_marks.save(database(scene.dynamo), BOARD, Mark(7, "n", 2 * HOUR))
    scene.dynamo.delete_rows(BOARD, ["c"])
    scene.now = 3 * HOUR
    assert await verify(scene, since=2 * HOUR + 1) == Mark(3 * HOUR)
    await check(scene.dynamo)


async def test_rows_that_are_not_counted_are_counted_before_the_comparison(scene: Scene) -> None:
    scene.dynamo.put_rows(BOARD, LETTERS)
    assert (await verify(scene)).compared_at
    await check(scene.dynamo)


@pytest.mark.parametrize("lost", list(LETTERS))
async def test_lost_record_is_repaired_before_an_index_is_trusted(scene: Scene, lost: str) -> None:
    for key in LETTERS:
        if key != lost:
            await scene.score(key)
    scene.dynamo.put_rows(BOARD, [lost])
    assert (await verify(scene)).compared_at
    assert scene.report.repaired > 0
    assert set(scene.slept) == {LATE_SECONDS}
    await check(scene.dynamo)


@pytest.mark.parametrize("number", range(12))
async def test_spoilt_node_is_repaired_before_an_index_is_trusted(scene: Scene, number: int) -> None:
    await scene.fill()
    names = sorted(name for _, name in scene.dynamo.nodes)
    name = names[number % len(names)]
    item = scene.dynamo.nodes[BOARD, name]
    counts = item["counts"]["L"]
    # One count that is wrong, or that is not there, though the node above says how many there are.
    wrong = "-1" if number % 2 else str(int(counts[-1]["N"]) + 5)
    scene.dynamo.nodes[BOARD, name] = item | {"counts": {"L": [*counts[:-1], {"N": wrong}]}}
    assert (await verify(scene)).compared_at
    await check(scene.dynamo)


async def test_late_record_holds_up_no_comparison(scene: Scene) -> None:
    await scene.fill()
    scene.dynamo.put_rows(BOARD, ["bb"])

    async def meanwhile() -> None:
        await scene.score("bb")

    scene.meanwhile = meanwhile  # type: ignore[method-assign]
    assert (await verify(scene)).compared_at
    assert (scene.slept, scene.report.repaired) == ([LATE_SECONDS], 0)


async def test_comparison_that_takes_long_goes_on_with_the_next_sweep(scene: Scene) -> None:
    await scene.fill()
    asked: list[str] = []

    async def around(request: str, answer: Any) -> Any:
        scene.now += 20_000
        asked.append(request)
        return answer()

    scene.dynamo.around = around
    marks = [await verify(scene)]
    assert not marks[0].compared_at
    while not marks[-1].compared_at:
        marks.append(await verify(scene))
    assert len(marks) > 2
    reached = [mark.up_to for mark in marks[:-1]]
    assert reached == sorted(set(reached))


async def test_index_that_stays_wrong_is_not_trusted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await scene.fill()
    scene.dynamo.put_rows(BOARD, ["bb"])

    async def nothing(_self: object, _keys: object) -> None:
        """Repair nothing."""

    with monkeypatch.context() as patch:
        patch.setattr(RankIndex, "maintain", nothing)
        scene.now = HOUR
        assert await scene.ranker.verify({BOARD: 1}, scene.report) == [BOARD]
    assert "is wrong after" in caplog.text
    assert not (await rank_marks.load(database(scene.dynamo), BOARD)).compared_at
    assert (await verify(scene)).compared_at


async def test_damaged_mark_is_no_mark(scene: Scene) -> None:
    await scene.fill()
    whole = {"comparedAt": {"N": "5"}, "upTo": {"S": ""}, "begunAt": {"N": "5"}}
    for name, value in (("comparedAt", {"S": "yes"}), ("comparedAt", {"N": "5.5"}), ("upTo", {"N": "5"})):
        damaged = whole | {name: value}
        key = {"board": {"S": BOARD}, "node": {"S": rank_marks.MARK}}
        scene.dynamo.nodes[BOARD, rank_marks.MARK] = key | damaged
        assert await rank_marks.load(database(scene.dynamo), BOARD) == Mark()
        assert await rank_marks.unverified(database(scene.dynamo), {BOARD: 1}) == [BOARD]


async def test_index_goes_with_its_mark_once_its_season_expired(tables: InterruptedDatabase) -> None:
    ranker = Ranker(tables.db, lambda: NOW)
    for key in ("week#1", "week#2"):
        await RankIndex(tables.direct, key).maintain(["a"])
        await rank_marks.save(tables.direct, key, Mark(NOW))
    for _ in range(2):
        assert await ranker.drop(["week#1", "week#0"]) == []
        assert {row["board"] for row in (await tables.rows())["Ranks"]} == {"week#2"}


async def test_sweep_that_dies_while_it_drops_is_finished_by_the_next(tables: InterruptedDatabase) -> None:
    number = 0
    while True:
        await RankIndex(tables.direct, "week#1").maintain(["a"])
        await rank_marks.save(tables.direct, "week#1", Mark(NOW))
        tables.restart()
        tables.before[number] = die
        ended = False
        try:
            await Ranker(tables.db, lambda: NOW).drop(["week#1"])
            ended = True
        except* CrashError:
            number += 1
        if ended:
            break
        tables.restart()
        await Ranker(tables.db, lambda: NOW).drop(["week#1"])
        assert (await tables.rows())["Ranks"] == []
    assert number > 2


async def test_sweep_drops_a_bounded_number_of_indexes_and_the_next_one_the_others(
    tables: InterruptedDatabase,
) -> None:
    keys = [f"week#{number}" for number in range(DROPPED_AT_ONCE + 3)]
    for key in keys:
        await RankIndex(tables.direct, key).maintain(["a"])
    ranker = Ranker(tables.db, lambda: NOW)
    await ranker.drop(keys)
    assert len((await tables.rows())["Ranks"]) == 3
    await ranker.drop(keys)
    assert (await tables.rows())["Ranks"] == []


async def test_sweep_knows_seasons_by_catalogue_and_clock(tables: InterruptedDatabase) -> None:
    keys = [f"forest-week#{season}" for season in range(LAST - 5, OPEN + 1)]
    for key in keys:
        await RankIndex(tables.direct, key).maintain(["a"])
    for indexed in (None, await indexed_boards(tables.direct)):
        assert await Ranker(tables.db, lambda: NOW).tend(CATALOGUE, RankReport(), indexed=indexed) == []
        rows = (await tables.rows())["Ranks"]
        kept = {row["board"] for row in rows}
        assert {f"forest-week#{season}" for season in range(LAST - 3, OPEN + 1)} <= kept
        assert not {f"forest-week#{season}" for season in (LAST - 4, LAST - 5)} & kept
        marked = {row["board"] for row in rows if row["node"] == rank_marks.MARK}
        assert marked == {
            f"{board}#{season}"
            for board in ("forest-week", "sprint-week")
            for season in range(LAST - 3, OPEN)
        }


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
