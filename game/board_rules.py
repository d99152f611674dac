"""The rules that a board's rows were written under, and the edits of the catalogue that would break them.

A row stays as it was written, and an edit of the catalogue changes how it is read. So the rules are kept with
the boards (`store.board_rules`), and compared with the catalogue before rows are read or written by it:

| edit | rows that are there |
| --- | --- |
| another `order` | sort the wrong way, and their keys hold the time in the other form: broken |
| another set of areas that count | are sums over the old set: broken, unless no area that differs has rows |
| a bound moved past the best row (`max`, or `min` where lower is better) | cannot be beaten: broken |
| the same bound moved, and no row beyond it | stay within reach: harmless |
| a wider bound; the bound at the worse end | can still be beaten: harmless |
| `title`, `top`, everything of the economy | do not depend on it: harmless |

A board without rows takes any edit. Pure rules; the facts about the rows are handed in.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from pydantic import ConfigDict

from game.catalogue import GLOBAL_BOARD, Catalogue
from game.model import Model
from game.scoring import Order, better


class BoardRules(Model):
    """The rules that a board's rows are written under: an area's bounds, or the areas that a sum is over."""

    model_config = ConfigDict(extra="ignore")  # a newer release may keep more

    order: Order
    min: int | None = None
    max: int | None = None
    areas: tuple[str, ...] = ()

    @property
    def bound(self) -> int | None:
        """The best points that there can be; None for a sum."""
        return self.max if self.order == "desc" else self.min


class Sample(NamedTuple):
    """The order and points of a board's best readable row; None where no row can be read."""

    order: Order | None
    points: int | None


class Break(NamedTuple):
    """An edit that would break a board's rows. `key` is the catalogue's; `written` and `given` are values.

    `key` is "" where the kept rules cannot be read, so the areas of a sum are unknown.
    """

    board: str
    key: str = ""
    written: str = ""
    given: str = ""

    @property
    def misreads(self) -> bool:
        """Whether rows would be read or summed wrongly. A bound leaves them right, but unbeatable."""
        return not self.key.endswith((".max", ".min"))

    def __str__(self) -> str:
        if not self.key:
            return f"board {self.board}: what its rows are sums over cannot be read any more"
        return (
            f"board {self.board}: its rows were written under {self.written}, and {self.key} is {self.given}"
        )


def rules_of(catalogue: Catalogue) -> dict[str, BoardRules]:
    """Return the rules of every board, by id."""
    rules = {
        name: BoardRules(order=area.order, min=area.min, max=area.max)
        for name, area in catalogue.areas.items()
    }
    areas = tuple(sorted(catalogue.counting_areas))
    rules[GLOBAL_BOARD] = BoardRules(order=catalogue.global_.order, areas=areas)
    return rules


def changed_areas(written: BoardRules | None, given: BoardRules) -> frozenset[str]:
    """Return the areas that only one of the two sums is over."""
    return frozenset(written.areas).symmetric_difference(given.areas) if written else frozenset()


def is_judged_by_rows(written: BoardRules | None, given: BoardRules) -> bool:
    """Return whether the board's rows must be read to judge the edit. If not, the edit breaks nothing."""
    if written is None or written.order != given.order or changed_areas(written, given):
        return True
    return _is_beyond(given, written.bound)


def breaks(
    board: str, written: BoardRules | None, given: BoardRules, sample: Sample | None, scored: Collection[str]
) -> Iterator[Break]:
    """Yield each way in which an edit breaks a board's rows.

    written: the rules that the rows were written under; None where these were not kept. The sample then
        judges.
    sample: the board's best row by the order it was written in; None where the board has no rows.
    scored: those of the `changed_areas` that have rows.
    """
    if sample is None:
        return
    order = written.order if written else sample.order
    if order not in (None, given.order):
        yield Break(board, _key(board, "order"), f'"{order}"', f'"{given.order}"')
        return  # the better end has changed too, so no bound can be compared
    if written and (areas := sorted(scored)):
        keys = ", ".join(_key(area, "counts") for area in areas)
        yield Break(
            board, keys, f"a sum over {_listed(written.areas)}", f"for a sum over {_listed(given.areas)}"
        )
    if _is_beyond(given, sample.points):
        bound = "max" if given.order == "desc" else "min"
        limit = f"{bound} {written.bound}, " if written else ""
        yield Break(
            board, _key(board, bound), f"{limit}one of them with {sample.points} points", f"{given.bound}"
        )


def dropped_with(board: str, written: Mapping[str, BoardRules], given: Mapping[str, BoardRules]) -> list[str]:
    """Return the boards whose rows are dropped with a board's: first the sums over it, then the board."""
    sums = {
        name
        for rules in (written, given)
        for name, one in rules.items()
        if board in one.areas and name != board
    }
    return [*sorted(sums), board]


def _is_beyond(given: BoardRules, points: int | None) -> bool:
    """Return whether points are better than any that the rules allow."""
    if points is None or given.bound is None:
        return False
    return better(given.order, points, given.bound)


def _key(board: str, name: str) -> str:
    return f"{GLOBAL_BOARD}.{name}" if board == GLOBAL_BOARD else f"areas.{board}.{name}"


def _listed(areas: Collection[str]) -> str:
    return ", ".join(areas) or "no area"
