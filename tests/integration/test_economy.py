"""One player on many devices at once, over HTTP to the emulator (moto has no concurrent transactions)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import aioboto3
import pytest

from game.player import StaleVersionError, save
from local.provision import create_tables
from store import progress
from store.actions import act
from store.database import Database, from_item
from store.idempotency import Answer, request_key
from store.progress import Progress
from store.schema import IDEMPOTENCY
from tests.integration.real_time import NOW
from tests.unit.store.bookkeeping import ACTIONS, ADA, CROWN, EARN, ECONOMY, Action, Ledger

DEVICES = 8
REQUESTS = 64


@pytest.fixture
async def devices(aws_environment: str) -> AsyncIterator[list[Database]]:
    """Empty tables, and as many clients of them."""
    async with AsyncExitStack() as stack:
        session = aioboto3.Session()
        clients = [
            Database(await stack.enter_async_context(session.client("dynamodb"))) for _ in range(DEVICES)
        ]
        await create_tables(clients[0])
        yield clients


async def do(db: Database, action: Action, key: str | None = None) -> Answer:
    return await act(db, ADA, action.decide(), action.key(key) if key else None, NOW)


async def answered_keys(db: Database) -> int:
    rows = (await db.client.scan(TableName=IDEMPOTENCY.name))["Items"]
    assert all(from_item(row)["userId"] == ADA for row in rows)
    return len(rows)


@pytest.mark.parametrize("keys", [False, True])
async def test_parallel_purchases_with_money_for_one(devices: list[Database], keys: bool) -> None:
    for _ in range(2):
        await do(devices[0], EARN)
    answers = await asyncio.gather(
        *(do(devices[n % DEVICES], CROWN, f"k{n}" if keys else None) for n in range(REQUESTS))
    )
    assert sorted(answer.status for answer in answers) == [200] + [409] * (REQUESTS - 1)
    stored = await progress.load(devices[0], ADA)
    assert (stored.money, stored.inventory) == (0, {"crown": 1})
    assert await answered_keys(devices[0]) == (REQUESTS if keys else 0)


async def test_everything_at_once_balances(devices: list[Database]) -> None:
    """Every action several times, each request sent twice."""
    plan = [(action, f"{action.name} {n}") for n in range(6) for action in ACTIONS]
    first, again = await asyncio.gather(
        *(
            asyncio.gather(*(do(devices[(n + shift) % DEVICES], *step) for n, step in enumerate(plan)))
            for shift in range(2)
        )
    )
    assert first == again
    ledger = Ledger()
    ledger.book((action, answer) for (action, _), answer in zip(plan, first, strict=True))
    ledger.assert_balances(await progress.load(devices[0], ADA))


async def test_one_of_two_saves_wins_each_version(devices: list[Database]) -> None:
    async def save_as(device: int, version: int) -> Answer:
        def decide(read: Progress, _: object) -> tuple[Progress, Answer]:
            try:
                new = save(ECONOMY, read, level=1, xp=version, checkpoint={"of": device}, version=version)
            except StaleVersionError as error:
                return read, Answer(status=409, body=str(error.version))
            return new, Answer(status=200, body=str(device))

        key = request_key(ADA, f"{device} {version}", "save") if version % 2 else None
        return await act(devices[device], ADA, decide, key, NOW)

    for version in range(20):
        answers = await asyncio.gather(save_as(0, version), save_as(1, version))
        won, lost = sorted(answers, key=lambda answer: answer.status)
        assert (won.status, lost) == (200, Answer(status=409, body=str(version + 1)))
        stored = await progress.load(devices[0], ADA)
        assert (stored.version, stored.xp) == (version + 1, version)
        assert stored.checkpoint == {"of": int(won.body)}
