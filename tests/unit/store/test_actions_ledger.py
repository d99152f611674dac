"""The ledger: money, belongings and rewards agree with the answers given, after anything that can happen."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import progress
from store.actions import act
from store.database import Database
from store.idempotency import Answer
from tests.simulation import clock
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW
from tests.unit.store.bookkeeping import ACTIONS, ADA, Action, Ledger
from tests.unit.store.interrupted import InterruptedDatabase, die, interrupted_database, moments


async def do(db: Database, action: Action, key: str) -> Answer:
    return await act(db, ADA, action.decide(), action.key(key), NOW)


class Step(NamedTuple):
    """A request, where its process dies at the first attempts, and what others do before its write."""

    action: Action
    crashes: Sequence[tuple[str, int]]
    meanwhile: Action | None
    replays: int


STEPS = st.builds(
    Step,
    action=st.sampled_from(ACTIONS),
    crashes=st.lists(st.sampled_from(moments(2)), max_size=3),
    meanwhile=st.none() | st.sampled_from(ACTIONS),
    replays=st.integers(0, 2),
)


@settings(max_examples=30, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=8))
def test_books_balance_whatever_runs_at_once_and_wherever_the_process_dies(steps: list[Step]) -> None:
    clock.run(play_steps(steps))


async def play_steps(steps: Sequence[Step]) -> None:
    async with interrupted_database() as tables:
        ledger = Ledger()
        for number, step in enumerate(steps):
            ledger.book(await play_step(tables, step, f"k{number}"))
            ledger.assert_balances(await progress.load(tables.direct, ADA))


async def play_step(tables: InterruptedDatabase, step: Step, key: str) -> list[tuple[Action, Answer]]:
    """Return the answers to the request and to the other one."""
    answers: list[tuple[Action, Answer]] = []

    async def other(action: Action) -> None:
        answers.append((action, await do(tables.direct, action, f"{key} meanwhile")))

    for side, number in step.crashes:
        tables.restart()
        getattr(tables, side)[number] = die
        with suppress(CrashError):
            await do(tables.db, step.action, key)
    tables.restart()
    if step.meanwhile:
        action = step.meanwhile
        tables.before[1] = lambda: other(action)
    answer = await do(tables.db, step.action, key)
    tables.restart()
    for _ in range(step.replays):
        assert await do(tables.db, step.action, key) == answer
    return [*answers, (step.action, answer)]
