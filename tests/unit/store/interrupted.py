"""The tables in moto, behind a process that may die at any request and beside which others may write."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSPreparedRequest

from store.database import Database, Item, batch_write, from_item
from store.schema import TABLES
from tests.simulation import aws
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import described, session

Happening = Callable[[], Awaitable[object]]


async def die() -> None:
    """The process ends here."""
    raise CrashError


def moments(requests: int) -> list[tuple[str, int]]:
    """Return the moments before and after each of `requests` requests."""
    return [(side, number) for number in range(requests) for side in ("before", "after")]


@dataclass
class InterruptedDatabase:
    """`db` is for the code under test. Its requests are counted from 0, and `log` describes each.

    What `before` and `after` have for a request's number happens then, once. `direct` is the same tables with
    nothing of it.
    """

    db: Database = field(init=False)
    direct: Database = field(init=False)
    log: list[str] = field(default_factory=list)
    before: dict[int, Happening] = field(default_factory=dict)
    after: dict[int, Happening] = field(default_factory=dict)

    def restart(self) -> None:
        """Start a new process: it counts from 0, and nothing interrupts it."""
        self.log.clear()
        self.before.clear()
        self.after.clear()

    async def respond(self, request: AWSPreparedRequest) -> tuple[int, bytes]:
        """DynamoDB's answer to a request."""
        number = len(self.log)
        self.log.append(described(request))
        if number in self.before:
            await self.before[number]()
        answer = await aws.ask_moto(request)
        if number in self.after:
            await self.after[number]()
        return answer

    async def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return every row of every table."""
        return {table.name: await self._scan(table.name) for table in TABLES}

    async def clear(self) -> None:
        """Delete every row of every table, and count from 0."""
        for table in TABLES:
            keys = [{name: item[name] for name in table.keys} for item in await self._items(table.name)]
            await batch_write(self.direct, table, [{"DeleteRequest": {"Key": key}} for key in keys])
        self.restart()

    async def _scan(self, name: str) -> list[dict[str, Any]]:
        return [from_item(item) for item in await self._items(name)]

    async def _items(self, name: str) -> list[Item]:
        items = aws.rows_of(name)
        return (await self.direct.client.scan(TableName=name))["Items"] if items is None else items


@asynccontextmanager
async def interrupted_database() -> AsyncIterator[InterruptedDatabase]:
    """Empty tables, and nothing that interrupts."""
    tables = InterruptedDatabase()
    async with aws.database(session(), tables.respond) as (tables.db, tables.direct):
        yield tables
