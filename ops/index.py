"""Counts the rows of a deployment's boards, so that ranks are looked up in an index instead.

    python -m ops.index podium-prod-                  # every board of the catalogue
    python -m ops.index podium-prod- forest

Players may go on scoring meanwhile. Until a board is done, its ranks are counted as before. Interrupted, it
can be run again, and goes on where it was. The command on a laptop is `make index board=forest`.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable, Collection, Sequence

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError

from game.catalogue import CatalogueError, load_catalogue
from store import rank_nodes
from store.database import Database, open_database
from store.errors import NoTableError, RequestError, StoreError
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


async def _run(prefix: str, region: str | None, board: str | None) -> None:
    known = load_catalogue().boards
    if board is not None and board not in known:
        sys.exit(f"There is no board {board!r}; there are {', '.join(sorted(known))}.")
    async with open_database(aioboto3.Session(region_name=region), prefix) as db:
        try:
            await index(db, [board] if board else [*known], _print)
        except NoTableError:
            sys.exit(f"There are no tables {db.prefix}*: is the Region right?")


def _print(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    """Build indexes."""
    parser = argparse.ArgumentParser(prog="python -m ops.index", description=__doc__.partition("\n")[0])
    parser.add_argument("prefix", help="what the deployment's tables' names begin with")
    parser.add_argument("board", nargs="?", help="the board's id; by default every board of the catalogue")
    parser.add_argument("--region", help="where the tables are; by default as the SDK's own settings say")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_run(options.prefix, options.region, options.board))
    except (RequestError, ClientError, BotoCoreError) as error:
        sys.exit(f"The tables cannot be read or written; run it again to go on: {error}")
    except (CatalogueError, StoreError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
