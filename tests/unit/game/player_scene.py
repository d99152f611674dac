"""A small economy with one of everything, and what an action must do or refuse."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from game.economy import Economy
from game.player import ActionRefusedError, Player

TODAY = date(2025, 11, 22)
TOMORROW, YESTERDAY = TODAY + timedelta(days=1), TODAY - timedelta(days=1)

ECONOMY = Economy.model_validate(
    {
        "levels": {"xp": [0, 100, 250], "xpPerSave": 50, "backwards": False},
        "unlocks": {
            "gate": {"title": "Gate"},
            "bridge": {"title": "Bridge", "price": 30},
            "tower": {"title": "Tower", "level": 3, "price": 40, "requires": ["gate", "bridge"]},
        },
        "tasks": {
            "quest": {"title": "Quest", "money": 40, "xp": 100, "repeat": "once"},
            "visit": {"title": "Visit", "money": 5, "xp": 7, "repeat": "daily"},
            "debut": {"title": "Debut", "repeat": "once", "requires": {"score": True}},
            "climb": {"title": "Climb", "repeat": "once", "requires": {"area": "forest", "points": 100}},
            "dash": {"title": "Dash", "repeat": "daily", "requires": {"area": "sprint", "points": 900}},
            "grow": {
                "title": "Grow",
                "repeat": "once",
                "requires": {"level": 2, "unlock": "gate", "item": "torch"},
            },
        },
        "shop": {
            "torch": {"title": "Torch", "price": 10, "unique": False},
            "crown": {"title": "Crown", "price": 50, "unique": True},
            "flag": {"title": "Flag", "price": 0, "unique": True, "requires": "gate"},
        },
        "money": {
            "pickup": {"perRequest": 25, "perDay": 100},
            "gift": {"perRequest": 10, "perDay": 10},
        },
    }
)
FORGIVING = ECONOMY.model_copy(update={"levels": ECONOMY.levels.model_copy(update={"backwards": True})})

Act = Callable[[Player], Player]


def refused(act: Act, player: Player) -> ActionRefusedError:
    with pytest.raises(ActionRefusedError) as caught:
        act(player)
    return caught.value


def assert_changes(player: Player, act: Act, **changes: Any) -> None:
    """The action changes exactly these fields, and not the player that it was given."""
    before = player.model_copy(deep=True)
    assert act(player) == before.model_copy(update=changes)
    assert player == before
