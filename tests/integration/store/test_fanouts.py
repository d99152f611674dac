"""A board's fan-out in its row: who may change it, and what is left when it ends."""

import pytest

from game.catalogue import Catalogue
from store import boards, fanouts
from store.boards import FanOutRow, PublishedBoard
from store.connections import IdRange
from store.database import Database
from store.fanouts import SupersededError
from tests.support.boards import republished

NOW = 1_763_812_800_123
SLICES = {"0": IdRange("", "M"), "1": IdRange("M\0", None)}


def fanout(name: str = "one", **changes: object) -> FanOutRow:
    held = FanOutRow(id=name, to=3, started_at=NOW, expires_at=NOW + 1000, scored_at=NOW - 5, pending=SLICES)
    return held.model_copy(update=changes)


@pytest.fixture
async def board(db: Database, catalogue: Catalogue) -> PublishedBoard:
    """Return a board at version 4, nothing of which has been pushed."""
    published = await republished(db, catalogue.boards["forest"], NOW)
    for version in range(2, 5):
        published = await boards.publish(db, published, (), f'{{"to":{version}}}', now=NOW, collapse=False)
    return published


async def stored(db: Database) -> PublishedBoard:
    published = await boards.load(db, "forest")
    assert published is not None
    return published


async def test_fanout_is_read_as_it_was_written(db: Database, board: PublishedBoard) -> None:
    assert (await fanouts.start(db, board, fanout())).fanout == fanout()
    assert (await stored(db)).fanout == fanout()


async def test_second_fanout_beside_the_first_is_refused(db: Database, board: PublishedBoard) -> None:
    await fanouts.start(db, board, fanout())
    with pytest.raises(SupersededError):
        await fanouts.start(db, board, fanout("two"))
    assert (await stored(db)).fanout == fanout()


async def test_taking_over_needs_the_fanout_as_it_was_read(db: Database, board: PublishedBoard) -> None:
    first = await fanouts.start(db, board, fanout())
    second = await fanouts.start(db, first, fanout("two"))
    with pytest.raises(SupersededError):
        await fanouts.start(db, first, fanout("three"))
    assert (await stored(db)).fanout == second.fanout == fanout("two")


async def test_advance_moves_the_start_of_a_slice_and_the_expiry(db: Database, board: PublishedBoard) -> None:
    await fanouts.start(db, board, fanout())
    moved = await fanouts.advance(db, board, fanout(), "1", first="Q", stuck=False, expires_at=NOW + 9)
    pending = SLICES | {"1": IdRange("Q", None)}
    assert moved.fanout == fanout(pending=pending, expires_at=NOW + 9)
    done = await fanouts.advance(db, board, fanout(), "0", first=None, stuck=True, expires_at=NOW + 10)
    assert done.fanout == fanout(pending={"1": IdRange("Q", None)}, expires_at=NOW + 10, stuck=True)
    assert await stored(db) == done


async def test_slice_that_is_done_cannot_advance(db: Database, board: PublishedBoard) -> None:
    await fanouts.start(db, board, fanout())
    await fanouts.advance(db, board, fanout(), "0", first=None, stuck=False, expires_at=NOW)
    for first in (None, "K"):
        with pytest.raises(SupersededError):
            await fanouts.advance(db, board, fanout(), "0", first=first, stuck=False, expires_at=NOW)


async def test_pusher_of_a_replaced_fanout_changes_nothing(db: Database, board: PublishedBoard) -> None:
    first = await fanouts.start(db, board, fanout())
    second = await fanouts.start(db, first, fanout("two"))
    with pytest.raises(SupersededError):
        await fanouts.advance(db, board, fanout(), "0", first=None, stuck=False, expires_at=NOW)
    with pytest.raises(SupersededError):
        await fanouts.finish(db, first, fanout(), NOW)
    assert await stored(db) == second


async def test_end_drops_the_frames_that_were_pushed_and_no_others(
    db: Database, board: PublishedBoard
) -> None:
    started = await fanouts.start(db, board, fanout())
    # Published while the fan-out was at work: not in the row that the last pusher read.
    await boards.publish(db, started, (), '{"to":5}', now=NOW, collapse=False)
    ended = await fanouts.finish(db, started, fanout(), NOW + 30_000)
    assert (ended.fanout, list(ended.outbox)) == (None, [4, 5])
    assert ended.spread == 60, "asking takes as long as two fan-outs"
    assert await stored(db) == ended


async def test_end_of_a_fanout_with_a_stuck_subscriber_keeps_its_frames(
    db: Database, board: PublishedBoard
) -> None:
    started = await fanouts.start(db, board, fanout(stuck=True))
    ended = await fanouts.finish(db, started, fanout(stuck=True), NOW)
    assert (ended.fanout, list(ended.outbox)) == (None, [2, 3, 4])


async def test_publication_leaves_the_fanout_alone(db: Database, board: PublishedBoard) -> None:
    started = await fanouts.start(db, board, fanout())
    published = await boards.publish(db, started, (), "{}", now=NOW, collapse=True)
    assert published.fanout == fanout()


async def test_republished_board_has_no_fanout_and_takes_no_report(
    db: Database, board: PublishedBoard, catalogue: Catalogue
) -> None:
    await fanouts.start(db, board, fanout())
    again = await republished(db, catalogue.boards["forest"], NOW + 1)
    assert again.fanout is None
    for change in (
        fanouts.advance(db, board, fanout(), "0", first=None, stuck=False, expires_at=NOW),
        fanouts.finish(db, board, fanout(), NOW),
        fanouts.start(db, board, fanout("late")),
    ):
        with pytest.raises(SupersededError):
            await change
    assert await stored(db) == again
