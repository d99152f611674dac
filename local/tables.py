"""`make drop`, `make rekey`, `make migrate` and `make index`, on the data folder.

The backend must be stopped meanwhile. Each can be interrupted, and run again.
"""

import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError

from game.board_rules import Mend
from game.catalogue import load_catalogue
from local import provision
from local.console import say
from local.settings import LocalSettings, set_region
from local.stack import StackError, start_emulator
from ops.index import chosen, index
from ops.migrate import report
from runtime.clock import now_ms
from store.board_rules import drop
from store.database import Database, open_database
from store.errors import RequestError, StoreError
from store.rekeying import rekey


async def mend(settings: LocalSettings, command: Mend, board: str, *, apply: bool) -> None:
    """Drop or rekey a board's rows; without `apply`, only say what would be done. Raises as `_on_tables`."""
    catalogue = load_catalogue(settings.catalogue)

    async def work(db: Database) -> None:
        if command == "drop":
            await drop(db, catalogue, board, apply=apply, told=lambda done: say(done.sentence(applied=apply)))
        else:
            say((await rekey(db, catalogue, board, now_ms, apply=apply)).sentence(applied=apply))

    await _on_tables(settings, work)
    if not apply:
        say(f"Nothing was changed: `make {command} board={board} args=--apply` does it.")


async def migrate(settings: LocalSettings, *, apply: bool) -> None:
    """Convert the data of 0.1.0; without `apply`, only say what would be done. Raises as `_on_tables`."""
    await _on_tables(settings, lambda db: report(db, apply=apply, told=say))
    if not apply:
        say("Nothing was changed: `make migrate args=--apply` does it.")


async def index_rows(settings: LocalSettings, board: str | None) -> None:
    """Finish a board's index, or those of all boards. Raises as `_on_tables`."""
    catalogue = load_catalogue(settings.catalogue)
    await _on_tables(settings, lambda db: index(db, chosen(catalogue, board, now_ms()), say))


async def _on_tables(settings: LocalSettings, work: Callable[[Database], Awaitable[None]]) -> None:
    """Start the emulator, do the work, and stop the emulator.

    Raises StackError (as for a running backend, and whatever the store raises), EmulatorError or
    CatalogueError.
    """
    set_region(os.environ)
    try:
        async with AsyncExitStack() as stack:
            await start_emulator(settings, stack)
            db = await stack.enter_async_context(open_database(aioboto3.Session()))
            await provision.create_tables(db)
            await work(db)
    except (RequestError, ClientError, BotoCoreError) as error:
        raise StackError(f"A service of AWS, or what stands in for it, does not answer: {error}") from error
    except StoreError as error:
        raise StackError(str(error)) from error
