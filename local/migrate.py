"""`make migrate`: convert the data folder of release 0.1.0, while the backend is stopped."""

import os
from contextlib import AsyncExitStack

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError

from local import provision
from local.console import say
from local.settings import LocalSettings, set_region
from local.stack import StackError, start_emulator
from ops.migrate import report
from store.database import open_database
from store.errors import RequestError, StoreError


async def migrate(settings: LocalSettings, *, apply: bool) -> None:
    """Start the emulator, convert the data, and stop it; without `apply`, only say what would be done.

    Raises StackError (as for a running backend) or EmulatorError.
    """
    set_region(os.environ)
    try:
        async with AsyncExitStack() as stack:
            await start_emulator(settings, stack)
            db = await stack.enter_async_context(open_database(aioboto3.Session()))
            await provision.create_tables(db)
            await report(db, apply=apply, say=say)
    except (RequestError, ClientError, BotoCoreError) as error:
        raise StackError(f"A service of AWS, or what stands in for it, does not answer: {error}") from error
    except StoreError as error:
        raise StackError(str(error)) from error
    if not apply:
        say("Nothing was changed: `make migrate args=--apply` does it.")
