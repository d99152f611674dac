"""A player's actions with what each is worth, and a ledger that the rules and tables must agree with."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

from game.economy import Economy
from game.player import ActionRefusedError, add_money, buy, complete_task, unlock
from store.actions import Decide
from store.idempotency import Answer, RequestKey, request_key
from store.progress import Progress

ADA = "87313b53-604d-4405-b676-4eb8a21c5969"
TODAY = date(2025, 11, 22)

ECONOMY = Economy.model_validate(
    {
        "unlocks": {"gate": {"title": "Gate", "price": 30}},
        "tasks": {"quest": {"title": "Quest", "money": 40, "xp": 5, "repeat": "once"}},
        "shop": {
            "torch": {"title": "Torch", "price": 10, "unique": False},
            "crown": {"title": "Crown", "price": 50, "unique": True},
        },
        "money": {"pickup": {"perRequest": 25, "perDay": 100}},
    }
)


@dataclass(frozen=True)
class Action:
    """Something a player does, and what it is worth when it is not refused."""

    name: str
    change: Callable[[Progress], Progress]
    money: int

    def decide(self) -> Decide:
        """Return the rules' answer: 200 with the money left, or 409 with the refusal."""

        def decide(read: Progress, _: object) -> tuple[Progress, Answer]:
            try:
                new = self.change(read)
            except ActionRefusedError as error:
                return read, Answer(status=409, body=str(error))
            return new, Answer(status=200, body=f"{self.name}: {new.money} left")

        return decide

    def key(self, key: str, user_id: str = ADA) -> RequestKey:
        """Return the request's key, which tells actions apart by their names."""
        return request_key(user_id, key, "POST", self.name)


EARN = Action("earn", lambda read: add_money(ECONOMY, read, amount=25, reason="pickup", today=TODAY), 25)
QUEST = Action("quest", lambda read: complete_task(ECONOMY, read, "quest", TODAY), 40)
TORCH = Action("torch", lambda read: buy(ECONOMY, read, name="torch", quantity=1), -10)
TORCHES = Action("torches", lambda read: buy(ECONOMY, read, name="torch", quantity=3), -30)
CROWN = Action("crown", lambda read: buy(ECONOMY, read, name="crown", quantity=1), -50)
GATE = Action("gate", lambda read: unlock(ECONOMY, read, "gate"), -30)
ACTIONS = (EARN, QUEST, TORCH, TORCHES, CROWN, GATE)


@dataclass
class Ledger:
    """What a player must have, going by the answers alone: one entry for each key that was answered 200."""

    entries: list[Action] = field(default_factory=list)

    def book(self, answered: Iterable[tuple[Action, Answer]]) -> None:
        """Take in the answer to each key."""
        self.entries += [action for action, answer in answered if answer.status == 200]

    def assert_balances(self, stored: Progress) -> None:
        """The player's row holds what the answers say, to the coin, and nothing twice that is given once."""
        times = Counter(action.name for action in self.entries)
        assert stored.money == sum(action.money for action in self.entries)
        assert stored.money >= 0
        held = {"torch": times["torch"] + 3 * times["torches"], "crown": times["crown"]}
        assert stored.inventory == {name: count for name, count in held.items() if count}
        assert stored.unlocked == (("gate",) if times["gate"] else ())
        assert set(stored.tasks) == ({"quest"} if times["quest"] else set())
        assert stored.xp == 5 * times["quest"]
        assert all(times[name] <= 1 for name in ("crown", "gate", "quest"))
        assert times["earn"] <= 4
