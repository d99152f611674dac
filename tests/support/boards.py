"""Published boards as the tests need them."""

from game.catalogue import Board
from realtime.protocol import encode_snapshot
from store import boards
from store.boards import PublishedBoard
from store.database import Database


async def republished(db: Database, board: Board, now: int) -> PublishedBoard:
    """Return a board that was withdrawn and published again, in a later epoch, with nothing left to push."""
    await boards.withdraw(db, board.id)
    again = await boards.load_or_create(db, board, now, encode_snapshot)
    if again.outbox:
        await boards.clear_outbox(db, again)
    return again.model_copy(update={"outbox": {}})
