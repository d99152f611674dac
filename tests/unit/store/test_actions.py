"""One action on a player's progress: all of it or nothing, and once for each key."""

from datetime import date, timedelta
from functools import partial

import pytest

from game.economy import Economy
from game.idempotency import KEPT_SECONDS
from game.player import Earned, add_money, complete_task
from store import progress
from store.actions import act
from store.database import ATTEMPTS
from store.errors import ConflictError
from store.idempotency import Answer, KeyReusedError
from store.progress import Progress
from store.schema import IDEMPOTENCY, USER_PROGRESS
from tests.simulation import clock
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW
from tests.unit.store.bookkeeping import ACTIONS, ADA, CROWN, EARN, QUEST, TODAY, TORCH, Action, Ledger
from tests.unit.store.interrupted import InterruptedDatabase, die, interrupted_database, moments

# Read and write: what an action costs when no other writer interferes.
REQUESTS = 2
MOMENTS = moments(REQUESTS)


async def do(tables: InterruptedDatabase, action: Action, key: str | None = None, *, at: int = NOW) -> Answer:
    """Return an action by Ada that may be interrupted."""
    return await act(tables.db, ADA, action.decide(), action.key(key) if key else None, at)


async def do_meanwhile(tables: InterruptedDatabase, action: Action, key: str | None = None) -> Answer:
    """Return the same that nothing interrupts."""
    return await act(tables.direct, ADA, action.decide(), action.key(key) if key else None, NOW)


async def stored(tables: InterruptedDatabase) -> Progress:
    return await progress.load(tables.direct, ADA)


async def earn(tables: InterruptedDatabase, times: int) -> None:
    for _ in range(times):
        assert (await do_meanwhile(tables, EARN)).status == 200


def must_not_decide(_: Progress, __: object) -> tuple[Progress, Answer]:
    raise AssertionError("answered before")


async def test_action_changes_the_row(tables: InterruptedDatabase) -> None:
    assert await do(tables, EARN) == Answer(status=200, body="earn: 25 left")
    assert (await stored(tables)).money == 25
    assert len(tables.log) == REQUESTS


async def test_action_leaves_the_rest_of_the_row_alone(tables: InterruptedDatabase) -> None:
    before = (await stored(tables)).model_copy(update={"checkpoint": {"at": [1.5, None]}, "version": 3})
    write = progress.replace(tables.direct, await stored(tables), before)
    await tables.direct.client.transact_write_items(TransactItems=[write])
    await do(tables, EARN)
    after = await stored(tables)
    assert after.revision
    assert after == before.model_copy(
        update={"money": 25, "earned": after.earned, "revision": after.revision}
    )


async def test_refusal_without_a_key_writes_nothing(tables: InterruptedDatabase) -> None:
    assert (await do(tables, CROWN)).status == 409
    assert tables.log == ["BatchGetItem Players UserProgress"]
    assert not any((await tables.rows()).values())


async def test_replay_gives_the_stored_answer_and_one_effect(tables: InterruptedDatabase) -> None:
    answer = await do(tables, EARN, "k")
    await do(tables, EARN)
    assert await act(tables.db, ADA, must_not_decide, EARN.key("k"), NOW) == answer
    assert (await stored(tables)).money == 50


async def test_replay_gives_the_refusal_though_it_would_succeed_by_now(tables: InterruptedDatabase) -> None:
    refused = await do(tables, TORCH, "k")
    assert refused.status == 409
    await earn(tables, 1)
    assert await do(tables, TORCH, "k") == refused
    assert (await stored(tables)).money == 25
    assert (await do(tables, TORCH, "another")).status == 200


async def test_key_of_another_request_is_refused(tables: InterruptedDatabase) -> None:
    await do(tables, EARN, "k")
    with pytest.raises(KeyReusedError):
        await do(tables, QUEST, "k")
    assert (await stored(tables)).money == 25


async def test_key_of_a_refused_request_is_taken_too(tables: InterruptedDatabase) -> None:
    await do(tables, CROWN, "k")
    with pytest.raises(KeyReusedError):
        await do(tables, EARN, "k")
    assert (await stored(tables)).money == 0


async def test_same_key_of_two_players_is_two_requests(tables: InterruptedDatabase) -> None:
    await do(tables, EARN, "k")
    answer = await act(tables.db, "bob", QUEST.decide(), QUEST.key("k", "bob"), NOW)
    assert answer.status == 200
    assert (await stored(tables)).money == 25
    assert (await progress.load(tables.direct, "bob")).money == 40


async def test_key_is_kept_for_a_day(tables: InterruptedDatabase) -> None:
    answer = await do(tables, EARN, "k")
    late = NOW + KEPT_SECONDS * 1000
    assert await do(tables, EARN, "k", at=late - 1) == answer
    (row,) = (await tables.rows())[IDEMPOTENCY.name]
    assert row["expiresAt"] == late // 1000
    # As long as DynamoDB has not deleted the row.
    assert await do(tables, QUEST, "k", at=late) == Answer(status=200, body="quest: 65 left")
    assert await do(tables, QUEST, "k", at=late) == Answer(status=200, body="quest: 65 left")
    assert (await stored(tables)).money == 65


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize(("side", "number"), MOMENTS)
async def test_two_purchases_at_once_with_money_for_one(
    tables: InterruptedDatabase, side: str, number: int, key: str | None
) -> None:
    await earn(tables, 2)
    others: list[Answer] = []

    async def other() -> None:
        others.append(await do_meanwhile(tables, CROWN, "other"))

    getattr(tables, side)[number] = other
    answer = await do(tables, CROWN, key)
    assert sorted([answer.status, *(one.status for one in others)]) == [200, 409]
    after = await stored(tables)
    assert (after.money, after.inventory) == (0, {"crown": 1})


