"""What the broadcaster and the published row make of a season that ends."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from game.activity import hour_of
from game.board import Position
from game.catalogue import Catalogue
from realtime.protocol import encode_snapshot
from store import boards, connections, idempotency
from store.boards import CLOCKS_APART_MS, PublishedBoard
from store.database import to_item
from store.profiles import Profile
from store.schema import LEADERBOARDS, STANDINGS
from store.submission import submit
from streams.broadcaster import Broadcaster
from streams.fanout import FanOutRunner, Slice
from streams.report import Report
from tests.simulation import aws
from tests.simulation.faults import CrashError
from tests.support.seasons import SEASON_MS, with_seasons
from tests.unit.realtime.fakes import NOW, RecordingPush
from tests.unit.store.interrupted import InterruptedDatabase, die, interrupted_database, moments

CATALOGUE = with_seasons(NOW)
WEEK = CATALOGUE.boards["week"]
ADA = Profile(user_id="ada", name="Ada")
END = NOW + SEASON_MS
"""Season 2 begins."""


@pytest.fixture
async def tables() -> AsyncIterator[InterruptedDatabase]:
    """Yield empty tables."""
    async with interrupted_database() as it:
        yield it


async def look(
    tables: InterruptedDatabase, now: int, catalogue: Catalogue = CATALOGUE, *, compare: bool = False
) -> PublishedBoard:
    board = catalogue.boards["week"]
    return await boards.load_or_create(tables.db, board, now, encode_snapshot, compare=compare)


async def score(tables: InterruptedDatabase, at: int, points: int = 7) -> None:
    await submit(tables.db, CATALOGUE, ADA, "forest", points, at)


async def work_off(tables: InterruptedDatabase, now: int, records: list[dict[str, Any]]) -> RecordingPush:
    """Return what a broadcaster pushes to the viewer, whose clock says `now`."""
    await connections.subscribe(tables.direct, "viewer", ["week"], "viewer", now)
    push = RecordingPush()

    async def start_pusher(task: Slice) -> None:
        raise AssertionError(f"a pusher was started: {task}")

    runner = FanOutRunner(tables.db, CATALOGUE, push, lambda: now, start_pusher)
    assert not await Broadcaster(tables.db, CATALOGUE, runner, lambda: now).process(records, Report())
    return push


def records() -> list[dict[str, Any]]:
    return [one for one in aws.score_records() if one["dynamodb"]["Keys"]["gameArea"]["S"].startswith("week")]


async def damage(tables: InterruptedDatabase, **values: Any) -> None:
    row = {"gameArea": "week", "epoch": NOW, "version": 3, "entries": "[{}]", **values}
    await tables.direct.client.put_item(TableName=LEADERBOARDS.name, Item=to_item(row))


async def test_new_season_has_nothing_of_the_old_ones_outbox_and_fan_out(tables: InterruptedDatabase) -> None:
    await score(tables, NOW)
    await look(tables, NOW)
    values = to_item(
        {
            ":outbox": {"1": encode_snapshot(WEEK.in_season(1), Position(NOW, 1), ())},
            ":fanout": {"id": "f", "to": 1, "startedAt": NOW, "expiresAt": END * 2, "pending": {}},
        }
    )
    await tables.direct.client.update_item(
        TableName=LEADERBOARDS.name,
        Key=to_item({"gameArea": "week"}),
        UpdateExpression="SET outbox = :outbox, fanout = :fanout",
        ExpressionAttributeValues=values,
    )
    assert (await look(tables, END - 1)).fanout is not None
    turned = await look(tables, END)
    assert (turned.position, turned.entries, turned.bar) == (Position(END, 0), (), None)
    assert turned.fanout is None
    assert [json.loads(frame)["season"] for frame in turned.outbox.values()] == [2]
    assert turned == await look(tables, END)


async def test_damaged_board_begins_the_season_in_an_epoch_of_its_own(tables: InterruptedDatabase) -> None:
    """Clients may hold version 1 of the season's first epoch already, with something else in it."""
    await damage(tables)
    again = await look(tables, END + 5)
    assert (again.season, again.position) == (2, Position(END + 5, 1))
    assert json.loads(again.outbox[1])["season"] == 2


