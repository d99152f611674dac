"""How an operator's command runs on the tables of a deployment, and how it ends.

What is in its way is one sentence on standard error. Every command can be interrupted, and goes on when it is
run again.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError

from game.catalogue import CatalogueError
from store.database import Database, open_database
from store.errors import NoTableError, RequestError, StoreError, ThrottledError

INTERRUPTED = 130
"""The exit status of what Ctrl-C has ended: 128 and the signal's number, as a shell has it."""


def run_on_tables(prefix: str, region: str | None, work: Callable[[Database], Awaitable[None]]) -> None:
    """Do an operator's work on the tables whose names begin with `prefix`, as `run` does.

    region: where they are; by default as the SDK's own settings say.
    """

    async def on_tables() -> None:
        async with open_database(aioboto3.Session(region_name=region), prefix) as db:
            await work(db)

    run(on_tables(), prefix)


def say(sentence: str) -> None:
    """Tell the operator something, at once."""
    print(sentence, flush=True)  # noqa: T201


def run(work: Coroutine[Any, Any, None], prefix: str) -> None:
    """Run a command's work. Exits where something is in the way, and with INTERRUPTED after Ctrl-C.

    prefix: what the names of the tables begin with, for what is said where there are none.
    """
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped before the end: run it again to go on.\n")
        sys.exit(INTERRUPTED)
    except NoTableError:
        sys.exit(f"There are no tables {prefix}*: is the Region right?")
    except (RequestError, ThrottledError, ClientError, BotoCoreError) as error:
        sys.exit(f"The tables cannot be read or written, and the rest was left undone: {error}")
    except (CatalogueError, StoreError) as error:
        sys.exit(str(error))
