"""The effect of each setting: the bill and the pushes with one thing changed.

How often boards change decides what a window is worth, and that is the least certain of all inputs. So every
setting is priced twice: with the share of scores that change a board as given or derived, and with the most
there can be, where every score changes its boards.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cost.board_rates import board_rates
from cost.month import Bill, bill
from cost.prices import Prices
from cost.quotas import PUSHES, players_at
from cost.traffic import traffic
from cost.workload import SECONDS_A_MONTH, Workload


@dataclass(frozen=True)
class Effect:
    """A game's month.

    last_seconds: from a change to the last client, when all boards change at the busiest moment.
    players: with how many of them API Gateway's quota is used up; None: out of reach.
    """

    usd: float
    pushes: float
    last_seconds: float
    players: int | None


@dataclass(frozen=True)
class Lever:
    """A setting with its value; what it does to the game as given, and to one whose boards never rest."""

    name: str
    calm: Effect
    busy: Effect


@dataclass(frozen=True)
class Levers:
    """The game as given, and with each setting changed."""

    given: Lever
    changed: tuple[Lever, ...]


def levers(workload: Workload, prices: Prices) -> Levers:
    """Change one setting after another."""
    changed = (
        Lever(name, *_effects(workload.with_changes(**changes), prices))
        for name, changes in _changes(workload).items()
    )
    return Levers(Lever("as given", *_effects(workload, prices)), tuple(changed))


def busiest(workload: Workload) -> Workload:
    """Return the same game where every score changes its boards."""
    return workload.model_copy(update={"change_share": 1.0, "improving_share": 1.0})


def _changes(workload: Workload) -> dict[str, dict[str, object]]:
    changes: dict[str, dict[str, object]] = {}
    for window in (0, 1, 5, 30):
        changes[f"window {window} s"] = {"window": window}
    for top in (100, 50, 10):
        changes[f"K {top}"] = {"top": top}
    for followed in (1, 2, 4):
        if followed <= workload.boards:
            changes[f"{followed} boards followed" if followed > 1 else "1 board followed"] = {
                "boards_followed": followed
            }
    for days in (30, 7, 1):
        changes[f"boards emptied every {days} days" if days > 1 else "boards emptied every day"] = {
            "season_days": days
        }
    changes["no rank lookups"] = {"rank_lookups_per_session": 0}
    changes["no portraits"] = {"portrait_share": 0, "uploads_per_player": 0}
    changes["Cognito Lite"] = {"cognito_plan": "lite"}
    return {name: change for name, change in changes.items() if not _is_given(workload, change)}


def _is_given(workload: Workload, change: Mapping[str, object]) -> bool:
    return all(getattr(workload, field) == value for field, value in change.items())


def _effects(workload: Workload, prices: Prices) -> tuple[Effect, Effect]:
    return _effect(workload, bill(workload, prices)), _effect(
        busiest(workload), bill(busiest(workload), prices)
    )


def _effect(workload: Workload, month: Bill) -> Effect:
    boards = board_rates(workload, workload.peak_factor)
    subscribers = sum(board.count * board.subscribers for board in boards)
    room = max(1.0, workload.requests_quota - traffic(workload, workload.peak_factor).requests)
    return Effect(
        usd=month.usd,
        pushes=month.mean.pushes * SECONDS_A_MONTH,
        last_seconds=workload.window + subscribers / room,
        players=players_at(PUSHES, workload),
    )
