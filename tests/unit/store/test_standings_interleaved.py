"""Scores, new names and a deletion of one player at the same time: in every order, and by plans."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from game.catalogue import GLOBAL_BOARD
from store import appearance, profiles
from store.database import Database, from_item
from store.players import DeletedError
from store.schema import PLAYERS, SCORES, TABLES
from tests.simulation import clock
from tests.unit.realtime.fakes import NOW
from tests.unit.store.appearance_scene import TOKEN, clean, erase, held_by, rename, score
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.turns import Work, every_order, interleave


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request takes a second here."""
    monkeypatch.setattr(appearance, "SECONDS", 1e6)
    monkeypatch.setattr(appearance, "ROWS_AT_ONCE", 1)


def unless_deleted(work: Work) -> Work:
    async def attempt(db: Database) -> None:
        with suppress(DeletedError):
            await work(db)

    return attempt


async def one_score(db: Database) -> None:
    await score(db, "sprint", 7, at=NOW - 1)


async def nothing_yet(_: Database) -> None:
    pass


async def two_scores(db: Database) -> None:
    await score(db, "forest", 40, at=NOW - 2)
    await score(db, "sprint", 7, at=NOW - 1)


async def rows_of(db: Database, table: str) -> list[dict[str, object]]:
    return [from_item(item) for item in (await db.client.scan(TableName=table))["Items"]]


async def check(db: Database) -> None:
    """Every row shows the last name, and what the standings say; or none is left."""
    await clean(db, at=NOW * 2)
    tombstone = [row for row in await rows_of(db, PLAYERS.name) if "deletedAt" in row]
    if tombstone:
        left = [row for table in TABLES if table != PLAYERS for row in await rows_of(db, table.name)]
        assert [row for row in left if ADA in str(row)] == []
        return
    profile = await profiles.load(db, ADA) or TOKEN
    held = await held_by(db, ADA)
    rows = await rows_of(db, SCORES.name)
    assert {(row["gameArea"], row["score"]): row["name"] for row in rows} == {
        (one.board, one.sort_key): profile.name for one in held.values()
    }
    if GLOBAL_BOARD in held:
        summed = [held[area].points for area in ("forest", "desert") if area in held]
        assert held[GLOBAL_BOARD].points == sum(summed)


SMALL: dict[str, tuple[Work, list[Work]]] = {
    "two better scores": (
        one_score,
        [lambda db: score(db, "sprint", 5), lambda db: score(db, "sprint", 4)],
    ),
    "two first scores on the same sum": (
        nothing_yet,
        [lambda db: score(db, "forest", 5), lambda db: score(db, "desert", 4)],
    ),
}


@pytest.mark.parametrize("scenario", SMALL)
def test_every_order_of_requests(scenario: str) -> None:
    first, works = SMALL[scenario]
    orders = 0
    for choose in every_order():
        clock.run(interleave(first, [unless_deleted(work) for work in works], choose, check))
        orders += 1
    assert orders >= 20


ALL_AT_ONCE: list[Work] = [
    lambda db: score(db, "forest", 60),
    lambda db: score(db, "desert", 5),
    lambda db: score(db, "sprint", 5),
    lambda db: rename(db, "Lovelace"),
    lambda db: rename(db, "Byron", at=NOW + 1),
]


@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.integers(0, 10_000), max_size=60),
    st.booleans(),
    st.sets(st.sampled_from(range(len(ALL_AT_ONCE))), min_size=2),
)
def test_scores_two_names_and_a_deletion_in_any_order(
    order: list[int], deleted: bool, chosen: set[int]
) -> None:
    left = iter(order)

    def choose(waiting: int) -> int:
        return next(left, 0) % waiting

    works = [ALL_AT_ONCE[number] for number in sorted(chosen)] + ([erase] if deleted else [])
    clock.run(interleave(two_scores, [unless_deleted(work) for work in works], choose, check))
