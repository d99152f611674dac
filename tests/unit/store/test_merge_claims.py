"""Prizes that a guest has claimed, or could claim, once the guest is part of an account."""

from typing import Any

import pytest

from store.database import Database
from store.rewards import ClaimedError, NoRewardError
from store.schema import CLAIMS
from tests.simulation.faults import CrashError
from tests.unit.store.interrupted import InterruptedDatabase, die, moments
from tests.unit.store.merge_scene import GUEST, HEIR, Outside, left_of_guest, merge_into
from tests.unit.store.reward_scene import (
    CATALOGUE,
    LAST,
    belongings,
    claim,
    put_row,
    seat,
    take_standing,
    week,
)

FIRST, SECOND = 500, 20


async def seat_both(db: Database) -> None:
    """The guest is first, the account second, and another player third."""
    await seat(db, week(), {GUEST: 30, HEIR: 20, "bob": 10})


async def merged(db: Database) -> None:
    await merge_into(db, Outside(), catalogue=CATALOGUE)


async def claims_of(tables: InterruptedDatabase) -> list[tuple[str, str, int]]:
    return [(row["userId"], row["board"], int(row["rank"])) for row in (await tables.rows())[CLAIMS.name]]


@pytest.mark.parametrize(
    ("claimed", "rank", "money"),
    [((GUEST,), 1, FIRST), ((HEIR,), 2, SECOND), ((GUEST, HEIR), 2, FIRST + SECOND)],
    ids=["the guest's", "the account's", "both"],
)
async def test_prize_is_claimed_if_either_has_claimed_it(
    tables: InterruptedDatabase, claimed: tuple[str, ...], rank: int, money: int
) -> None:
    await seat_both(tables.direct)
    for player in claimed:
        await claim(tables.direct, week(), player)
    await merged(tables.db)
    assert await claims_of(tables) == [(HEIR, week().key, rank)]
    assert (await belongings(tables.direct, HEIR))[0] == money
    with pytest.raises(ClaimedError):
        await claim(tables.db, week(), HEIR)
    assert await left_of_guest(tables) == ""


async def test_prize_of_the_better_standing_can_be_claimed_after_the_merge(
    tables: InterruptedDatabase,
) -> None:
    await seat_both(tables.direct)
    await merged(tables.db)
    assert (await claim(tables.db, week(), HEIR)).body.startswith("rank 1 of 2")
    assert (await belongings(tables.direct, HEIR))[0] == FIRST


async def test_claims_without_a_standing_come_along(tables: InterruptedDatabase) -> None:
    for season in (LAST, LAST - 1):
        await seat(tables.direct, week(season), {GUEST: 30})
        await claim(tables.direct, week(season), GUEST)
        await take_standing(tables.direct, week(season), GUEST)
    await seat(tables.direct, week(), {HEIR: 20})
    await claim(tables.direct, week(), HEIR)
    damaged: dict[str, Any] = {"userId": GUEST, "board": "gone-week#3", "rank": "first"}
    await put_row(tables.direct, CLAIMS.name, damaged)
    await merged(tables.db)
    rows = (await tables.rows())[CLAIMS.name]
    assert {row["board"]: row["userId"] for row in rows} == dict.fromkeys(
        [week().key, week(LAST - 1).key, "gone-week#3"], HEIR
    )
    assert damaged | {"userId": HEIR} in rows, "as it is"
    assert await left_of_guest(tables) == ""


@pytest.mark.parametrize("claimed", [True, False])
async def test_no_second_prize_wherever_the_merge_dies(tables: InterruptedDatabase, claimed: bool) -> None:
    """The account claims after each crash, as fast as it can, and again at the end."""
    await begin(tables, claimed=claimed)
    await merged(tables.db)
    requests = len(tables.log)
    given = set()
    for side, number in moments(requests):
        await begin(tables, claimed=claimed)
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await merged(tables.db)
        tables.restart()
        between = await claimed_by_heir(tables)
        await merged(tables.db)
        after = await claimed_by_heir(tables)
        assert (between is None) or (after is None), "once"
        given.add(between)
        money = (await belongings(tables.direct, HEIR))[0]
        assert money == (FIRST if claimed else 0) + (between or 0) + (after or 0)
        assert len(await claims_of(tables)) == 1
    # What the guest had claimed is never given again, and what no one had is, to the better of both.
    assert given == ({SECOND, None} if claimed else {SECOND, FIRST})


async def begin(tables: InterruptedDatabase, *, claimed: bool) -> None:
    await tables.clear()
    await seat_both(tables.direct)
    if claimed:
        await claim(tables.direct, week(), GUEST)
    tables.restart()


async def claimed_by_heir(tables: InterruptedDatabase) -> int | None:
    """Claim; return the money that it gave."""
    before = (await belongings(tables.direct, HEIR))[0]
    try:
        await claim(tables.direct, week(), HEIR)
    except (ClaimedError, NoRewardError):
        return None
    return (await belongings(tables.direct, HEIR))[0] - before


@pytest.mark.parametrize("number", range(40))
async def test_claim_of_the_guest_beside_the_merge_is_given_once(
    tables: InterruptedDatabase, number: int
) -> None:
    """The guest's device claims at any moment of the merge, and so does the account's afterwards."""
    await begin(tables, claimed=False)

    async def race() -> None:
        try:
            await claim(tables.direct, week(), GUEST)
        except Exception as error:  # noqa: BLE001 -- told apart below
            refused.append(error)

    refused: list[Exception] = []
    tables.before[number] = race
    await merged(tables.db)
    assert {type(error).__name__ for error in refused} <= {"DeletedError"}
    await claimed_by_heir(tables)
    assert (await belongings(tables.direct, HEIR))[0] == FIRST
    assert await claims_of(tables) == [(HEIR, week().key, 1)]
