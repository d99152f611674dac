"""A guest who becomes part of an account: all of it, once, wherever the process dies."""

from collections.abc import Callable
from typing import Any

import pytest

from game.area_rules import Allowance
from game.board import Entry
from game.catalogue import Catalogue
from game.merge import GUESTS_LIMIT
from game.player import StaleVersionError, save
from game.standing import Held
from store import appearance, limits, merge, player_rows, players, scores, standings
from store.database import Database, to_item
from store.deletion import delete_player
from store.errors import RowError, ThrottledError
from store.merge import NoGuestError
from store.players import DeletedError, MergeLimitError, NotFreeError
from store.profiles import Profile
from store.schema import HELD_SCORES, LIMITS, PLAYERS, SCORES, STANDINGS, USER_PROFILES, USER_PROGRESS
from tests.simulation import aws
from tests.simulation.faults import CrashError
from tests.unit.realtime.fakes import NOW
from tests.unit.store.appearance_scene import limit_and_hold
from tests.unit.store.interrupted import InterruptedDatabase, die, moments
from tests.unit.store.merge_scene import (
    CATALOGUE,
    GUEST,
    HEIR,
    Expected,
    Outside,
    assert_merged,
    earn,
    expected,
    fill,
    left_of_guest,
    login,
    merge_into,
    profile_of,
    score,
    state_of,
    tidy,
)

_KEPT: dict[bool, Callable[[], None]] = {}
"""What brings back the tables as they were filled, with a save of the heir's or without."""


async def filled(tables: InterruptedDatabase, *, heir_saved: bool = True) -> Expected:
    if heir_saved not in _KEPT:
        await tables.clear()
        await fill(tables, heir_saved=heir_saved)
        _KEPT[heir_saved] = aws.keep_rows()
    _KEPT[heir_saved]()
    tables.restart()
    return expected(await state_of(tables, HEIR), await state_of(tables, GUEST))


async def test_account_has_what_both_had(tables: InterruptedDatabase) -> None:
    want = await filled(tables)
    outside = Outside()
    await merge_into(tables.db, outside)
    await assert_merged(tables, want)
    after = await state_of(tables, HEIR)
    points = {name: record.held.points for name, record in want.records.items()}
    assert points == {
        "forest": 50,
        "forest-again": 50,
        "desert": 70,
        "sprint": 30,
        "mine": 12,
        "mood": 2,
        "cave": 11,
        "global": 50 + 70 + 11,
        "odd": 70 + 12 + 2,
    }
    assert after.rows["forest"]["metadata"] == '"guest"', "of the run with the better tie-break"
    assert after.rows["forest"]["tiebreak"] == 4
    assert after.rows["forest"]["achievedAt"] == NOW - 40
    # Earned 100 each, the quest and the visit once for both, and each has bought a torch and a crown.
    assert after.progress.money == 200 + 40 + 7 - 2 * (10 + 50)
    assert after.progress.inventory == {"torch": 2, "crown": 1}
    assert after.progress.checkpoint == {"xp": 20}
    assert outside.copied == []
    assert (outside.pictures, outside.users) == ([GUEST], [GUEST])
    assert outside.closed == [f"phone-of-{GUEST}"]


async def test_account_without_a_save_takes_checkpoint_name_and_portrait(
    tables: InterruptedDatabase,
) -> None:
    want = await filled(tables, heir_saved=False)
    outside = Outside()
    await merge_into(tables.db, outside)
    await assert_merged(tables, want, name="Gus")
    profile = await profile_of(tables.direct, HEIR)
    assert (profile.name, profile.avatar) == ("Gus", f"avatars/{HEIR}/face")
    assert profile.portraits == (f"avatars/{HEIR}/face",)
    assert outside.copied == [(f"avatars/{GUEST}/face", HEIR)]
    after = await state_of(tables, HEIR)
    assert {row["avatar"] for row in after.rows.values()} == {f"avatars/{HEIR}/face"}
    assert after.progress.checkpoint == {"xp": 40}


