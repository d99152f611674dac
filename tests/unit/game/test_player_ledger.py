"""Any sequence of actions: a ledger of its own, kept from what was allowed, always agrees with the player."""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.player import ActionRefusedError, Player, add_money, buy, complete_task, save, unlock
from tests.unit.game.player_scene import ECONOMY, TODAY

DAY = TODAY
TASKS, ITEMS, UNLOCKS = ("quest", "visit"), ("crown", "flag", "torch"), ("bridge", "gate", "tower")


@dataclass
class Ledger:
    """What was allowed so far."""

    money: int = 0
    bought: Counter[str] = field(default_factory=Counter)
    opened: list[str] = field(default_factory=list)
    rewarded: list[tuple[str, date]] = field(default_factory=list)
    added: Counter[str] = field(default_factory=Counter)
    days: set[date] = field(default_factory=set)


class Earn(NamedTuple):
    reason: str
    amount: int

    def act(self, player: Player, today: date) -> Player:
        return add_money(ECONOMY, player, amount=self.amount, reason=self.reason, today=today)

    def book(self, ledger: Ledger, today: date) -> None:
        assert self.amount <= ECONOMY.money[self.reason].per_request
        ledger.money += self.amount
        ledger.added[self.reason] += self.amount


class Complete(NamedTuple):
    task: str

    def act(self, player: Player, today: date) -> Player:
        return complete_task(ECONOMY, player, self.task, today)

    def book(self, ledger: Ledger, today: date) -> None:
        ledger.money += ECONOMY.tasks[self.task].money
        ledger.rewarded.append((self.task, today))


class Buy(NamedTuple):
    item: str
    quantity: int

    def act(self, player: Player, today: date) -> Player:
        return buy(ECONOMY, player, name=self.item, quantity=self.quantity)

    def book(self, ledger: Ledger, today: date) -> None:
        ledger.money -= ECONOMY.shop[self.item].price * self.quantity
        ledger.bought[self.item] += self.quantity


class Open(NamedTuple):
    name: str

    def act(self, player: Player, today: date) -> Player:
        return unlock(ECONOMY, player, self.name)

    def book(self, ledger: Ledger, today: date) -> None:
        ledger.money -= ECONOMY.unlocks[self.name].price
        ledger.opened.append(self.name)


class Save(NamedTuple):
    """A save of the version at hand."""

    level: int
    xp: int

    def act(self, player: Player, today: date) -> Player:
        return save(ECONOMY, player, level=self.level, xp=self.xp, checkpoint=None, version=player.version)

    def book(self, ledger: Ledger, today: date) -> None:
        """A save is worth nothing."""


Action = Earn | Complete | Buy | Open | Save
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.builds(Earn, st.sampled_from(sorted(ECONOMY.money)), st.integers(1, 30)),
    st.builds(Complete, st.sampled_from(TASKS)),
    st.builds(Buy, st.sampled_from(ITEMS), st.integers(1, 3)),
    st.builds(Open, st.sampled_from(UNLOCKS)),
    st.builds(Save, st.integers(1, 3), st.integers(0, 300)),
)
# The clock may stand still, go on, and differ by a day around midnight.
STEPS = st.lists(st.tuples(ACTIONS, st.sampled_from([0, 0, 0, 0, 1, 2, -1])), max_size=60)


@given(STEPS)
def test_player_agrees_with_the_ledger(steps: list[tuple[Action, int]]) -> None:
    player, ledger, today = Player(), Ledger(), DAY
    furthest = today
    for action, days in steps:
        today = max(today + timedelta(days=days), furthest - timedelta(days=1))
        furthest = max(furthest, today)
        ledger.days.add(today)
        before = player
        try:
            player = action.act(player, today)
        except ActionRefusedError:
            continue
        action.book(ledger, today)
        assert (player.level, player.xp) >= (before.level, before.xp)
        check(player, ledger)


def check(player: Player, ledger: Ledger) -> None:
    assert player.money == ledger.money
    assert player.money >= 0
    assert player.inventory == ledger.bought
    assert ledger.bought["crown"] <= 1
    assert ledger.bought["flag"] <= 1
    assert list(player.unlocked) == ledger.opened
    assert len(set(ledger.opened)) == len(ledger.opened)
    assert len(set(ledger.rewarded)) == len(ledger.rewarded), "a reward twice a day"
    assert [task for task, _ in ledger.rewarded].count("quest") <= 1
    for reason, amount in ledger.added.items():
        assert amount <= ECONOMY.money[reason].per_day * len(ledger.days)


@given(STEPS, st.integers(2, 30))
def test_clock_that_was_ahead_once_locks_nothing(steps: list[tuple[Action, int]], ahead: int) -> None:
    """Whatever happened on a day far ahead, each day until then has its reward and its money."""
    player = Player()
    for action, _ in steps:
        with suppress(ActionRefusedError):
            player = action.act(player, DAY + timedelta(days=ahead))
    for day in range(ahead):
        today = DAY + timedelta(days=day)
        money = player.money
        player = Complete("visit").act(player, today)
        player = Earn("gift", 10).act(player, today)
        assert player.money == money + ECONOMY.tasks["visit"].money + 10
        for again in (Complete("visit"), Earn("gift", 1)):
            with pytest.raises(ActionRefusedError):
                again.act(player, today)


@given(st.lists(st.tuples(st.integers(1, 25), st.sampled_from([0, 0, 0, 1, 2])), max_size=40))
def test_each_day_gives_up_to_its_cap(steps: list[tuple[int, int]]) -> None:
    player, today, given_today = Player(), DAY, 0
    for amount, days in steps:
        today += timedelta(days=days)
        given_today = 0 if days else given_today
        try:
            player = Earn("pickup", amount).act(player, today)
        except ActionRefusedError:
            assert given_today + amount > ECONOMY.money["pickup"].per_day
        else:
            given_today += amount
            assert given_today <= ECONOMY.money["pickup"].per_day
