"""Podium's tables in an emulator of the benchmark's own, gone with it."""

import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aioboto3
from aiobotocore.config import AioConfig

from bench.ports import kept_ports
from local import provision
from local.emulator import Emulator
from local.settings import REGION
from runtime.sdk import SDK_CONFIG
from store.database import Database

# A Query of the emulator looks at all of a board's rows.
_PATIENT = SDK_CONFIG.merge(AioConfig(read_timeout=60))


class Emulated(NamedTuple):
    """A running emulator with Podium's tables. Clients of `session` need `endpoint_url=url`."""

    url: str
    credentials: Mapping[str, str]
    session: aioboto3.Session
    db: Database


@asynccontextmanager
async def emulated() -> AsyncIterator[Emulated]:
    """Start an emulator with empty tables on a free port. Raises EmulatorError."""
    with tempfile.TemporaryDirectory() as folder, kept_ports() as new_port:
        emulator = Emulator(port=new_port(), data_dir=Path(folder), save_seconds=None)
        await emulator.start()
        try:
            keys = emulator.credentials
            session = aioboto3.Session(
                keys["AWS_ACCESS_KEY_ID"], keys["AWS_SECRET_ACCESS_KEY"], region_name=REGION
            )
            async with session.client("dynamodb", endpoint_url=emulator.url, config=_PATIENT) as client:
                db = Database(client)
                await provision.create_tables(db)
                yield Emulated(emulator.url, emulator.credentials, session, db)
        finally:
            await emulator.stop()
