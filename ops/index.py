"""Counts the rows of a deployment's boards, so that ranks are looked up in an index instead.

    python -m ops.index podium-prod-                  # every board of the catalogue
    python -m ops.index podium-prod- forest

Players may go on scoring meanwhile. Until a board is done, its ranks are counted as before. Interrupted, it
can be run again, and goes on where it was. The command on a laptop is `make index board=forest`.
"""

import argparse
from collections.abc import Callable, Collection, Sequence

from game.catalogue import Catalogue, load_catalogue
from ops.command import run_on_tables, say
from runtime.clock import now_ms
from store import rank_nodes
from store.board_rules import UnknownBoardError
from store.database import Database
from store.rank_index import CHUNK_ROWS, RankIndex

_TOLD_EVERY = 50


async def index(db: Database, boards: Collection[str], told: Callable[[str], None]) -> None:
    """Finish the index of each board; `told` is called with a sentence now and then. Raises StoreError."""
    for board in boards:
        ranks, steps = RankIndex(db, board), 0
        while not await ranks.build():
            steps += 1
            if steps % _TOLD_EVERY == 0:
                told(f"{board}: about {steps * CHUNK_ROWS:,} rows are counted.")
        root = (await rank_nodes.load_root(db, board)).node
        rows = root.total if root else None
        told(f"{board}: all rows are counted{'' if rows is None else f', {rows:,} of them'}.")


async def _index(db: Database, board: str | None) -> None:
    await index(db, chosen(load_catalogue(), board, now_ms()), say)


def chosen(catalogue: Catalogue, board: str | None, now: int) -> list[str]:
    """Return the partition keys of this board, or of every board, in all seasons that can be read.

    `now` in milliseconds since the epoch. Raises UnknownBoardError.
    """
    if board is not None and board not in catalogue.boards:
        raise UnknownBoardError(board, catalogue.boards)
    boards = catalogue.boards.values() if board is None else [catalogue.boards[board]]
    return [one.key for board in boards for one in board.readable(now)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Build indexes."""
    parser = argparse.ArgumentParser(prog="python -m ops.index", description=__doc__.partition("\n")[0])
    parser.add_argument("prefix", help="what the deployment's tables' names begin with")
    parser.add_argument("board", nargs="?", help="the board's id; by default every board of the catalogue")
    parser.add_argument("--region", help="where the tables are; by default as the SDK's own settings say")
    options = parser.parse_args(arguments)
    run_on_tables(options.prefix, options.region, lambda db: _index(db, options.board))


if __name__ == "__main__":
    main()
