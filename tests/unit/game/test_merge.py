"""What an account has once it has taken over a guest."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.catalogue import Area, Keep
from game.economy import AMOUNT_LIMIT
from game.merge import GUESTS_LIMIT, Record, merged_progress, merged_record, merged_sum, paid_twice
from game.player import ActionRefusedError, Earned, Player, add_money, complete_task
from game.scoring import POINTS_LIMIT
from game.standing import Held, beats
from tests.unit.game.player_scene import ECONOMY, TODAY, TOMORROW, YESTERDAY
from tests.unit.game.strategies import ORDERS, points, times
from tests.unit.game.test_player_ledger import STEPS, Action

AREA: dict[str, Any] = {"title": "A", "order": "desc", "min": 0, "max": 100, "top": 3}
COINS = {"name": "coins", "order": "desc", "min": 0, "max": 9}
OWN, GUEST = Record(Held(5, 10, 3), '"own"'), Record(Held(5, 20, 3), '"guest"')


def area(**changes: Any) -> Area:
    return Area.model_validate(AREA | changes)


def record(points: int, at: int, tiebreak: int | None = None) -> Record:
    return Record(Held(points, at, tiebreak), f'"{points} at {at}"')


@pytest.mark.parametrize(
    ("rules", "own", "guest", "guest_wins"),
    [
        ({}, record(5, 1), record(6, 2), True),
        ({}, record(6, 1), record(5, 2), False),
        ({"order": "asc"}, record(5, 1), record(6, 2), False),
        ({"order": "asc"}, record(6, 1), record(5, 2), True),
        ({}, record(5, 2), record(5, 1), True),
        ({}, record(5, 1), record(5, 2), False),
        ({}, record(5, 1), record(5, 1), False),
        ({"tiebreak": COINS}, record(5, 1, 3), record(5, 2, 4), True),
        ({"tiebreak": COINS}, record(5, 2, 3), record(5, 1, 2), False),
        ({"tiebreak": COINS}, record(5, 2, 3), record(5, 1, 3), True),
        ({"tiebreak": COINS}, record(5, 1), record(5, 2, 0), True),
        ({"tiebreak": COINS}, record(5, 2, 0), record(5, 1), False),
        ({"keep": "latest"}, record(9, 1), record(3, 2), True),
        ({"keep": "latest"}, record(3, 2), record(9, 1), False),
        ({"keep": "latest"}, record(3, 1), record(9, 1), False),
    ],
)
def test_board_keeps_one_of_both_runs_whole(
    rules: dict[str, Any], own: Record, guest: Record, guest_wins: bool
) -> None:
    assert merged_record(area(**rules), own, guest) == (guest if guest_wins else own)


@pytest.mark.parametrize("keep", ["best", "sum", "latest"])
def test_who_alone_has_points_gives_them_unchanged(keep: Keep) -> None:
    rules = area(keep=keep)
    assert merged_record(rules, None, GUEST) == GUEST
    assert merged_record(rules, OWN, None) == OWN
    assert merged_record(rules, None, None) is None


@pytest.mark.parametrize(
    ("own", "guest", "after"),
    [
        (record(5, 1), record(4, 2), Record(Held(9, 2), '"4 at 2"')),
        (record(5, 2), record(4, 1), Record(Held(9, 2), '"5 at 2"')),
        (record(5, 1), record(0, 2), record(5, 1)),
        (record(0, 1), record(5, 2), record(5, 2)),
    ],
)
def test_sum_adds_points_and_is_reached_with_the_later_run(own: Record, guest: Record, after: Record) -> None:
    assert merged_record(area(keep="sum"), own, guest) == after


@pytest.mark.parametrize("sign", [1, -1])
def test_sum_stays_within_what_a_sort_key_carries(sign: int) -> None:
    most = sign * (POINTS_LIMIT - 1)
    merged = merged_record(area(keep="sum"), record(most - sign, 1), record(sign * 7, 2))
    assert merged is not None
    assert merged.held == Held(most, 2)
    assert merged_sum(None, None, [Held(most, 1), Held(most, 2)]) == Held(most, 2)


def test_sum_of_areas_keeps_the_time_of_who_had_these_points() -> None:
    parts = [Held(5, 30), Held(4, 20)]
    assert merged_sum(None, None, parts) == Held(9, 30)
    assert merged_sum(Held(9, 1), Held(9, 2), parts) == Held(9, 1)
    assert merged_sum(Held(7, 1), Held(9, 2), parts) == Held(9, 2)
    assert merged_sum(Held(7, 1), Held(8, 2), parts) == Held(9, 30)
    assert merged_sum(Held(7, 1), Held(8, 2), []) is None


RECORDS = st.builds(Record, st.builds(Held, points, times, st.none() | st.integers(0, 9)), st.none())
AREAS = st.builds(
    lambda order, keep, tiebreak: area(
        order=order, keep=keep, tiebreak=COINS if tiebreak and keep != "sum" else None
    ),
    st.sampled_from(ORDERS),
    st.sampled_from(["best", "sum", "latest"]),
    st.booleans(),
)


@given(AREAS, st.none() | RECORDS, st.none() | RECORDS)
def test_merged_record_loses_nothing(rules: Area, own: Record | None, guest: Record | None) -> None:
    merged = merged_record(rules, own, guest)
    both = [one for one in (own, guest) if one is not None]
    assert (merged is None) == (not both)
    if merged is None:
        return
    if rules.keep == "sum":
        total = sum(one.held.points for one in both)
        assert merged.held.points == max(1 - POINTS_LIMIT, min(total, POINTS_LIMIT - 1))
    else:
        assert merged in both
    if rules.keep == "best":
        assert not any(beats(rules, one.held, merged.held) for one in both)


@given(AREAS, st.lists(RECORDS, max_size=GUESTS_LIMIT + 1), st.randoms(use_true_random=False))
def test_order_in_which_guests_come_does_not_matter(rules: Area, records: list[Record], random: Any) -> None:
    def after(some: Iterable[Record]) -> Held | None:
        merged = None
        for one in some:
            merged = merged_record(rules, merged, one)
        return merged and merged.held

    if rules.keep == "sum":
        # Beyond the limit the order does matter: what is cut off then is not there later.
        records = [one for one in records if abs(one.held.points) <= 2]
        records = [one._replace(held=one.held._replace(tiebreak=None)) for one in records]
    if rules.tiebreak is None:
        records = [one._replace(held=one.held._replace(tiebreak=None)) for one in records]
    shuffled = random.sample(records, len(records))
    first, second = after(records), after(shuffled)
    if rules.keep == "best":
        assert first == second
    elif rules.keep == "sum":
        assert (first and first.points) == (second and second.points)
    else:
        assert (first and first.achieved_at) == (second and second.achieved_at)


def test_progress_is_united() -> None:
    own = Player(
        level=2,
        xp=150,
        checkpoint={"room": 1},
        version=4,
        money=60,
        unlocked=("gate",),
        tasks={"quest": YESTERDAY, "visit": TODAY},
        inventory={"torch": 2, "crown": 1},
        earned={"pickup": Earned(day=TODAY, amount=90)},
    )
    guest = Player(
        level=3,
        xp=260,
        checkpoint={"room": 9},
        version=7,
        money=100,
        unlocked=("bridge", "gate"),
        tasks={"quest": TODAY, "visit": YESTERDAY, "debut": TODAY},
        inventory={"torch": 3, "crown": 1, "flag": 1},
        earned={
            "pickup": Earned(day=TODAY, amount=50, others={YESTERDAY: 7}),
            "gift": Earned(day=TODAY, amount=1),
        },
    )
    assert merged_progress(ECONOMY, own, guest) == Player(
        level=3,
        xp=260,
        checkpoint={"room": 1},
        version=5,
        money=60 + 100 - 40,
        unlocked=("gate", "bridge"),
        tasks={"quest": TODAY, "visit": TODAY, "debut": TODAY},
        rewarded={"visit": (YESTERDAY,)},
        inventory={"torch": 5, "crown": 1, "flag": 1},
        earned={
            "pickup": Earned(day=TODAY, amount=140, others={YESTERDAY: 7}),
            "gift": Earned(day=TODAY, amount=1),
        },
    )


@pytest.mark.parametrize(
    ("own", "guest", "times"),
    [
        ({"tasks": {"quest": TODAY}}, {"tasks": {"quest": YESTERDAY}}, {"quest": 1}),
        ({"tasks": {"quest": TODAY}}, {}, {}),
        ({"tasks": {"visit": TODAY}}, {"tasks": {"visit": TODAY}}, {"visit": 1}),
        ({"tasks": {"visit": TODAY}}, {"tasks": {"visit": YESTERDAY}}, {}),
        (
            {"tasks": {"visit": TODAY}, "rewarded": {"visit": (YESTERDAY,)}},
            {"tasks": {"visit": YESTERDAY}, "rewarded": {"visit": (TODAY, TOMORROW)}},
            {"visit": 2},
        ),
        ({"tasks": {"gone": TODAY}}, {"tasks": {"gone": TODAY}}, {}),
    ],
)
def test_task_done_by_both_is_taken_back_once(
    own: dict[str, Any], guest: dict[str, Any], times: dict[str, int]
) -> None:
    expected = sum(ECONOMY.tasks[name].money * count for name, count in times.items())
    first, second = Player(money=500, **own), Player(money=500, **guest)
    assert paid_twice(ECONOMY, first, second) == paid_twice(ECONOMY, second, first) == expected
    assert merged_progress(ECONOMY, first, second).money == 1000 - expected


def test_money_that_was_spent_is_not_taken_back_below_zero() -> None:
    done = Player(money=5, tasks={"quest": TODAY})
    assert merged_progress(ECONOMY, done, done).money == 0


def test_balance_above_the_limit_is_kept_and_grows_no_further() -> None:
    rich = Player(money=AMOUNT_LIMIT)
    merged = merged_progress(ECONOMY, rich, rich)
    assert merged.money == 2 * AMOUNT_LIMIT
    with pytest.raises(ActionRefusedError):
        add_money(ECONOMY, merged, amount=1, reason="pickup", today=TODAY)
    assert (GUESTS_LIMIT + 1) * AMOUNT_LIMIT < 2**53


def test_save_from_before_the_merge_is_stale_only_where_it_would_undo_something() -> None:
    own = Player(level=2, xp=150, version=4)
    assert merged_progress(ECONOMY, own, Player(level=2, xp=120, version=9)).version == 4
    assert merged_progress(ECONOMY, own, Player(level=2, xp=151, version=9)).version == 5
    assert merged_progress(ECONOMY, own, Player(level=3, xp=150, version=9)).version == 5


@given(STEPS)
def test_new_account_has_just_what_the_guest_had(steps: list[tuple[Action, int]]) -> None:
    guest = played(steps)
    for merged in (
        merged_progress(ECONOMY, Player(), guest),
        merged_progress(ECONOMY, guest, Player()),
    ):
        assert merged.model_copy(update={"tasks": guest.tasks, "rewarded": guest.rewarded}) == guest
        assert days_of(merged) == days_of(guest)


def days_of(player: Player) -> dict[str, set[date]]:
    """Return the days on which tasks were done, in no order: a clock may have been set back in between."""
    return {name: {last, *player.rewarded.get(name, ())} for name, last in player.tasks.items()}


@given(STEPS, STEPS)
def test_merge_agrees_with_what_both_were_given(
    own_steps: list[tuple[Action, int]], guest_steps: list[tuple[Action, int]]
) -> None:
    own, guest = played(own_steps), played(guest_steps)
    merged = merged_progress(ECONOMY, own, guest)
    twice = paid_twice(ECONOMY, own, guest)
    assert merged.money == max(0, own.money + guest.money - twice)
    assert merged.inventory.keys() == own.inventory.keys() | guest.inventory.keys()
    for name, count in merged.inventory.items():
        held = own.inventory.get(name, 0) + guest.inventory.get(name, 0)
        assert count == (1 if ECONOMY.shop[name].unique else held)
    assert set(merged.unlocked) == {*own.unlocked, *guest.unlocked}
    assert len(merged.unlocked) == len(set(merged.unlocked))
    assert (merged.xp, merged.level) == (max(own.xp, guest.xp), max(own.level, guest.level))
    assert merged.checkpoint == (own.checkpoint if own.version else guest.checkpoint)
    check_days(merged, own, guest)


def check_days(merged: Player, own: Player, guest: Player) -> None:
    """No task pays again on a day on which it has paid, and no cap is there twice."""
    for name in merged.tasks:
        for player in (own, guest):
            last = player.tasks.get(name)
            for day in {*player.rewarded.get(name, ()), *([last] if last else [])}:
                with pytest.raises(ActionRefusedError):
                    complete_task(ECONOMY, merged, name, day)
    for reason, caps in ECONOMY.money.items():
        for day in {one.earned[reason].day for one in (own, guest) if reason in one.earned}:
            given = sum(amounts(one, reason).get(day, 0) for one in (own, guest))
            assert amounts(merged, reason)[day] == given
            more = max(1, caps.per_day - given + 1)
            with pytest.raises(ActionRefusedError):
                add_money(ECONOMY, merged, amount=more, reason=reason, today=day)


def amounts(player: Player, reason: str) -> dict[date, int]:
    earned = player.earned.get(reason)
    return earned.others | {earned.day: earned.amount} if earned else {}


def played(steps: list[tuple[Action, int]]) -> Player:
    player, today = Player(), TODAY
    for action, days in steps:
        today = max(today + timedelta(days=days), TODAY)
        with suppress(ActionRefusedError):
            player = action.act(player, today)
    return player
