"""Requests that DynamoDB throttles, and rows that are not ours."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from botocore.awsrequest import AWSPreparedRequest

from runtime.sdk import SDK_CONFIG, THROTTLED_ATTEMPTS, hasten_throttled
from store.database import ATTEMPTS, Database, Row, batch_write, parse_row, retry_on_conflict, to_item
from store.errors import ConflictError, RequestError, RowError, ThrottledError, throttled
from store.schema import CONNECTIONS, SCORES
from tests.simulation import aws, clock
from tests.unit.realtime.fakes import described, session

T = TypeVar("T")
Answer = tuple[int, dict[str, Any]]

DONE: Answer = (200, {})
KEY: dict[str, Any] = {"gameArea": {"S": "desert"}, "score": {"S": "x"}}
THROTTLING_CODES = [
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
]
THROTTLING_REASONS = ["ThrottlingError", "ProvisionedThroughputExceeded"]


def refused(code: str) -> Answer:
    """DynamoDB's refusal of a single request."""
    return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}


def cancelled(*reasons: str) -> Answer:
    """DynamoDB's refusal of a transaction, with the reason for each of its parts."""
    return 400, {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "no",
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }


class Script:
    """Answers requests in the order given, the last answer for ever; `log` has every request."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.log: list[str] = []

    async def respond(self, request: AWSPreparedRequest) -> tuple[int, bytes]:
        self.log.append(described(request))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer[0], json.dumps(answer[1]).encode()


@asynccontextmanager
async def database(script: Script) -> AsyncIterator[Database]:
    """Yield a database as every function opens it."""
    async with aws.answered_client(session(), "dynamodb", script.respond, config=SDK_CONFIG) as client:
        hasten_throttled(client)
        yield Database(client)


def timed(script: Script, work: Callable[[Database], Awaitable[T]]) -> tuple[T | Exception, float]:
    """Return the outcome of some work, and the virtual seconds that it took."""

    async def run() -> tuple[T | Exception, float]:
        async with database(script) as db:
            started = asyncio.get_running_loop().time()
            try:
                outcome: T | Exception = await work(db)
            except (RequestError, ConflictError, ThrottledError) as error:
                outcome = error
            return outcome, asyncio.get_running_loop().time() - started

    return clock.run(run())


def transact(db: Database) -> Awaitable[Any]:
    """Return a transaction that is run until it wins."""

    async def attempt() -> str:
        await db.client.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": "Scores", "Key": to_item({"gameArea": "a", "score": "b"})}}
            ]
        )
        return "won"

    return retry_on_conflict(attempt)


@pytest.mark.parametrize("reason", THROTTLING_REASONS)
def test_throttled_transaction_gives_up_after_four_tries_within_a_second(reason: str) -> None:
    script = Script(cancelled("None", reason))
    outcome, seconds = timed(script, transact)
    assert isinstance(outcome, ThrottledError)
    assert len(script.log) == THROTTLED_ATTEMPTS == 4
    assert 0 < seconds < 1


def test_transaction_both_lost_and_throttled_counts_as_throttled() -> None:
    script = Script(cancelled("ConditionalCheckFailed", "ThrottlingError"))
    outcome, _ = timed(script, transact)
    assert isinstance(outcome, ThrottledError)
    assert len(script.log) == THROTTLED_ATTEMPTS


@pytest.mark.parametrize("code", THROTTLING_CODES)
def test_throttled_request_is_sent_four_times_in_all_within_a_second(code: str) -> None:
    """The SDK repeats it, and `retry_on_conflict` does not multiply that."""
    script = Script(refused(code))
    outcome, seconds = timed(script, transact)
    assert isinstance(outcome, ThrottledError)
    assert len(script.log) == THROTTLED_ATTEMPTS
    assert 0 < seconds < 1


@pytest.mark.parametrize("code", THROTTLING_CODES)
def test_throttled_read_fails_within_a_second_and_is_known_as_throttled(code: str) -> None:
    script = Script(refused(code))
    outcome, seconds = timed(
        script,
        lambda db: db.client.get_item(TableName="Scores", Key=KEY),
    )
    assert isinstance(outcome, RequestError)
    assert throttled(outcome)
    assert len(script.log) == THROTTLED_ATTEMPTS
    assert 0 < seconds < 1


@pytest.mark.parametrize("throttles", range(1, THROTTLED_ATTEMPTS))
def test_throttling_that_ends_in_time_is_not_noticed(throttles: int) -> None:
    script = Script(*[cancelled("ThrottlingError")] * throttles, DONE)
    outcome, _ = timed(script, transact)
    assert outcome == "won"
    assert len(script.log) == throttles + 1


def test_throttling_between_lost_races_is_counted_by_itself() -> None:
    lost, busy = cancelled("ConditionalCheckFailed"), cancelled("ThrottlingError")
    script = Script(lost, busy, lost, busy, lost, busy, lost, DONE)
    outcome, _ = timed(script, transact)
    assert outcome == "won"
    script = Script(lost, busy, lost, busy, lost, busy, lost, busy, DONE)
    outcome, _ = timed(script, transact)
    assert isinstance(outcome, ThrottledError)


@pytest.mark.parametrize("reason", ["ConditionalCheckFailed", "TransactionConflict"])
def test_lost_race_is_run_fifty_times(reason: str) -> None:
    script = Script(cancelled(reason))
    outcome, _ = timed(script, transact)
    assert isinstance(outcome, ConflictError)
    assert len(script.log) == ATTEMPTS == 50
    script = Script(*[cancelled(reason)] * (ATTEMPTS - 1), DONE)
    outcome, _ = timed(script, transact)
    assert outcome == "won"


@pytest.mark.parametrize("answer", [cancelled("ValidationError"), refused("ValidationException")])
def test_permanent_error_is_raised_at_once(answer: Answer) -> None:
    script = Script(answer)
    outcome, _ = timed(script, transact)
    assert isinstance(outcome, RequestError)
    assert len(script.log) == 1


def test_rows_that_stay_unprocessed_are_sent_four_times_within_a_second() -> None:
    put = {"PutRequest": {"Item": to_item({"channel": "a", "connectionId": "b"})}}
    script = Script((200, {"UnprocessedItems": {"Connections": [put]}}))
    outcome, seconds = timed(script, lambda db: batch_write(db, CONNECTIONS, [put]))
    assert isinstance(outcome, ThrottledError)
    assert len(script.log) == THROTTLED_ATTEMPTS
    assert 0 < seconds < 1


class Example(Row):
    name: str
    points: int


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"points": {"N": "1"}}, "name"),
        ({"name": {"N": "1"}, "points": {"N": "1"}}, "name"),
        ({"name": {"S": "secret"}, "points": {"N": "1.5"}}, "points"),
        ({"name": {"S": "secret"}, "points": {"M": {}}}, "points"),
        ({"name": {"S": "secret"}, "points": {"N": "1" * 60}}, "Rounded"),
        ({"name": {"UNHEARD": "secret"}}, "UNHEARD"),
    ],
)
def test_row_error_names_table_key_and_fault_and_no_value(attributes: dict[str, Any], said: str) -> None:
    with pytest.raises(RowError) as caught:
        parse_row(Example, SCORES, KEY | attributes)
    message = str(caught.value)
    assert message.startswith("a row of Scores cannot be read, at {'gameArea': 'desert', 'score': 'x'}: ")
    assert said in message
    assert "secret" not in message


def test_text_nested_too_deep_is_a_row_error() -> None:
    deep = KEY | {"name": {"S": "[" * 100_000}, "points": {"N": "1"}}
    with pytest.raises(RowError):
        parse_row(Example, SCORES, deep, name=json.loads)
