"""What an account has once it has taken over a guest: pure rules, on what both had before.

    board of one area      by the area's `keep`: the better of both, their sum, or the later
    sum of several areas   the sum of what the account has in each from then on
    a season whose prizes  the better of both, for no rank may be passed for which one may have been given
      may be claimed
    money, items           added; of a unique item there is one
    unlocks, tasks         those of both
    a task done by both    was paid twice, and is taken back once
    prizes of a season     are claimed if either has claimed them
    daily caps             count what both were given on a day
    xp                     the higher, and so is the level
    checkpoint             the account's, unless its save has version 0; so are name and portrait

The balance may then be above `AMOUNT_LIMIT`, and no coin is lost: nothing is added to it until it is below
again. The sum of four such balances is one that JavaScript still holds exactly.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from game.catalogue import Area, Board
from game.economy import Economy
from game.player import Earned, P, Player
from game.scoring import POINTS_LIMIT
from game.standing import Held, beats, fitted

GUESTS_LIMIT = 3
"""Guests that an account takes over in its life: each has been given what every new player is."""


class Record(NamedTuple):
    """What a player has on a board. `metadata` is that of the run that has the points, as JSON text."""

    held: Held
    metadata: str | None = None


def merged_record(area: Area, own: Record | None, guest: Record | None) -> Record | None:
    """Return what the account has on a board of one area. Of equal ones it is the account's, or the earlier.

    A sum that no sort key could carry stays at the greatest, or least, that one can.
    """
    if own is None or guest is None:
        return own or guest
    if area.keep == "best":
        return guest if _is_better(area, guest.held, own.held) else own
    later = guest if guest.held.achieved_at > own.held.achieved_at else own
    if area.keep == "latest":
        return later
    points = _carried(own.held.points + guest.held.points)
    for one in (own, guest):
        if one.held.points == points:
            return one
    return Record(later.held._replace(points=points), later.metadata)


def better_record(board: Board, own: Record | None, guest: Record | None) -> Record | None:
    """Return what the account has on a board whose prizes may be claimed: the better of both, not the sum.

    Two who add up would pass a player who was given the prize of a rank, and be given it again.
    """
    if own is None or guest is None:
        return own or guest
    places = [
        board.sort_key(shown.points, shown.achieved_at, "either", shown.tiebreak)
        for shown in (fitted(board, own.held), fitted(board, guest.held))
    ]
    is_ahead = places[1] > places[0] if board.order == "desc" else places[1] < places[0]
    return guest if is_ahead else own


def merged_sum(own: Held | None, guest: Held | None, parts: Sequence[Held]) -> Held | None:
    """Return what the account has on a board over several areas: `parts` is what it has in each from then on.

    The one of both who had these points already keeps their time.
    """
    if not parts:
        return None
    points = _carried(sum(part.points for part in parts))
    had = next((one for one in (own, guest) if one is not None and one.points == points), None)
    return had or Held(points, max(part.achieved_at for part in parts))


def takes_look(own: Player) -> bool:
    """Return whether the account takes the guest's checkpoint, name and portrait: it never saved."""
    return own.version == 0


def merged_progress(economy: Economy, own: P, guest: Player) -> P:
    """Return the account with all that the guest has."""
    xp, level = max(own.xp, guest.xp), max(own.level, guest.level)
    if takes_look(own):
        checkpoint, version = guest.checkpoint, guest.version
    else:
        # A save made before must not take the xp away again.
        checkpoint, version = own.checkpoint, own.version + ((level, xp) != (own.level, own.xp))
    tasks, rewarded = _tasks(economy, own, guest)
    changes = {
        "level": level,
        "xp": xp,
        "checkpoint": checkpoint,
        "version": version,
        "money": max(0, own.money + guest.money - paid_twice(economy, own, guest)),
        "unlocked": tuple(dict.fromkeys((*own.unlocked, *guest.unlocked))),
        "tasks": tasks,
        "rewarded": rewarded,
        "inventory": _inventory(economy, own, guest),
        "earned": _earned(own, guest),
    }
    return own.model_copy(update=changes)


def paid_twice(economy: Economy, own: Player, guest: Player) -> int:
    """Return the money that both were given for the same task, once: for a daily one, of each day known.

    A task that has left the catalogue is worth nothing any more.
    """
    money = 0
    for name in own.tasks.keys() & guest.tasks.keys() & economy.tasks.keys():
        task = economy.tasks[name]
        times = 1 if task.repeat == "once" else len(_days(own, name) & _days(guest, name))
        money += task.money * times
    return money


def _is_better(area: Area, guest: Held, own: Held) -> bool:
    if beats(area, guest, own):
        return True
    return not beats(area, own, guest) and guest.achieved_at < own.achieved_at


def _carried(points: int) -> int:
    return max(1 - POINTS_LIMIT, min(points, POINTS_LIMIT - 1))


def _tasks(
    economy: Economy, own: Player, guest: Player
) -> tuple[dict[str, date], dict[str, tuple[date, ...]]]:
    tasks, rewarded = dict(own.tasks), dict(own.rewarded)
    for name in _united(own.tasks, guest.tasks):
        *others, tasks[name] = sorted(_days(own, name) | _days(guest, name))
        is_once = name in economy.tasks and economy.tasks[name].repeat == "once"
        if others and not is_once:
            rewarded[name] = tuple(others)
    return tasks, rewarded


def _days(player: Player, name: str) -> set[date]:
    """Return the days of which it is known that a task was completed on them."""
    last = player.tasks.get(name)
    return {*player.rewarded.get(name, ()), *([last] if last else [])}


def _inventory(economy: Economy, own: Player, guest: Player) -> dict[str, int]:
    held = dict(own.inventory)
    for name, count in guest.inventory.items():
        is_unique = name in economy.shop and economy.shop[name].unique
        before = held.get(name, 0)
        held[name] = max(before, count) if is_unique else before + count
    return held


def _earned(own: Player, guest: Player) -> dict[str, Earned]:
    earned = dict(own.earned)
    for reason, theirs in guest.earned.items():
        mine = earned.get(reason)
        if mine is None:
            earned[reason] = theirs
            continue
        amounts = _amounts(mine)
        for day, amount in _amounts(theirs).items():
            amounts[day] = amounts.get(day, 0) + amount
        last = max(mine.day, theirs.day)
        earned[reason] = Earned(day=last, amount=amounts.pop(last), others=amounts)
    return earned


def _amounts(earned: Earned) -> dict[date, int]:
    return earned.others | {earned.day: earned.amount}


def _united(*names: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(name for one in names for name in one)
