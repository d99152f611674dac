"""AWS inside the process: aioboto3 clients whose requests are answered by a function instead of a socket."""

import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import aioboto3
from botocore.awsrequest import AWSPreparedRequest
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from runtime.sdk import SDK_CONFIG, hasten_throttled
from store.database import Database
from store.schema import SCORES, TABLES, create_request
from tests.simulation import quick_moto, quick_sdk
from tests.simulation.quick_sdk import Response

REGION = quick_moto.REGION
Respond = quick_sdk.Respond


@cache
def shared_session() -> aioboto3.Session:
    """Return a session with made-up credentials, whatever the environment says; making one takes a while."""
    return aioboto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)


@asynccontextmanager
async def answered_client(
    session: aioboto3.Session, service: Any, respond: Respond, **options: Any
) -> AsyncIterator[Any]:
    """Yield an aioboto3 client whose every request, retries included, goes to `respond`."""

    async def before_send(request: AWSPreparedRequest, **_: object) -> Response:
        return Response(*await respond(request))

    async with session.client(service, **options) as client:
        if service == "dynamodb":
            quick_sdk.shorten(client, respond)
        else:
            client.meta.events.register("before-send", before_send)
        yield client


def body_of(request: AWSPreparedRequest) -> bytes:
    """Return a request's body."""
    assert isinstance(request.body, bytes)
    return request.body


quick_moto.install()
_stubber = BotocoreStubber()


async def ask_moto(request: AWSPreparedRequest) -> tuple[int, bytes]:
    """Moto's answer to a request."""
    if quick := quick_moto.answer(request):
        return quick
    answer = _stubber.process_request(request)
    assert answer is not None, request.url
    status, _, body = answer
    return status, body if isinstance(body, bytes) else body.encode()


@asynccontextmanager
async def database(
    session: aioboto3.Session, respond: Respond = ask_moto
) -> AsyncIterator[tuple[Database, Database]]:
    """Yield the project's tables, empty, in moto: once through `respond`, and once directly."""
    dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].reset()
    async with (
        answered_client(session, "dynamodb", respond, config=SDK_CONFIG) as client,
        answered_client(session, "dynamodb", ask_moto) as direct,
    ):
        hasten_throttled(client)
        for table in TABLES:
            await direct.create_table(**create_request(table, table.name))
        yield Database(client), Database(direct)


def rows_of(table: str) -> list[Any] | None:
    """Return every row of a table, as its client does, without a request; None where one has bytes."""
    rows = [row.to_json()["Attributes"] for row in _kept(table).all_items()]
    return None if quick_moto.has_bytes(json.dumps(rows, default=repr).encode()) else rows


def keep_rows() -> Callable[[], None]:
    """Remember every row of every table; return what brings them back, as often as it is called.

    Streams do not tell of it.
    """
    kept = {table.name: copy.deepcopy(_kept(table.name).items) for table in TABLES}

    def bring_back() -> None:
        for name, items in kept.items():
            _kept(name).items = copy.deepcopy(items)

    return bring_back


def _kept(name: str) -> Any:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_table(name)


def score_records() -> list[dict[str, Any]]:
    """Return every record of the stream of `Scores` so far, oldest first, as Lambda gets them."""
    table = _kept(SCORES.name)
    assert table.stream_shard is not None
    return [_lambda_record(record.to_json()) for record in table.stream_shard.items]


def _lambda_record(record: dict[str, Any]) -> dict[str, Any]:
    written_at = record["dynamodb"]["ApproximateCreationDateTime"]
    return record | {"dynamodb": record["dynamodb"] | {"ApproximateCreationDateTime": written_at.timestamp()}}
