"""`Connections`: who follows which channel."""

import asyncio
from collections import Counter

import pytest

from game.live import BOARDS_LIMIT
from store import connections, subscriptions
from store.connections import LIFETIME_SECONDS, IdRange, stored_channel, user_channel
from store.database import Database, from_item
from store.schema import CONNECTIONS
from store.subscriptions import TooManyBoardsError
from streams.slices import split
from tests.integration.real_time import NOW


async def _subscribers(db: Database, channel: str) -> list[str]:
    return [one async for page in connections.subscribers(db, channel) for one in page]


async def test_open_connection_is_on_its_players_channel_and_on_everyones(db: Database) -> None:
    await connections.open_connection(db, "c1", "ada", NOW)
    await connections.open_connection(db, "c2", "ada", NOW)
    await connections.open_connection(db, "c3", "bob", NOW)
    assert sorted(await _subscribers(db, "all")) == ["c1", "c2", "c3"]
    assert sorted(await _subscribers(db, user_channel("ada"))) == ["c1", "c2"]
    assert sorted(await connections.channels(db, "c3")) == ["all", "user#bob"]
    key = {"channel": {"S": stored_channel("all", "c1")}, "connectionId": {"S": "c1"}}
    row = await db.client.get_item(TableName=db.name(CONNECTIONS), Key=key)
    assert from_item(row["Item"])["expiresAt"] == NOW // 1000 + LIFETIME_SECONDS


async def test_subscribing_twice_leaves_one_row(db: Database) -> None:
    for _ in range(2):
        await connections.subscribe(db, "c1", ["forest", "global"], "ada", NOW)
    assert await _subscribers(db, "forest") == ["c1"]
    assert sorted(await connections.channels(db, "c1")) == ["forest", "global"]


async def test_unsubscribing_leaves_the_other_channels_and_connections(db: Database) -> None:
    await connections.subscribe(db, "c1", ["forest", "global"], "ada", NOW)
    await connections.subscribe(db, "c2", ["forest"], "ada", NOW)
    await connections.unsubscribe(db, "c1", ["forest", "never-followed"])
    assert await _subscribers(db, "forest") == ["c2"]
    assert await connections.channels(db, "c1") == ["global"]


async def test_closing_a_connection_removes_exactly_its_own_rows(db: Database) -> None:
    for connection_id in ("c1", "c2"):
        await connections.open_connection(db, connection_id, "ada", NOW)
        await connections.subscribe(db, connection_id, ["forest"], "ada", NOW)
    for _ in range(2):
        await connections.close_connection(db, "c1")
    assert await connections.channels(db, "c1") == []
    for channel in ("forest", "all", user_channel("ada")):
        assert await _subscribers(db, channel) == ["c2"]


async def test_connection_with_more_rows_than_a_batch_takes_is_written_and_deleted(db: Database) -> None:
    boards = [f"board-{number}" for number in range(60)]
    await connections.subscribe(db, "c1", boards, "ada", NOW)
    assert sorted(await connections.channels(db, "c1")) == sorted(boards)
    await connections.unsubscribe(db, "c1", boards[:30])
    assert sorted(await connections.channels(db, "c1")) == sorted(boards[30:])
    await connections.close_connection(db, "c1")
    assert await connections.channels(db, "c1") == []


async def test_frames_served_at_once_leave_the_rows_and_the_list_of_a_connection_alike(db: Database) -> None:
    known, standing = [f"board-{number:02}" for number in range(60)], connections.standing_channels("ada")
    await connections.open_connection(db, "c1", "ada", NOW)

    async def frame(first: int) -> list[str]:
        try:
            await subscriptions.subscribe(db, known, "c1", known[first : first + 8], standing, "ada", NOW)
        except TooManyBoardsError:
            return []
        return known[first : first + 8]

    accepted = [board for boards in await asyncio.gather(*map(frame, range(0, 56, 8))) for board in boards]
    assert len(accepted) == BOARDS_LIMIT
    assert sorted(await connections.channels(db, "c1")) == ["all", *sorted(accepted), "user#ada"]
    await subscriptions.unsubscribe(db, known, "c1", accepted[:-1], standing)
    others = [board for board in known if board not in accepted][:5]
    await subscriptions.subscribe(db, known, "c1", others, standing, "ada", NOW)
    left = sorted([accepted[-1], *others])
    assert sorted(await connections.channels(db, "c1")) == ["all", *left, "user#ada"]
    key = {"channel": {"S": stored_channel("all", "c1")}, "connectionId": {"S": "c1"}}
    row = await db.client.get_item(TableName=db.name(CONNECTIONS), Key=key)
    assert from_item(row["Item"])["boards"] == left


async def test_subscribers_come_in_pages_that_cover_all_of_them_once(db: Database) -> None:
    # Rows padded to 100 KB through the user id: a dozen is more than the 1 MB that a Query returns.
    ids = [f"c{number:02}" for number in range(25)]
    for connection_id in ids:
        await connections.subscribe(db, connection_id, ["forest"], "x" * 100_000, NOW)
    pages = [page async for page in connections.subscribers(db, "forest")]
    assert sorted(one for page in pages for one in page) == ids
    assert len(pages) > 1


async def test_everyone_is_spread_over_sixteen_partitions_and_read_as_one(db: Database) -> None:
    ids = [f"UcX1kd{number:03}AMCJ4g=" for number in range(200)]
    for connection_id in ids:
        await connections.subscribe(db, connection_id, ["all"], "ada", NOW)
    assert sorted(await _subscribers(db, "all")) == ids
    rows = (await db.client.scan(TableName=db.name(CONNECTIONS)))["Items"]
    sizes = Counter(row["channel"]["S"] for row in rows)
    assert sizes.keys() == {f"all#{part:x}" for part in range(16)}
    # Twelve or thirteen each, give or take four standard deviations.
    assert max(sizes.values()) <= 27
    for connection_id in ids:
        assert await connections.channels(db, connection_id) == ["all"]
        await connections.unsubscribe(db, connection_id, ["all"])
    assert await _subscribers(db, "all") == []


async def test_channel_without_subscribers_has_no_page(db: Database) -> None:
    assert [page async for page in connections.subscribers(db, "forest")] == []


async def test_ranges_of_ids_together_have_every_subscriber_once(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PAGE_LIMIT", 7)
    ids = [f"{first}{second}c=" for first in "+/09=AZ_az" for second in "+0Zaz"]
    for connection_id in ids:
        await connections.subscribe(db, connection_id, ["forest"], "ada", NOW)
    assert await connections.greatest_subscriber(db, "forest") == max(ids)
    ranges = split(min(ids), max(ids), 6)
    assert len(ranges) == 6
    pages = [
        page for each in await asyncio.gather(*(_pages(db, "forest", one) for one in ranges)) for page in each
    ]
    assert [one for page in pages for one in page] == sorted(ids)
    assert all(len(page) <= 7 for page in pages)
    # One who comes later is in the range that is read later.
    for connection_id in ("!first", "~last"):
        await connections.subscribe(db, connection_id, ["forest"], "ada", NOW)
    assert (await _pages(db, "forest", ranges[0]))[0][0] == "!first"
    assert (await _pages(db, "forest", ranges[-1]))[-1][-1] == "~last"


async def test_channel_without_subscribers_has_no_greatest_id(db: Database) -> None:
    assert await connections.greatest_subscriber(db, "forest") is None


async def _pages(db: Database, channel: str, ids: IdRange) -> list[list[str]]:
    return [page async for page in connections.subscribers(db, channel, ids)]