async def test_portrait_that_is_gone_leaves_the_accounts_own(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: object) -> None:
        return None

    await filled(tables, heir_saved=False)
    monkeypatch.setattr(Outside, "copy_portrait", gone)
    await merge_into(tables.db, Outside())
    profile = await profile_of(tables.direct, HEIR)
    assert (profile.name, profile.avatar) == ("Gus", None)


async def test_new_account_has_just_what_the_guest_had(tables: InterruptedDatabase) -> None:
    await tables.clear()
    await score(tables.direct, GUEST, ("forest", 9, 5, 1, '"x"'))
    await earn(tables.direct, GUEST, 30)
    want = expected(await state_of(tables, HEIR), await state_of(tables, GUEST))
    await merge_into(tables.db, Outside())
    await assert_merged(tables, want)


async def test_guest_with_nothing_is_taken_over(tables: InterruptedDatabase) -> None:
    await tables.clear()
    outside = Outside()
    await merge_into(tables.db, outside)
    assert outside.users == [GUEST]
    assert (await players.load_own(tables.direct, HEIR)).merges == 1


async def test_same_request_again_changes_nothing(tables: InterruptedDatabase) -> None:
    want = await filled(tables)
    await merge_into(tables.db, Outside())
    outside = Outside(guests=lambda _: False)
    await merge_into(tables.db, outside)
    await assert_merged(tables, want)
    assert outside.users == []


def as_text(state: Any) -> dict[str, tuple[Any, ...]]:
    return {name: (row["score"], row.get("metadata")) for name, row in state.rows.items()}


@pytest.mark.parametrize("heir_saved", [True, False])
@pytest.mark.parametrize("again", [True, False], ids=["asked again", "janitor"])
async def test_crash_anywhere_is_mended(tables: InterruptedDatabase, heir_saved: bool, again: bool) -> None:
    """Wherever the process dies, each board is as it was before, or as it is afterwards.

    So no player is on it twice, or missing. Then the same request finishes the merge, or the janitor does.
    """
    want = await filled(tables, heir_saved=heir_saved)
    before = [as_text(await state_of(tables, user_id)) for user_id in (HEIR, GUEST)]
    await merge_into(tables.db, Outside())
    after = as_text(await state_of(tables, HEIR))
    requests = len(tables.log)
    assert requests > 40
    name = "Ada" if heir_saved else "Gus"
    # Between the four of these, every moment is played.
    for side, number in moments(requests)[2 * heir_saved + again :: 4]:
        await filled(tables, heir_saved=heir_saved)
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await merge_into(tables.db, Outside())
        tables.restart()
        own, guest = [as_text(await state_of(tables, user_id)) for user_id in (HEIR, GUEST)]
        for board in CATALOGUE.boards:
            shown = (own.get(board), guest.get(board))
            assert shown in [(before[0].get(board), before[1].get(board)), (after.get(board), None)]
        if again or (await players.load_own(tables.direct, GUEST)).heir is None:
            await merge_into(tables.db, Outside())
        # Rows that are to show another name are the janitor's in any case.
        await tidy(tables.db, Outside())
        await assert_merged(tables, want, name=name)