@pytest.mark.parametrize("key", [None, "k"])
async def test_rules_decide_again_on_what_others_wrote(tables: InterruptedDatabase, key: str | None) -> None:
    tables.before[1] = lambda: do_meanwhile(tables, QUEST)
    assert await do(tables, EARN, key) == Answer(status=200, body="earn: 65 left")


async def test_refusal_that_others_made_wrong_is_not_kept(tables: InterruptedDatabase) -> None:
    tables.before[1] = lambda: do_meanwhile(tables, EARN)
    assert (await do(tables, TORCH, "k")).status == 200
    assert (await do(tables, TORCH, "k")).status == 200
    assert (await stored(tables)).money == 15


@pytest.mark.parametrize("funds", [0, 2])
@pytest.mark.parametrize(("side", "number"), MOMENTS)
async def test_one_request_twice_at_once_acts_once(
    tables: InterruptedDatabase, side: str, number: int, funds: int
) -> None:
    await earn(tables, funds)
    others: list[Answer] = []

    async def same() -> None:
        others.append(await do_meanwhile(tables, TORCH, "k"))

    getattr(tables, side)[number] = same
    answer = await do(tables, TORCH, "k")
    assert others == [answer]
    assert (await stored(tables)).inventory == ({"torch": 1} if funds else {})


@pytest.mark.parametrize(("one", "other"), [(EARN, QUEST), (EARN, CROWN), (TORCH, QUEST), (TORCH, CROWN)])
@pytest.mark.parametrize("number", range(REQUESTS))
async def test_key_that_another_request_takes_meanwhile_is_refused(
    tables: InterruptedDatabase, number: int, one: Action, other: Action
) -> None:
    """Whether the two would succeed or be refused: a refusal changes nothing of the row."""
    tables.before[number] = lambda: do_meanwhile(tables, other, "k")
    with pytest.raises(KeyReusedError):
        await do(tables, one, "k")
    assert (await stored(tables)).money == (40 if other is QUEST else 0)


@pytest.mark.parametrize("key", [None, "k"])
def test_row_that_never_stays_still_is_a_conflict(key: str | None) -> None:
    async def play() -> None:
        async with interrupted_database() as tables:
            for number in range(ATTEMPTS * REQUESTS + 2):
                if number % REQUESTS:
                    tables.before[number] = lambda: touch(tables)
            with pytest.raises(ConflictError):
                await do(tables, EARN, key)
            assert len(tables.log) == ATTEMPTS * REQUESTS
            assert (await stored(tables)).money == 0
            assert (await tables.rows())[IDEMPOTENCY.name] == []

    clock.run(play())


async def touch(tables: InterruptedDatabase) -> None:
    """Another write of Ada's row, that changes nothing but the revision."""
    read = await stored(tables)
    await tables.direct.client.transact_write_items(
        TransactItems=[progress.replace(tables.direct, read, read)]
    )


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
@pytest.mark.parametrize("funds", [0, 2])
async def test_crash_anywhere_and_a_replay_are_one_action(
    tables: InterruptedDatabase, action: Action, funds: int
) -> None:
    """The process dies before and after each of its requests, and after the last one before it answers."""
    await earn(tables, funds)
    start = Ledger([EARN] * funds)
    for side, number in MOMENTS:
        await forget(tables, funds)
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await do(tables, action, "k")
        assert len(tables.log) == number + 1
        between = await stored(tables)
        tables.restart()
        answer = await do(tables, action, "k")
        ledger = Ledger(list(start.entries))
        ledger.book([(action, answer)])
        after = await stored(tables)
        ledger.assert_balances(after)
        committed = (side, number) == ("after", REQUESTS - 1)
        assert (between == after) is (committed or answer.status != 200), "all of it or nothing"
        assert await do(tables, action, "k") == answer
        assert await stored(tables) == after


async def forget(tables: InterruptedDatabase, funds: int) -> None:
    """Begin again, with what Ada had then."""
    for table, key in ((USER_PROGRESS, "userId"), (IDEMPOTENCY, "id")):
        for row in (await tables.rows())[table.name]:
            await tables.direct.client.delete_item(TableName=table.name, Key={key: {"S": row[key]}})
    await earn(tables, funds)
    tables.restart()


async def test_days_that_gave_money_and_rewards_are_stored(tables: InterruptedDatabase) -> None:
    economy = Economy.model_validate(
        {
            "tasks": {"visit": {"title": "Visit", "repeat": "daily"}},
            "money": {"pickup": {"perRequest": 25, "perDay": 100}},
        }
    )

    def play(read: Progress, day: date) -> Progress:
        earned = add_money(economy, read, amount=25, reason="pickup", today=day)
        return complete_task(economy, earned, "visit", day)

    tomorrow = TODAY + timedelta(days=1)
    for day in (tomorrow, TODAY):
        action = Action("play", partial(play, day=day), 25)
        assert (await do(tables, action)).status == 200
    row = await stored(tables)
    assert row.earned == {"pickup": Earned(day=TODAY, amount=25, others={tomorrow: 25})}
    assert (row.tasks, row.rewarded) == ({"visit": TODAY}, {"visit": (tomorrow,)})
    assert (await do(tables, Action("play", partial(play, day=tomorrow), 25))).status == 409
