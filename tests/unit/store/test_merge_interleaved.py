"""Merges, scores and money of an account and its guest at the same time, request by request, by plans."""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from game.merge import GUESTS_LIMIT
from store import appearance, players
from store.database import Database, from_item
from store.players import DeletedError, MergeLimitError, NotFreeError
from store.schema import PLAYERS, SCORES, STANDINGS, TABLES, USER_PROGRESS, Table
from tests.simulation import clock
from tests.unit.store.merge_scene import GUEST, HEIR, Outside, earn, merge_into, score, tidy
from tests.unit.store.turns import Work, interleave

OTHER = "heir-0002"
AREA = "mine"
"""Adds points up: none may be lost, and none counted twice."""


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request takes a second here."""
    monkeypatch.setattr(appearance, "SECONDS", 1e6)


async def rows_of(db: Database, table: Table) -> list[dict[str, object]]:
    return [from_item(item) for item in (await db.client.scan(TableName=db.name(table)))["Items"]]


class Story:
    """What was answered, and what the tables must say in the end."""

    def __init__(self) -> None:
        self.points: Counter[str] = Counter()
        self.money: Counter[str] = Counter()
        self.outside = Outside()

    def scores(self, user_id: str, points: int) -> Work:
        async def work(db: Database) -> None:
            with suppress(DeletedError):
                await score(db, user_id, (AREA, points, points, None, None), key=f"score-{points}")
                self.points[user_id] += points

        return work

    def earns(self, user_id: str, amount: int) -> Work:
        async def work(db: Database) -> None:
            with suppress(DeletedError):
                await earn(db, user_id, amount, key=f"earn-{amount}")
                self.money[user_id] += amount

        return work

    def merges(self, heir: str) -> Work:
        async def work(db: Database) -> None:
            with suppress(NotFreeError):
                await merge_into(db, self.outside, heir=heir)

        return work

    async def begin(self, db: Database) -> None:
        for user_id in (HEIR, GUEST):
            await self.scores(user_id, 1)(db)
            await self.earns(user_id, 1)(db)

    async def check(self, db: Database) -> None:
        """Every point and coin that was answered is there once, with the heir; the guest is nowhere."""
        await tidy(db, self.outside)
        heir = (await players.load_own(db, GUEST)).heir
        assert heir in (HEIR, OTHER)
        self.points[heir] += self.points.pop(GUEST)
        self.money[heir] += self.money.pop(GUEST)
        held = await rows_of(db, STANDINGS)
        assert {one["userId"]: one["points"] for one in held if one["board"] == AREA} == +self.points
        assert {one["userId"]: one["points"] for one in held if one["board"] == "odd"} == +self.points
        assert {one["userId"]: one["money"] for one in await rows_of(db, USER_PROGRESS)} == +self.money
        rows = [(row["gameArea"], row["userId"]) for row in await rows_of(db, SCORES)]
        assert sorted(rows) == sorted((one["board"], one["userId"]) for one in held)
        merges = {row["userId"]: row["merges"] for row in await rows_of(db, PLAYERS) if "merges" in row}
        assert merges == {heir: 1}
        left = [row for table in TABLES if table != PLAYERS for row in await rows_of(db, table)]
        assert [row for row in left if GUEST in str(row)] == []


Plan = Callable[[Story], Work]
MEANWHILE: list[Plan] = [
    lambda story: story.merges(HEIR),
    lambda story: story.merges(OTHER),
    lambda story: story.scores(GUEST, 10),
    lambda story: story.scores(HEIR, 100),
    lambda story: story.earns(GUEST, 20),
    lambda story: story.earns(HEIR, 40),
]
PLANS = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@PLANS
@given(
    st.lists(st.integers(0, 10_000), max_size=120),
    st.sets(st.sampled_from(range(len(MEANWHILE))), min_size=2),
)
def test_nothing_is_lost_or_doubled_in_any_order(order: list[int], chosen: set[int]) -> None:
    left = iter(order)

    def choose(waiting: int) -> int:
        return next(left, 0) % waiting

    story = Story()
    works = [story.merges(HEIR), *(MEANWHILE[number](story) for number in sorted(chosen))]
    clock.run(interleave(story.begin, works, choose, story.check))


@PLANS
@given(st.lists(st.integers(0, 10_000), max_size=120))
def test_three_of_four_guests_at_once_are_taken_over(order: list[int]) -> None:
    left = iter(order)
    guests = [f"guest-{number}" for number in range(GUESTS_LIMIT + 1)]
    outside = Outside()

    async def begin(db: Database) -> None:
        for guest in guests:
            await earn(db, guest, 10)

    def merges(guest: str) -> Work:
        async def work(db: Database) -> None:
            with suppress(MergeLimitError):
                await merge_into(db, outside, guest=guest)

        return work

    async def check(db: Database) -> None:
        await tidy(db, outside)
        money = {row["userId"]: row["money"] for row in await rows_of(db, USER_PROGRESS)}
        assert money.pop(HEIR) == 10 * GUESTS_LIMIT
        assert [*money.values()] == [10]
        assert (await players.load_own(db, HEIR)).merges == GUESTS_LIMIT

    works: list[Callable[[Database], Awaitable[object]]] = [merges(guest) for guest in guests]
    clock.run(interleave(begin, works, lambda waiting: next(left, 0) % waiting, check))