@pytest.mark.parametrize("step", ["copy_portrait", "delete_all", "hang_up", "delete_user"])
async def test_failure_outside_of_the_tables_is_mended_by_asking_again(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async def fail(*_: object) -> None:
        raise TimeoutError

    want = await filled(tables, heir_saved=False)
    with monkeypatch.context() as patch:
        patch.setattr(Outside, step, fail)
        if step == "hang_up":  # its rows expire
            await merge_into(tables.db, Outside())
        else:
            with pytest.raises(TimeoutError):
                await merge_into(tables.db, Outside())
    outside = Outside()
    await merge_into(tables.db, outside)
    if step != "hang_up":
        await assert_merged(tables, want, name="Gus")
        assert outside.users == [GUEST]


async def test_guest_is_frozen_before_anything_moves(tables: InterruptedDatabase) -> None:
    await filled(tables)
    await merge.begin(
        tables.db,
        Profile(user_id=HEIR, name="Ada"),
        GUEST,
        NOW,
        username=login(GUEST),
        is_guest=Outside().is_guest,
    )
    before = await state_of(tables, HEIR)
    for write in (
        score(tables.db, GUEST, ("desert", 900, 0, None, None)),
        earn(tables.db, GUEST, 5),
        # A client that lost the answer asks again, and is told that the guest is no more.
        score(tables.db, GUEST, ("desert", 60, 30, None, None), key=f"{GUEST}-desert"),
        earn(tables.db, GUEST, 100, key="earned"),
    ):
        with pytest.raises(DeletedError):
            await write
    assert await state_of(tables, HEIR) == before


async def test_score_of_the_account_meanwhile_counts(tables: InterruptedDatabase) -> None:
    """Whenever it comes, the outcome is as if it had come before the merge, or after it."""
    await filled(tables)
    await merge_into(tables.db, Outside())
    requests = len(tables.log)
    runs = [("desert", 90, 0, None, None), ("mine", 100, 0, None, None), ("mood", 400, 0, None, None)]
    for offset, run in enumerate(runs):
        for number in range(offset, requests, 6):
            await filled(tables)
            scored: list[int] = []

            async def meanwhile(run: Any = run, scored: list[int] = scored) -> None:
                scored.append(await score(tables.direct, HEIR, run))

            tables.before[number] = meanwhile
            await merge_into(tables.db, Outside())
            assert scored
            points = {name: one.points for name, one in (await state_of(tables, HEIR)).standings.items()}
            desert, mine, mood = {"desert": (90, 12, 2), "mine": (70, 112, 2), "mood": (70, 12, 400)}[run[0]]
            assert (points["desert"], points["mine"], points["mood"]) == (desert, mine, mood)
            assert points["global"] == 50 + desert + 11
            assert points["odd"] == desert + mine + mood


async def test_change_of_name_and_money_of_the_account_meanwhile_stay(tables: InterruptedDatabase) -> None:
    await filled(tables)
    await merge_into(tables.db, Outside())
    requests = len(tables.log)
    for number in range(0, requests, 5):
        want = await filled(tables)

        async def meanwhile() -> None:
            await earn(tables.direct, HEIR, 9)
            await appearance.change(
                tables.direct,
                Profile(user_id=HEIR, name="x"),
                lambda old: old.model_copy(update={"name": "Eve"}),
                NOW,
            )

        tables.before[number] = meanwhile
        await merge_into(tables.db, Outside())
        after = await state_of(tables, HEIR)
        assert after.progress.money == want.progress.money + 9
        assert {row["name"] for row in after.rows.values()} == {"Eve"}


async def test_deletion_of_the_account_meanwhile_erases_both(tables: InterruptedDatabase) -> None:
    await filled(tables, heir_saved=False)
    await merge_into(tables.db, Outside())
    requests = len(tables.log)
    for number in range(0, requests, 3):
        await filled(tables, heir_saved=False)
        outside = Outside()

        async def meanwhile(outside: Outside = outside) -> None:
            await delete(tables.direct, outside, HEIR)

        tables.after[number] = meanwhile
        try:
            await merge_into(tables.db, outside)
        except DeletedError:
            assert (await players.load_own(tables.direct, GUEST)).heir is None, "it had not begun"
            continue
        assert await left_of_guest(tables, GUEST) == ""
        assert await left_of_guest(tables, HEIR) == ""
        assert {*outside.users} == {HEIR, GUEST}
        for user_id in (HEIR, GUEST):
            assert (await players.load_own(tables.direct, user_id)).pending is None
        last_copy = max((at for at, one in enumerate(outside.copied) if one[1] == HEIR), default=None)
        assert last_copy is None or outside.pictures.count(HEIR) >= 1


async def delete(db: Database, outside: Outside, user_id: str) -> None:
    portraits: Any = outside
    await delete_player(
        db,
        portraits,
        user_id,
        NOW,
        username=login(user_id),
        hang_up=outside.hang_up,
        delete_user=outside.delete_user,
    )


async def test_guest_who_asks_for_deletion_meanwhile_is_still_merged(tables: InterruptedDatabase) -> None:
    await filled(tables)
    await merge_into(tables.db, Outside())
    requests = len(tables.log)
    for number in range(0, requests, 5):
        want = await filled(tables)
        outside = Outside()

        async def meanwhile(outside: Outside = outside) -> None:
            if (await players.load_own(tables.direct, GUEST)).heir is not None:
                await delete(tables.direct, outside, GUEST)

        tables.before[number] = meanwhile
        await merge_into(tables.db, outside)
        await assert_merged(tables, want)


async def test_player_who_is_no_guest_is_left_alone(tables: InterruptedDatabase) -> None:
    await filled(tables)
    before = await tables.rows()
    with pytest.raises(NoGuestError):
        await merge_into(tables.db, Outside(guests=lambda _: False))
    assert await tables.rows() == before


async def test_guest_of_another_account_or_deleted_is_not_free(tables: InterruptedDatabase) -> None:
    await filled(tables)
    await merge_into(tables.db, Outside(), heir="other")
    with pytest.raises(NotFreeError):
        await merge_into(tables.db, Outside())
    await delete(tables.direct, Outside(), "guest-0002")
    with pytest.raises(NotFreeError):
        await merge_into(tables.db, Outside(), guest="guest-0002")
    assert (await players.load_own(tables.direct, HEIR)).merges == 0


async def test_player_who_has_taken_over_guests_is_no_guest_any_more(tables: InterruptedDatabase) -> None:
    """Otherwise three guests at a time could be handed on, by taking the e-mail address away again."""
    await filled(tables)
    await merge_into(tables.db, Outside())
    with pytest.raises(NotFreeError):
        await merge_into(tables.db, Outside(), guest=HEIR, heir="other")


async def test_account_takes_over_three_guests_in_its_life(tables: InterruptedDatabase) -> None:
    await tables.clear()
    for number in range(GUESTS_LIMIT):
        await merge_into(tables.db, Outside(), guest=f"guest-{number}")
    await earn(tables.direct, GUEST, 30)
    with pytest.raises(MergeLimitError):
        await merge_into(tables.db, Outside())
    assert (await state_of(tables, GUEST)).progress.money == 30
    await merge_into(tables.db, Outside(), guest="guest-1")


async def test_row_that_an_operator_took_away_does_not_count(tables: InterruptedDatabase) -> None:
    await filled(tables)
    for user_id, board in ((GUEST, "forest"), (GUEST, "global"), (HEIR, "desert"), (HEIR, "mood")):
        row = (await state_of(tables, user_id)).rows[board]
        key = to_item({name: row[name] for name in SCORES.keys})
        await tables.direct.client.delete_item(TableName=SCORES.name, Key=key)
    want = expected(await state_of(tables, HEIR), await state_of(tables, GUEST))
    await merge_into(tables.db, Outside())
    await assert_merged(tables, want)
    assert {name: want.records[name].held.points for name in ("forest", "desert", "global")} == {
        "forest": 50,
        "desert": 60,
        "global": 50 + 60 + 11,
    }


async def test_what_has_left_the_catalogue_comes_along_where_the_account_has_nothing(
    tables: InterruptedDatabase,
) -> None:
    await filled(tables)
    changed = CATALOGUE.model_dump(by_alias=True, exclude_none=True)
    for name in ("mood", "cave", "forest", "mine"):
        del changed["areas"][name]
    del changed["boards"]["forest-again"]
    changed["boards"]["global"]["areas"] = changed["boards"]["odd"]["areas"] = ["desert"]
    today = Catalogue.model_validate(changed)
    before = {user_id: await state_of(tables, user_id) for user_id in (HEIR, GUEST)}
    await merge_into(tables.db, Outside(), catalogue=today)
    after = await state_of(tables, HEIR)
    for board in ("mood", "forest", "forest-again", "mine"):
        assert after.record(board) == before[HEIR].record(board)
    assert after.record("cave") == before[GUEST].record("cave")
    assert await left_of_guest(tables) == ""


async def test_row_of_a_board_that_has_left_the_catalogue_comes_along(tables: InterruptedDatabase) -> None:
    await filled(tables)
    board = Catalogue.model_validate({"areas": {"winter": CATALOGUE.areas["forest"].model_dump()}}).boards[
        "winter"
    ]
    held = Held(5, NOW, 2)
    old = standings.new_standing(GUEST, "winter", held, scores.sort_key(board, held, GUEST))
    shown = Profile(user_id=GUEST, name="Gus")
    put = scores.put(tables.direct, old, shown, metadata='"snow"', unless_there=True)
    await players.write(tables.direct, GUEST, [standings.put(tables.direct, None, old), put])
    await merge_into(tables.db, Outside())
    assert await scores.top(tables.direct, board) == (
        Entry(
            rank=1,
            user_id=HEIR,
            name="Ada",
            avatar=None,
            points=5,
            achieved_at=NOW,
            tiebreak=2,
            metadata="snow",
        ),
    )
    assert (await state_of(tables, HEIR)).standings["winter"].held == held


@pytest.mark.parametrize("table", [STANDINGS, USER_PROGRESS])
async def test_row_of_the_account_that_cannot_be_read_keeps_the_guests_until_it_is_mended(
    tables: InterruptedDatabase, table: Any
) -> None:
    want = await filled(tables)
    (row,) = (
        row
        for row in (await tables.rows())[table.name]
        if row["userId"] == HEIR and row.get("board", "forest") == "forest"
    )
    broken = row | ({"points": "many"} if table is STANDINGS else {"money": "a fortune"})
    await tables.direct.client.put_item(TableName=table.name, Item=to_item(broken))
    await tidy(tables.db, Outside())
    for _ in range(2):
        with pytest.raises(RowError):
            await merge_into(tables.db, Outside())
        assert (await state_of(tables, GUEST)).standings.keys() <= {"forest", "global"}
    await tidy(tables.db, Outside(), failed=1)
    assert (await players.load_own(tables.direct, GUEST)).pending == "merge"
    await tables.direct.client.put_item(TableName=table.name, Item=to_item(row))
    await tidy(tables.db, Outside())
    await assert_merged(tables, want)


@pytest.mark.parametrize(("table", "damage"), [(USER_PROGRESS, "money"), (USER_PROFILES, "look")])
async def test_belongings_of_the_guest_that_cannot_be_read_wait_until_they_are_mended(
    tables: InterruptedDatabase, table: Any, damage: str
) -> None:
    want = await filled(tables)
    (row,) = (row for row in (await tables.rows())[table.name] if row["userId"] == GUEST)
    await tables.direct.client.put_item(TableName=table.name, Item=to_item(row | {damage: "a fortune"}))
    with pytest.raises(RowError):
        await merge_into(tables.db, Outside())
    assert GUEST not in [one["userId"] for one in (await tables.rows())[STANDINGS.name]]
    assert (await players.load_own(tables.direct, GUEST)).pending == "merge"
    await tables.direct.client.put_item(TableName=table.name, Item=to_item(row))
    await tidy(tables.db, Outside())
    await assert_merged(tables, want)


async def test_board_that_is_throttled_holds_up_no_other(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = await filled(tables)
    read = player_rows.read

    async def throttled(db: Database, catalogue: Catalogue, user_id: str, boards: Any, now: int) -> Any:
        if "desert" in boards:
            raise ThrottledError("too hot")
        return await read(db, catalogue, user_id, boards, now)

    with monkeypatch.context() as patch:
        patch.setattr(player_rows, "read", throttled)
        with pytest.raises(ThrottledError):
            await merge_into(tables.db, Outside())
    guest = await state_of(tables, GUEST)
    assert ({*guest.standings}, guest.progress.money) == ({"desert"}, 0)
    await merge_into(tables.db, Outside())
    await assert_merged(tables, want)


async def test_damaged_row_of_the_guest_goes_with_the_guest(tables: InterruptedDatabase) -> None:
    await filled(tables)
    damaged = to_item({"userId": GUEST, "board": "desert", "points": "many"})
    await tables.direct.client.put_item(TableName=STANDINGS.name, Item=damaged)
    await merge_into(tables.db, Outside())
    after = await state_of(tables, HEIR)
    assert after.standings["desert"].points == 70
    assert await left_of_guest(tables) == ""


async def test_tombstone_outlives_the_merge_and_names_the_heir(tables: InterruptedDatabase) -> None:
    await filled(tables)
    await merge_into(tables.db, Outside())
    (row,) = (row for row in (await tables.rows())[PLAYERS.name] if row["userId"] == GUEST)
    assert row == {
        "userId": GUEST,
        "deletedAt": NOW,
        "heir": HEIR,
        "expiresAt": NOW // 1000 + players.TOMBSTONE_SECONDS,
    }


async def test_save_of_the_account_before_the_merge_is_stale(tables: InterruptedDatabase) -> None:
    await filled(tables)
    before = (await state_of(tables, HEIR)).progress
    await merge_into(tables.db, Outside())
    after = (await state_of(tables, HEIR)).progress
    assert (before.xp, after.xp) == (20, 40)
    with pytest.raises(StaleVersionError):
        save(CATALOGUE, after, level=1, xp=30, checkpoint=None, version=before.version)


async def test_each_board_more_costs_five_requests(tables: InterruptedDatabase) -> None:
    counts = []
    for areas in (["desert"], ["desert", "mood"], ["desert", "mood", "mine"]):
        await tables.clear()
        for user_id, played in ((HEIR, ["desert", "mood", "mine"]), (GUEST, areas)):
            for area in played:
                await score(tables.direct, user_id, (area, 5, 9, None, None))
        tables.restart()
        await merge_into(tables.db, Outside())
        counts.append(len(tables.log))
    assert [counts[1] - counts[0], counts[2] - counts[1]] == [5, 5]


async def test_merge_resets_no_limit_and_loses_no_held_score(tables: InterruptedDatabase) -> None:
    """Wherever the process dies: what both have had counts once with the account, and each score is there."""
    await limits_of_both(tables)
    await merge_into(tables.db, Outside())
    requests = len(tables.log)
    for side, number in moments(requests):
        await limits_of_both(tables)
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await merge_into(tables.db, Outside())
        tables.restart()
        await merge_into(tables.db, Outside())
        rows = await tables.rows()
        assert [(row["userId"], row["used"]) for row in rows[LIMITS.name]] == [(HEIR, 5)]
        held = {(row["userId"], row["points"]) for row in rows[HELD_SCORES.name]}
        assert held == {(HEIR, points) for points in (1, 2, 3)}
        assert len(rows[HELD_SCORES.name]) == 3


async def limits_of_both(tables: InterruptedDatabase) -> None:
    await tables.clear()
    await limit_and_hold(tables.direct, HEIR, used=2, points=1)
    await limit_and_hold(tables.direct, GUEST, used=3, points=2)
    await limit_and_hold(tables.direct, GUEST, used=0, points=3)
    tables.restart()


async def test_limit_of_a_guest_that_counts_no_more_is_not_handed_over(tables: InterruptedDatabase) -> None:
    minutes = Allowance(9, 60_000)
    before = limits.quota("forest", "submits", minutes, minutes.window(NOW - 60_000))
    await players.write(tables.direct, GUEST, [limits.take(tables.direct, GUEST, before)])
    await merge_into(tables.db, Outside())
    assert (await tables.rows())[LIMITS.name] == []


async def test_rows_of_a_guest_that_cannot_be_read_hold_up_nothing(tables: InterruptedDatabase) -> None:
    await limits_of_both(tables)
    for row in ({"limit": "a"}, {"limit": "z", "used": "many", "expiresAt": NOW}):
        item = to_item({"userId": GUEST} | row)
        await tables.direct.client.put_item(TableName=LIMITS.name, Item=item)
    bad = to_item({"userId": GUEST, "slot": "0", "points": "many"})
    await tables.direct.client.put_item(TableName=HELD_SCORES.name, Item=bad)
    await merge_into(tables.db, Outside())
    rows = await tables.rows()
    assert [(row["userId"], row["used"]) for row in rows[LIMITS.name]] == [(HEIR, 5)]
    assert {row["userId"] for row in rows[HELD_SCORES.name]} == {HEIR}
    assert len(rows[HELD_SCORES.name]) == 3
