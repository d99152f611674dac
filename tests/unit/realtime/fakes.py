"""Stand-ins for what the live path talks to, each with a record of what it was asked."""

import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.awsrequest import AWSPreparedRequest

from game.catalogue import Catalogue
from realtime.push.client import PushClient, PushResult
from store.database import Database
from streams.broadcaster import Broadcaster
from streams.fanout import FanOutRunner, Slice
from tests.simulation import aws

NOW = 1_763_812_800_000
"""Milliseconds since the epoch: a clock that stands still."""


def clock() -> int:
    return NOW


@dataclass
class RecordingPush:
    """A PushClient whose connections are as they are said to be. `log` is shared with the database."""

    log: list[str] = field(default_factory=list)
    frames: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    unclosable: set[str] = field(default_factory=set)

    async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
        assert within > 0
        self.log.append("push")
        result = PushResult()
        for connection_id in sorted(connection_ids):
            if connection_id in self.gone:
                result.gone.append(connection_id)
            elif connection_id in self.failing:
                result.failed.append(connection_id)
            else:
                result.delivered += 1
                self.frames.append((connection_id, json.loads(frame)))
        return result

    async def close(self, connection_id: str) -> bool:
        self.closed.append(connection_id)
        return connection_id not in self.unclosable

    def sent_to(self, connection_id: str) -> list[dict[str, Any]]:
        """Return the frames that a connection got, oldest first."""
        return [frame for receiver, frame in self.frames if receiver == connection_id]


@dataclass
class RecordedDatabase:
    """The project's tables in moto. `log` has every request through `db`, as `Operation Table`."""

    db: Database
    direct: Database
    log: list[str]
    throttled: set[str]
    """Operations that DynamoDB has no room for."""


# What a session reads of the service's description is read once.
session = cache(aws.shared_session)


@asynccontextmanager
async def recorded_database() -> AsyncIterator[RecordedDatabase]:
    log: list[str] = []
    throttled: set[str] = set()

    async def respond(request: AWSPreparedRequest) -> tuple[int, bytes]:
        operation = described(request)
        log.append(operation)
        if operation.partition(" ")[0] in throttled:
            return throttling(operation)
        return await aws.ask_moto(request)

    async with aws.database(session(), respond) as (db, direct):
        yield RecordedDatabase(db, direct, log, throttled)


def throttling(operation: str) -> tuple[int, bytes]:
    """DynamoDB's answer to a request, or to a transaction, of a partition that is too hot."""
    refusal: dict[str, Any] = {"__type": "ProvisionedThroughputExceededException", "message": "too fast"}
    if operation.startswith("Transact"):
        reasons = [{"Code": "None"}, {"Code": "ThrottlingError", "Message": "too fast"}]
        refusal = {"__type": "TransactionCanceledException", "CancellationReasons": reasons}
    return 400, json.dumps(refusal).encode()


def described(request: AWSPreparedRequest) -> str:
    """Return a DynamoDB request as `Operation Table`; a transaction's operation alone."""
    target = request.headers["X-Amz-Target"]
    operation = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
    body = json.loads(aws.body_of(request))
    if operation.startswith("Transact"):
        return operation
    tables = [body["TableName"]] if "TableName" in body else sorted(body["RequestItems"])
    return " ".join([operation, *tables])


def broadcaster(db: Database, catalogue: Catalogue, push: PushClient) -> Broadcaster:
    """Return a broadcaster of boards that are too small for pushers."""

    async def start_pusher(task: Slice) -> None:
        raise AssertionError(f"a pusher was started: {task}")

    return Broadcaster(db, catalogue, FanOutRunner(db, catalogue, push, clock, start_pusher), clock)
