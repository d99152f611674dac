"""Runs and limits in the transaction of a score: in every order, and wherever a process dies."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from game.catalogue import Catalogue
from game.run_ticket import Ticket
from store.database import Database, from_item
from store.errors import StoreError
from store.held_scores import HELD_LIMIT
from store.idempotency import KeyReusedError, run_key
from store.limits import Limit
from store.profiles import Profile
from store.schema import HELD_SCORES, IDEMPOTENCY, LIMITS, SCORES, STANDINGS, TABLES, Table
from store.submission import Submission, submit
from store.terms import NoAttemptsError, RuleError, Terms, TooManySubmitsError, judge, quotas
from tests.simulation import clock
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW
from tests.unit.store.interrupted import InterruptedDatabase, die, moments
from tests.unit.store.turns import Work, every_order, interleave

ADA = Profile(user_id="ada", name="Ada")
AREA = {"title": "A", "order": "desc", "min": 0, "max": 1000, "top": 3}
CATALOGUE = Catalogue.model_validate(
    {
        "areas": {
            "once": AREA | {"keep": "sum", "rules": {"run": "required", "attempts": "1/1d"}},
            "twice": AREA | {"rules": {"run": "required", "attempts": "2/1d", "submits": "2/1h"}},
            "held": AREA
            | {"rules": {"run": "required", "min_time": "1h", "on_doubt": "hold", "attempts": "9/1d"}},
        }
    }
)


def ticket(area: str, nonce: str) -> Ticket:
    return Ticket(
        key="k",
        user_id=ADA.user_id,
        area=area,
        started_at=NOW - 60_000,
        expires_at=NOW + 60_000,
        nonce=nonce,
        seed=1,
    )


async def score(db: Database, area: str, points: int, nonce: str) -> Submission:
    run = ticket(area, nonce)
    key = run_key(ADA.user_id, nonce, str(points), until=run.expires_at)
    terms = Terms(CATALOGUE.areas[area].rules, run)
    return await submit(db, CATALOGUE, ADA, area, points, NOW, under=terms, key=key)


async def rows_of(db: Database, table: Table) -> list[dict[str, Any]]:
    return [from_item(item) for item in (await db.client.scan(TableName=table.name))["Items"]]


class Story:
    """Works side by side, each with an answer or a refusal."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()

    def scores(self, area: str, points: int, nonce: str) -> Work:
        async def work(db: Database) -> None:
            try:
                answer = await score(db, area, points, nonce)
                self.answers[f"{answer.verdict} {points}"] += 1
            except StoreError as error:
                self.answers[type(error).__name__] += 1

        return work


async def nothing_yet(_: Database) -> None:
    pass


async def a_better_one(db: Database) -> None:
    await score(db, "twice", 99, "first")


def played(
    works: Callable[[Story], list[Work]],
    check: Callable[[Story, Database], Any],
    first: Work = nothing_yet,
) -> int:
    """Play works in every order of their requests; return how many there are."""
    orders = 0
    for choose in every_order():
        story = Story()

        async def checked(db: Database, story: Story = story) -> None:
            await check(story, db)

        clock.run(interleave(first, works(story), choose, checked))
        orders += 1
    return orders


def test_one_run_sent_twice_at_once_counts_once_in_every_order() -> None:
    async def check(story: Story, db: Database) -> None:
        assert story.answers == {"accepted 5": 2}
        assert [row["points"] for row in await rows_of(db, STANDINGS)] == [5]
        assert [row["used"] for row in await rows_of(db, LIMITS)] == [1]
        assert len(await rows_of(db, IDEMPOTENCY)) == 1

    assert played(lambda story: [story.scores("once", 5, "a")] * 2, check) >= 20


def test_one_run_with_two_scores_at_once_counts_for_one_in_every_order() -> None:
    async def check(story: Story, db: Database) -> None:
        assert story.answers[KeyReusedError.__name__] == 1
        (points,) = [row["points"] for row in await rows_of(db, STANDINGS)]
        assert story.answers[f"accepted {points}"] == 1
        assert [row["used"] for row in await rows_of(db, LIMITS)] == [1]

    works = [("once", 5, "a"), ("once", 6, "a")]
    assert played(lambda story: [story.scores(*one) for one in works], check) >= 20


