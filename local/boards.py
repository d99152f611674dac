"""`make drop board=forest` and `make rekey board=forest`: mend a board's rows in the data folder.

The backend must be stopped meanwhile.
"""

import os
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError

from game.board_rules import Mend
from game.catalogue import Catalogue, load_catalogue
from local import provision
from local.console import say
from local.settings import LocalSettings, set_region
from local.stack import StackError, start_emulator
from runtime.clock import now_ms
from store.board_rules import drop
from store.database import Database, open_database
from store.errors import RequestError, StoreError
from store.rekeying import rekey


async def mend(settings: LocalSettings, command: Mend, board: str, *, apply: bool) -> None:
    """Start the emulator, run a command on a board's rows, and stop the emulator.

    Without `apply`, only say what it would do. Raises StackError (as for a running backend), EmulatorError or
    CatalogueError.
    """
    catalogue = load_catalogue(settings.catalogue)
    try:
        await _on_tables(settings, lambda db: _COMMANDS[command](db, catalogue, board, apply))
    except (RequestError, ClientError, BotoCoreError) as error:
        raise StackError(f"A service of AWS, or what stands in for it, does not answer: {error}") from error
    except StoreError as error:
        raise StackError(str(error)) from error
    if not apply:
        say(f"Nothing was changed: `make {command} board={board} args=--apply` does it.")


async def _on_tables(settings: LocalSettings, work: Callable[[Database], Awaitable[None]]) -> None:
    set_region(os.environ)
    async with AsyncExitStack() as stack:
        await start_emulator(settings, stack)
        db = await stack.enter_async_context(open_database(aioboto3.Session()))
        await provision.create_tables(db)
        await work(db)


async def _drop(db: Database, catalogue: Catalogue, board: str, apply: bool) -> None:
    await drop(db, catalogue, board, apply=apply, told=lambda one: say(one.sentence(applied=apply)))


async def _rekey(db: Database, catalogue: Catalogue, board: str, apply: bool) -> None:
    done = await rekey(db, catalogue, board, now_ms, apply=apply)
    say(done.sentence(applied=apply))


_COMMANDS = {"drop": _drop, "rekey": _rekey}