async def test_first_epoch_of_a_season_does_not_come_twice(tables: InterruptedDatabase) -> None:
    """A function that is late finds the row of the new season damaged, and publishes the old season."""
    await look(tables, NOW)
    await score(tables, END)
    await look(tables, END)
    await damage(tables, epoch=END)
    back = await look(tables, END - 500)
    assert (back.season, back.epoch) == (1, END + 1)
    again = await look(tables, END + 1_000)
    assert (again.season, again.position) == (2, Position(END + 1_000, 1))


async def test_board_that_turns_is_no_more_active_than_before(tables: InterruptedDatabase) -> None:
    """Else a board at which no client looks would stay among the active ones for ever."""
    first = await look(tables, NOW)
    assert first.active_hour == hour_of("week", NOW)
    later = NOW + 200 * SEASON_MS
    assert (await look(tables, later)).active_hour == first.active_hour
    await score(tables, later + SEASON_MS)
    played = await look(tables, later + SEASON_MS)
    assert (played.version, played.active_hour) == (1, hour_of("week", later + SEASON_MS))


@pytest.mark.parametrize("behind", [1, 2_000, CLOCKS_APART_MS])
async def test_score_of_the_next_season_turns_the_board_before_this_clock_does(
    tables: InterruptedDatabase, behind: int
) -> None:
    await look(tables, NOW)
    await score(tables, END)
    push = await work_off(tables, END - behind, records())
    assert [(frame["season"], frame["version"]) for frame in push.sent_to("viewer")] == [(2, 1)]
    assert (await look(tables, END - behind)).season == 2, "a function that is late does not undo it"


async def test_row_of_a_season_far_ahead_turns_no_board(tables: InterruptedDatabase) -> None:
    """It is left of seasons that an edit has replaced: a new name writes it again, and a deletion."""
    await look(tables, NOW)
    await score(tables, NOW + 300 * SEASON_MS)
    push = await work_off(tables, NOW + 1, records())
    assert push.frames == []
    assert (await look(tables, NOW + 1)).season == 1


async def test_board_whose_row_shows_a_season_far_ahead_comes_back(tables: InterruptedDatabase) -> None:
    """A function's clock was set wrong."""
    await score(tables, NOW)
    wrong = await look(tables, NOW + 100 * SEASON_MS)
    unaware = await look(tables, NOW + 1)
    assert unaware == wrong, "functions of two catalogues would undo each other's work"
    push = await work_off(tables, NOW + 1, records())
    assert [frame["season"] for frame in push.sent_to("viewer")] == [1]
    back = await look(tables, NOW + 1)
    assert (back.season, len(back.entries)) == (1, 1)
    assert back.epoch > wrong.epoch


async def test_board_of_a_clock_that_is_a_little_ahead_stays(tables: InterruptedDatabase) -> None:
    await look(tables, NOW)
    ahead = await look(tables, END)
    assert await look(tables, END - CLOCKS_APART_MS, compare=True) == ahead


@pytest.mark.parametrize(
    "key", ["week#01", "week#\u0661", "week#", "week", "week#-1", "forest#1", "week#1#2"]
)
def test_key_that_no_board_has_is_none_of_a_board(key: str) -> None:
    assert CATALOGUE.find_board(key) is None


def test_key_of_a_board_in_a_season_is_found() -> None:
    board = CATALOGUE.find_board("week#12")
    assert board is not None
    assert (board.id, board.season, board.key) == ("week", 12, "week#12")
    assert CATALOGUE.find_board("forest") == CATALOGUE.boards["forest"]


async def test_score_whose_answer_was_lost_at_the_end_of_a_season_counts_once(
    tables: InterruptedDatabase,
) -> None:
    """The process dies at any request of the first attempt; the second one comes when the season is over."""
    key = idempotency.request_key("ada", "1", "a score")
    counted = []

    async def send(at: int) -> set[int | None]:
        done = await submit(tables.db, CATALOGUE, ADA, "forest", 7, at, key=key)
        return {one.season for one in done.boards} - {None}

    assert await send(END - 1) == {1}
    requests = len(tables.log)
    for side, number in moments(requests):
        await tables.clear()
        (tables.before if side == "before" else tables.after)[number] = die
        with pytest.raises(CrashError):
            await send(END - 1)
        tables.restart()
        told = await send(END + 1)
        keys = {row["board"] for row in (await tables.rows())[STANDINGS.name]}
        (season,) = told
        assert {key for key in keys if "#" in key} == {
            f"week#{season}",
            f"cup#{season}",
            f"forest@short#{season}",
        }
        counted.append(season)
    assert counted == [2] * (2 * requests - 1) + [1], "once it was written, it stays"
