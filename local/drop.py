"""`make drop board=forest`: delete a board's rows from the data folder, while the backend is stopped."""

import os
from contextlib import AsyncExitStack

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError

from game.catalogue import load_catalogue
from local import provision
from local.console import say
from local.settings import LocalSettings, set_region
from local.stack import StackError, start_emulator
from store.board_rules import Dropped, drop
from store.database import open_database
from store.errors import RequestError, StoreError


async def drop_rows(settings: LocalSettings, board: str, *, apply: bool) -> None:
    """Start the emulator, drop the rows, and stop the emulator; without `apply`, only say what would go.

    Raises StackError (as for a running backend), EmulatorError or CatalogueError.
    """
    catalogue = load_catalogue(settings.catalogue)
    set_region(os.environ)

    def tell(dropped: Dropped) -> None:
        say(dropped.sentence(applied=apply))

    try:
        async with AsyncExitStack() as stack:
            await start_emulator(settings, stack)
            db = await stack.enter_async_context(open_database(aioboto3.Session()))
            await provision.create_tables(db)
            await drop(db, catalogue, board, apply=apply, told=tell)
    except (RequestError, ClientError, BotoCoreError) as error:
        raise StackError(f"A service of AWS, or what stands in for it, does not answer: {error}") from error
    except StoreError as error:
        raise StackError(str(error)) from error
    if not apply:
        say(f"Nothing was deleted: `make drop board={board} args=--apply` does it.")
