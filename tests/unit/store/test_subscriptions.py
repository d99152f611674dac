"""The limit of boards per connection, with frames that are served side by side in every order."""

from collections.abc import Sequence

import pytest

from store import connections, subscriptions
from store.database import Database, from_item
from store.schema import CONNECTIONS
from store.subscriptions import TooManyBoardsError
from tests.simulation import clock
from tests.unit.realtime.fakes import NOW, recorded_database
from tests.unit.store.turns import Work, every_order, interleave

LIMIT = 3
KNOWN = ("a", "b", "c", "d", "e", "f")
CALLER = "UcX1kd3noAMCJ4g="
STANDING = connections.standing_channels("ada")


@pytest.fixture(autouse=True)
def limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A game with more boards than a connection may have."""
    monkeypatch.setattr(subscriptions, "BOARDS_LIMIT", LIMIT)


async def opened(db: Database) -> None:
    await connections.open_connection(db, CALLER, "ada", NOW)


async def subscribe(db: Database, *boards: str, known: Sequence[str] = KNOWN) -> None:
    await subscriptions.subscribe(db, known, CALLER, boards, STANDING, "ada", NOW)


async def unsubscribe(db: Database, *boards: str, known: Sequence[str] = KNOWN) -> None:
    await subscriptions.unsubscribe(db, known, CALLER, boards, STANDING)


async def subscribed(db: Database) -> set[str]:
    """Return the boards of which the connection gets the frames."""
    pages = [(board, page) for board in KNOWN async for page in connections.subscribers(db, board)]
    return {board for board, page in pages if CALLER in page}


async def listed(db: Database) -> set[str] | None:
    rows = map(from_item, (await db.client.scan(TableName=CONNECTIONS.name))["Items"])
    lists = [row["boards"] for row in rows if "boards" in row]
    assert len(lists) <= 1
    return set(lists[0]) if lists else None


class Frames:
    """Frames of one connection, and what each was told."""

    def __init__(self) -> None:
        self.accepted: set[str] = set()
        self.refused: set[str] = set()

    def subscribe(self, *boards: str) -> Work:
        async def work(db: Database) -> None:
            try:
                await subscribe(db, *boards)
                self.accepted.update(boards)
            except TooManyBoardsError:
                self.refused.update(boards)

        return work

    def unsubscribe(self, *boards: str) -> Work:
        async def work(db: Database) -> None:
            await unsubscribe(db, *boards)

        return work


@pytest.mark.parametrize("before", [(), ("a",)], ids=["first frames", "one board before"])
def test_of_subscribes_sent_at_once_only_those_that_fit_are_accepted(before: tuple[str, ...]) -> None:
    orders, outcomes = 0, set()
    for choose in every_order():
        frames = Frames()

        async def first(db: Database) -> None:
            await opened(db)
            if before:
                await subscribe(db, *before)

        async def check(db: Database, frames: Frames = frames) -> None:
            held = await subscribed(db)
            assert held == await listed(db) == {*before, *frames.accepted}
            assert len(held) <= LIMIT
            assert frames.accepted in ({"b", "c"}, {"d", "e"})
            assert frames.refused == {"b", "c", "d", "e"} - frames.accepted
            outcomes.add(frozenset(frames.accepted))

        works = [frames.subscribe("b", "c"), frames.subscribe("d", "e")]
        clock.run(interleave(first, works, choose, check))
        orders += 1
    assert orders >= 6
    assert len(outcomes) == 2


def test_subscribes_that_fit_together_are_all_accepted_in_every_order() -> None:
    for choose in every_order():
        frames = Frames()

        async def check(db: Database, frames: Frames = frames) -> None:
            assert frames.refused == set()
            assert await subscribed(db) == await listed(db) == {"a", "b", "c"}

        clock.run(interleave(opened, [frames.subscribe("a", "b"), frames.subscribe("b", "c")], choose, check))


def test_list_stays_that_of_the_rows_while_boards_are_left_and_subscribed_to() -> None:
    """A client that does not wait for its answers may get either order, and the limit holds in both."""
    for choose in every_order():
        frames = Frames()

        async def first(db: Database) -> None:
            await opened(db)
            await subscribe(db, "a", "b", "c")

        async def check(db: Database, frames: Frames = frames) -> None:
            held = await subscribed(db)
            assert held == await listed(db)
            assert len(held) <= LIMIT
            assert "b" in held
            assert {"d"} & held == {"d"} & frames.accepted

        works = [frames.unsubscribe("a"), frames.subscribe("c", "d"), frames.subscribe("a")]
        clock.run(interleave(first, works, choose, check))


@pytest.mark.parametrize("few", [KNOWN[:LIMIT], ()], ids=["without a list", "with a list"])
def test_unsubscribe_beside_the_end_of_a_connection_leaves_no_row(few: tuple[str, ...]) -> None:
    async def first(db: Database) -> None:
        await opened(db)
        await subscribe(db, "a", known=few or KNOWN)

    async def check(db: Database) -> None:
        assert (await db.client.scan(TableName=CONNECTIONS.name))["Items"] == []

    works = [Frames().unsubscribe("a"), lambda db: connections.close_connection(db, CALLER)]
    for choose in every_order():
        clock.run(interleave(first, works, choose, check))


async def test_spectator_has_the_same_limit_without_any_row_of_a_player() -> None:
    standing = connections.spectator_channels("192.0.2.1")
    async with recorded_database() as tables:
        await connections.subscribe(tables.direct, CALLER, standing, None, NOW)
        for boards in ("a", "b"), ("c",):
            await subscriptions.subscribe(tables.direct, KNOWN, CALLER, boards, standing, None, NOW)
        with pytest.raises(TooManyBoardsError):
            await subscriptions.subscribe(tables.direct, KNOWN, CALLER, ["d"], standing, None, NOW)
        await subscriptions.unsubscribe(tables.direct, KNOWN, CALLER, ["a", "b"], standing)
        await subscriptions.subscribe(tables.direct, KNOWN, CALLER, ["d"], standing, None, NOW)
        assert await subscribed(tables.direct) == await listed(tables.direct) == {"c", "d"}
        assert set(await connections.channels(tables.direct, CALLER)) == {"c", "d", *standing}


async def test_boards_that_were_left_make_room_at_once() -> None:
    async with recorded_database() as tables:
        await opened(tables.direct)
        await subscribe(tables.direct, "a", "b", "c")
        await unsubscribe(tables.direct, "a", "b", "f")
        await subscribe(tables.direct, "d", "e")
        assert await subscribed(tables.direct) == await listed(tables.direct) == {"c", "d", "e"}
        with pytest.raises(TooManyBoardsError):
            await subscribe(tables.direct, "a")
        assert await subscribed(tables.direct) == {"c", "d", "e"}


async def test_game_with_few_boards_needs_no_list_and_no_transaction() -> None:
    few = KNOWN[:LIMIT]
    async with recorded_database() as tables:
        await opened(tables.db)
        await subscribe(tables.db, *few, known=few)
        await unsubscribe(tables.db, "a", known=few)
        assert set(tables.log) == {"BatchWriteItem Connections"}
        assert await listed(tables.direct) is None
        assert await subscribed(tables.direct) == {"b", "c"}


async def test_connection_older_than_the_last_board_of_the_game_is_counted_too() -> None:
    few = KNOWN[:LIMIT]
    async with recorded_database() as tables:
        await opened(tables.direct)
        await subscribe(tables.direct, *few, known=few)
        with pytest.raises(TooManyBoardsError):
            await subscribe(tables.direct, "d")
        await unsubscribe(tables.direct, "a")
        await subscribe(tables.direct, "d")
        assert await subscribed(tables.direct) == await listed(tables.direct) == {"b", "c", "d"}


async def test_boards_that_the_game_no_longer_has_do_not_count() -> None:
    async with recorded_database() as tables:
        await opened(tables.direct)
        await subscribe(tables.direct, "a", "b", "c")
        left = KNOWN[2:]
        await subscribe(tables.direct, "d", "e", known=left)
        assert await listed(tables.direct) == {"c", "d", "e"}


async def test_list_that_cannot_be_read_is_made_again() -> None:
    async with recorded_database() as tables:
        await opened(tables.direct)
        await subscribe(tables.direct, "a", "b")
        channel = connections.stored_channel(connections.EVERYONE, CALLER)
        await tables.direct.client.update_item(
            TableName=CONNECTIONS.name,
            Key={"channel": {"S": channel}, "connectionId": {"S": CALLER}},
            UpdateExpression="SET boards = :damaged",
            ExpressionAttributeValues={":damaged": {"L": [{"N": "1"}]}},
        )
        await subscribe(tables.direct, "c")
        assert await subscribed(tables.direct) == await listed(tables.direct) == {"a", "b", "c"}


async def test_unsubscribe_of_a_closed_connection_writes_no_row() -> None:
    async with recorded_database() as tables:
        await unsubscribe(tables.direct, "a")
        assert (await tables.direct.client.scan(TableName=CONNECTIONS.name))["Items"] == []
