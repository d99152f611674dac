"""How often the log names a damaged row."""

import pytest

from game.catalogue import Board
from store import boards, scores
from store.damage_log import QUIET_SECONDS, ROWS_LIMIT, DamageLog
from store.database import to_item
from store.schema import LEADERBOARDS, SCORES
from tests.unit.store.appearance_scene import CATALOGUE
from tests.unit.store.interrupted import InterruptedDatabase

FOREST: Board = CATALOGUE.boards["forest"]


@pytest.fixture
def times() -> list[float]:
    """Return a clock: the last of these."""
    return [0.0]


@pytest.fixture
def log(times: list[float]) -> DamageLog:
    return DamageLog(lambda: times[-1])


def test_row_is_named_once_a_minute(
    log: DamageLog, times: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    for second in (0, 1, QUIET_SECONDS - 1, QUIET_SECONDS, QUIET_SECONDS + 1):
        times.append(second)
        log.error("one", "one is damaged, at %d", second)
    log.error("two", "two is damaged")
    assert caplog.messages == ["one is damaged, at 0", "one is damaged, at 60", "two is damaged"]


def test_rows_that_are_remembered_are_limited(log: DamageLog, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(ROWS_LIMIT + 1):
        log.error(str(number), "damaged")
    caplog.clear()
    log.error(str(ROWS_LIMIT), "known")
    log.error("0", "forgotten")
    assert caplog.messages == ["forgotten"]


async def test_each_read_leaves_damaged_rows_out_and_one_names_them(
    tables: InterruptedDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    for key in ("a", "b"):
        row = to_item({"gameArea": "forest", "score": key, "points": "x"})
        await tables.direct.client.put_item(TableName=SCORES.name, Item=row)
    for _ in range(3):
        assert await scores.top(tables.db, FOREST) == ()
    assert len(caplog.messages) == 2
    board = to_item({"gameArea": "forest", "epoch": 1, "version": 1})
    await tables.direct.client.put_item(TableName=LEADERBOARDS.name, Item=board)
    for _ in range(3):
        assert await boards.load(tables.db, "forest") is None
    assert len(caplog.messages) == 3


async def test_many_damaged_rows_are_counted_once_a_minute(
    tables: InterruptedDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(30):
        row = to_item({"gameArea": "forest", "score": f"bad-{number:02}"})
        await tables.direct.client.put_item(TableName=SCORES.name, Item=row)
    for _ in range(2):
        await scores.top(tables.db, FOREST)
    assert len(caplog.messages) == 21
    assert caplog.messages[-1].endswith("10 more rows")
