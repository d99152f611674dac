"""`make index board=forest`: count a board's rows in the data folder, while the backend is stopped."""

import os
from contextlib import AsyncExitStack

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError

from game.catalogue import load_catalogue
from local import provision
from local.console import say
from local.settings import LocalSettings, set_region
from local.stack import StackError, start_emulator
from ops.index import index
from store.database import open_database
from store.errors import RequestError, StoreError


async def index_rows(settings: LocalSettings, board: str) -> None:
    """Start the emulator, finish the board's index, and stop the emulator.

    Raises StackError (as for a running backend, and an unknown board), EmulatorError or CatalogueError.
    """
    boards = load_catalogue(settings.catalogue).boards
    if board not in boards:
        raise StackError(f"There is no board {board!r}; there are {', '.join(sorted(boards))}.")
    set_region(os.environ)
    try:
        async with AsyncExitStack() as stack:
            await start_emulator(settings, stack)
            db = await stack.enter_async_context(open_database(aioboto3.Session()))
            await provision.create_tables(db)
            await index(db, [board], say)
    except (RequestError, ClientError, BotoCoreError) as error:
        raise StackError(f"A service of AWS, or what stands in for it, does not answer: {error}") from error
    except StoreError as error:
        raise StackError(str(error)) from error