def test_last_attempt_is_taken_by_one_run_in_every_order() -> None:
    async def check(story: Story, db: Database) -> None:
        assert story.answers[NoAttemptsError.__name__] == 1
        assert {row["used"] for row in await rows_of(db, LIMITS)} == {2}
        assert len(await rows_of(db, IDEMPOTENCY)) == 2

    # They are no better than what the player has, so that they write no row in common but the counts.
    works = [("twice", 5, "a"), ("twice", 6, "b")]
    assert played(lambda story: [story.scores(*one) for one in works], check, a_better_one) >= 20


def test_held_scores_at_once_get_a_slot_each_in_every_order() -> None:
    async def check(story: Story, db: Database) -> None:
        assert story.answers == {"held 5": 1, "held 6": 1}
        assert sorted(row["slot"] for row in await rows_of(db, HELD_SCORES)) == ["1", "2"]
        assert await rows_of(db, SCORES) == []

    works = [("held", 5, "a"), ("held", 6, "b")]
    assert played(lambda story: [story.scores(*one) for one in works], check) >= 20


@pytest.mark.parametrize("area", ["once", "twice", "held"])
async def test_process_that_dies_leaves_all_of_a_score_or_nothing(
    tables: InterruptedDatabase, area: str
) -> None:
    await tables.clear()
    await score(tables.db, area, 5, "a")
    requests = len(tables.log)
    for side, number in moments(requests):
        await tables.clear()
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await score(tables.db, area, 5, "a")
        tables.restart()
        left = await tables.rows()
        is_done = bool(left[IDEMPOTENCY.name])
        assert is_done == ((side, number) == ("after", requests - 1))
        assert is_done or not any(left[table.name] for table in TABLES)
        # The client never saw the answer, and sends it again.
        again = await score(tables.db, area, 5, "a")
        assert again.verdict == ("held" if area == "held" else "accepted")
        after = await tables.rows()
        assert {row["used"] for row in after[LIMITS.name]} == {1}
        assert len(after[HELD_SCORES.name if area == "held" else SCORES.name]) == 1
        if area != "held":
            assert after[STANDINGS.name][0]["points"] == 5


async def test_both_limits_are_counted_and_either_refuses(tables: InterruptedDatabase) -> None:
    for nonce in ("a", "b"):
        await score(tables.db, "twice", 5, nonce)
    used = {row["limit"].split("#")[1]: row["used"] for row in (await tables.rows())[LIMITS.name]}
    assert used == {"attempts": 2, "submits": 2}
    terms = Terms(CATALOGUE.areas["twice"].rules, ticket("twice", "c"))
    attempts, submits = quotas(CATALOGUE, "twice", terms, NOW)
    full = {
        one.name: Limit(user_id="ada", limit=one.name, used=2, expires_at=1) for one in (attempts, submits)
    }
    with pytest.raises(NoAttemptsError):
        judge(terms, [attempts, submits], {attempts.name: full[attempts.name]}, 5, NOW)
    with pytest.raises(TooManySubmitsError):
        judge(terms, [attempts, submits], {submits.name: full[submits.name]}, 5, NOW)


async def test_allowance_that_was_lowered_refuses_and_shows_none_left(tables: InterruptedDatabase) -> None:
    for nonce in ("a", "b"):
        await score(tables.db, "twice", 5, nonce)
    terms = Terms(CATALOGUE.areas["once"].rules, ticket("once", "c"))
    (attempts,) = quotas(CATALOGUE, "once", terms, NOW)
    row = Limit(user_id="ada", limit=attempts.name, used=5, expires_at=1)
    assert attempts.left({attempts.name: row}) == 0


async def test_eleventh_held_score_is_refused_and_writes_nothing(tables: InterruptedDatabase) -> None:
    lenient = CATALOGUE.areas["held"].rules.model_copy(update={"attempts": None})
    for number in range(HELD_LIMIT):
        run = ticket("held", str(number))
        await submit(tables.db, CATALOGUE, ADA, "held", 5, NOW, under=Terms(lenient, run))
    before = await tables.rows()
    with pytest.raises(RuleError, match=f"{HELD_LIMIT} wait for a moderator"):
        await submit(tables.db, CATALOGUE, ADA, "held", 5, NOW, under=Terms(lenient, ticket("held", "x")))
    assert await tables.rows() == before
