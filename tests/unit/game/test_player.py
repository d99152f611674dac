"""What a player may do, and what is refused: tables of every rule."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from game.economy import AMOUNT_LIMIT
from game.player import Earned, Player, Reached, Refusal, add_money, buy, complete_task, unlock
from tests.unit.game.player_scene import ECONOMY, TODAY, TOMORROW, YESTERDAY, Act, assert_changes, refused


def unlocking(name: str) -> Act:
    return lambda player: unlock(ECONOMY, player, name)


READY = Player(level=3, money=100, unlocked=("gate", "bridge"))


@pytest.mark.parametrize(
    ("player", "name", "money"),
    [
        (Player(), "gate", 0),
        (Player(money=30), "bridge", 0),
        (Player(money=31), "bridge", 1),
        (READY, "tower", 60),
        (READY.model_copy(update={"money": 40}), "tower", 0),
    ],
)
def test_unlock_is_paid(player: Player, name: str, money: int) -> None:
    assert_changes(player, unlocking(name), money=money, unlocked=(*player.unlocked, name))


@pytest.mark.parametrize(
    ("player", "name", "refusal", "mention"),
    [
        (READY, "moat", Refusal.UNKNOWN, "moat"),
        (READY, "torch", Refusal.UNKNOWN, "torch"),
        (READY, "", Refusal.UNKNOWN, "''"),
        (READY, "gate", Refusal.CONFLICT, "already"),
        (READY.model_copy(update={"unlocked": ()}), "tower", Refusal.CONFLICT, "gate, bridge"),
        (READY.model_copy(update={"unlocked": ("gate",)}), "tower", Refusal.CONFLICT, "requires bridge"),
        (READY.model_copy(update={"level": 2}), "tower", Refusal.CONFLICT, "level 3"),
        (READY.model_copy(update={"money": 39}), "tower", Refusal.CONFLICT, "40 money"),
        (Player(money=29), "bridge", Refusal.CONFLICT, "30 money"),
    ],
)
def test_unlock_is_refused(player: Player, name: str, refusal: Refusal, mention: str) -> None:
    error = refused(unlocking(name), player)
    assert (error.refusal, error.field) == (refusal, "id")
    assert mention in str(error)


def completing(name: str, today: date = TODAY) -> Act:
    return lambda player: complete_task(ECONOMY, player, name, today)


@pytest.mark.parametrize(
    ("player", "name", "changes"),
    [
        (Player(), "quest", {"money": 40, "xp": 100, "level": 2, "version": 1, "tasks": {"quest": TODAY}}),
        (Player(), "visit", {"money": 5, "xp": 7, "version": 1, "tasks": {"visit": TODAY}}),
        (
            Player(tasks={"visit": YESTERDAY, "quest": YESTERDAY}, money=1, xp=93),
            "visit",
            {
                "money": 6,
                "xp": 100,
                "level": 2,
                "version": 1,
                "tasks": {"visit": TODAY, "quest": YESTERDAY},
                "rewarded": {"visit": (YESTERDAY,)},
            },
        ),
        # The clock was ahead once: that does not lock the days until then.
        (
            Player(tasks={"visit": date(2099, 1, 1)}, rewarded={"visit": (date(2001, 1, 1), TOMORROW)}),
            "visit",
            {
                "money": 5,
                "xp": 7,
                "version": 1,
                "tasks": {"visit": TODAY},
                "rewarded": {"visit": (TOMORROW, date(2099, 1, 1))},
            },
        ),
        # A level that a save has kept back, or that an earlier curve gave, is not taken away.
        (Player(level=3, xp=0), "visit", {"money": 5, "xp": 7, "version": 1, "tasks": {"visit": TODAY}}),
        (Player(xp=AMOUNT_LIMIT), "visit", {"money": 5, "level": 3, "version": 1, "tasks": {"visit": TODAY}}),
    ],
)
def test_task_is_rewarded(player: Player, name: str, changes: dict[str, Any]) -> None:
    assert_changes(player, completing(name), **changes)


@pytest.mark.parametrize(
    ("player", "name", "refusal", "mention"),
    [
        (Player(), "chore", Refusal.UNKNOWN, "chore"),
        (Player(tasks={"quest": TODAY}), "quest", Refusal.CONFLICT, "for good"),
        (Player(tasks={"quest": date(1999, 1, 1)}), "quest", Refusal.CONFLICT, "for good"),
        (Player(tasks={"quest": TOMORROW}), "quest", Refusal.CONFLICT, "for good"),
        (Player(tasks={"visit": TODAY}), "visit", Refusal.CONFLICT, "2025-11-22"),
        (Player(tasks={"visit": TOMORROW}, rewarded={"visit": (TODAY,)}), "visit", Refusal.CONFLICT, "2025"),
        (Player(money=AMOUNT_LIMIT), "visit", Refusal.OVER_LIMIT, "balance"),
    ],
)
def test_task_is_refused(player: Player, name: str, refusal: Refusal, mention: str) -> None:
    error = refused(completing(name), player)
    assert (error.refusal, error.field) == (refusal, "taskId")
    assert mention in str(error)


FOREST, SPRINT = Reached(100, "desc"), Reached(900, "asc")


@pytest.mark.parametrize(
    ("player", "name", "reached"),
    [
        (Player(), "debut", {"sprint": SPRINT}),
        (Player(), "climb", {"forest": FOREST}),
        (Player(), "dash", {"sprint": SPRINT}),
        (Player(level=2, unlocked=("gate",), inventory={"torch": 1}), "grow", {}),
    ],
)
def test_task_is_rewarded_when_all_that_it_requires_is_there(
    player: Player, name: str, reached: dict[str, Reached]
) -> None:
    after = complete_task(ECONOMY, player, name, TODAY, reached)
    assert after.tasks == {name: TODAY}


@pytest.mark.parametrize(
    ("player", "name", "reached", "missing", "key"),
    [
        (Player(), "debut", {}, "debut requires a score", "score"),
        (Player(), "climb", {"sprint": SPRINT}, "climb requires a score on forest", "area"),
        (
            Player(),
            "climb",
            {"forest": Reached(99, "desc")},
            "climb requires at least 100 on forest",
            "points",
        ),
        (Player(), "dash", {"sprint": Reached(901, "asc")}, "dash requires at most 900 on sprint", "points"),
        (Player(), "grow", {}, "grow requires level 2 and gate and torch", "level"),
        (Player(level=2, inventory={"torch": 1}), "grow", {}, "grow requires gate", "unlock"),
        (
            Player(level=9, unlocked=("gate",), inventory={"torch": 0}),
            "grow",
            {},
            "grow requires torch",
            "item",
        ),
    ],
)
def test_task_is_refused_with_what_is_missing(
    player: Player, name: str, reached: dict[str, Reached], missing: str, key: str
) -> None:
    error = refused(lambda player: complete_task(ECONOMY, player, name, TODAY, reached), player)
    assert (error.refusal, error.field, str(error)) == (Refusal.CONFLICT, "taskId", missing)
    assert error.rule == f"tasks.{name}.requires.{key}"


def adding(amount: int, reason: str = "pickup", today: date = TODAY) -> Act:
    return lambda player: add_money(ECONOMY, player, amount=amount, reason=reason, today=today)


def earned(amount: int, day: date = TODAY, others: dict[date, int] | None = None) -> dict[str, Earned]:
    return {"pickup": Earned(day=day, amount=amount, others=others or {})}


@pytest.mark.parametrize(
    ("player", "amount", "after"),
    [
        (Player(), 1, earned(1)),
        (Player(), 25, earned(25)),
        (Player(money=7, earned=earned(75)), 25, earned(100)),
        (Player(earned=earned(100, YESTERDAY)), 25, earned(25, TODAY, {YESTERDAY: 100})),
        (Player(earned=earned(100, date(2025, 11, 1))), 25, earned(25)),
        # The clock was ahead: the money counts for that day, and this one has its own.
        (Player(earned=earned(75, TOMORROW)), 25, earned(25, TODAY, {TOMORROW: 75})),
        (Player(earned=earned(5, TOMORROW, {TODAY: 75})), 25, earned(100, TODAY, {TOMORROW: 5})),
        (Player(money=AMOUNT_LIMIT - 25), 25, earned(25)),
    ],
)
def test_money_is_added(player: Player, amount: int, after: dict[str, Earned]) -> None:
    assert_changes(player, adding(amount), money=player.money + amount, earned=after)


def test_reasons_have_caps_of_their_own() -> None:
    player = Player(earned=earned(100))
    after = earned(100) | {"gift": Earned(day=TODAY, amount=10)}
    assert_changes(player, adding(10, "gift"), money=10, earned=after)


@pytest.mark.parametrize(
    ("player", "amount", "reason", "field", "mention"),
    [
        (Player(), 1, "theft", "reason", "theft"),
        (Player(), 1, "", "reason", "''"),
        (Player(), 26, "pickup", "amount", "25 a request"),
        (Player(), AMOUNT_LIMIT, "pickup", "amount", "25 a request"),
        (Player(earned=earned(80)), 21, "pickup", "amount", "only 20 more today"),
        (Player(earned=earned(100)), 1, "pickup", "amount", "only 0 more today"),
        (Player(earned=earned(5, TOMORROW, {TODAY: 100})), 1, "pickup", "amount", "only 0 more today"),
        # The designer has lowered the cap since.
        (Player(earned=earned(500)), 1, "pickup", "amount", "only 0 more today"),
        (Player(money=AMOUNT_LIMIT), 1, "pickup", "amount", "balance"),
    ],
)
def test_money_is_refused(player: Player, amount: int, reason: str, field: str, mention: str) -> None:
    error = refused(adding(amount, reason), player)
    assert (error.refusal, error.field) == (Refusal.OVER_LIMIT, field)
    assert mention in str(error)


def buying(name: str, quantity: int = 1) -> Act:
    return lambda player: buy(ECONOMY, player, name=name, quantity=quantity)


@pytest.mark.parametrize(
    ("player", "name", "quantity", "money", "inventory"),
    [
        (Player(money=10), "torch", 1, 0, {"torch": 1}),
        (Player(money=35, inventory={"torch": 4}), "torch", 3, 5, {"torch": 7}),
        (Player(money=50, inventory={"torch": 4}), "crown", 1, 0, {"torch": 4, "crown": 1}),
        (Player(unlocked=("gate",)), "flag", 1, 0, {"flag": 1}),
    ],
)
def test_purchase_is_paid(
    player: Player, name: str, quantity: int, money: int, inventory: dict[str, int]
) -> None:
    assert_changes(player, buying(name, quantity), money=money, inventory=inventory)


@pytest.mark.parametrize(
    ("player", "name", "quantity", "refusal", "field", "mention"),
    [
        (Player(money=99), "sword", 1, Refusal.UNKNOWN, "itemId", "sword"),
        (Player(money=99), "gate", 1, Refusal.UNKNOWN, "itemId", "gate"),
        (Player(money=9), "torch", 1, Refusal.NOT_ENOUGH_MONEY, "itemId", "costs 10"),
        (Player(money=29), "torch", 3, Refusal.NOT_ENOUGH_MONEY, "itemId", "costs 30"),
        (Player(money=99), "flag", 1, Refusal.CONFLICT, "itemId", "requires gate"),
        (Player(money=99, inventory={"crown": 1}), "crown", 1, Refusal.CONFLICT, "itemId", "already"),
        # What a player has is what they are told, before what they lack.
        (Player(inventory={"crown": 1}), "crown", 1, Refusal.CONFLICT, "itemId", "already"),
        (Player(money=999), "crown", 2, Refusal.OVER_LIMIT, "quantity", "only one"),
    ],
)
def test_purchase_is_refused(
    player: Player, name: str, quantity: int, refusal: Refusal, field: str, mention: str
) -> None:
    error = refused(buying(name, quantity), player)
    assert (error.refusal, error.field) == (refusal, field)
    assert mention in str(error)


@pytest.mark.parametrize("act", [unlocking, completing, buying, lambda name: adding(1, name)])
def test_long_name_is_not_sent_back_whole(act: Callable[[str], Act]) -> None:
    assert len(str(refused(act("x" * 10_000), Player()))) < 200
