"""The rules that rows were written under, by area and board, and the edits of the catalogue that break them.

A row stays as it was written, and an edit of the catalogue changes how it is read. So the rules are kept with
the boards (`store.board_rules`), and compared with the catalogue before rows are read or written by it:

| edit | rows that are there | mended by |
| --- | --- | --- |
| another `order` | sort the wrong way, and keys hold the time in the other form | drop |
| `keep` to or from "sum" | have points of another kind | drop |
| a tie-break added, removed or turned | have keys of another form | rekey |
| another set of areas in a sum | are sums over the old set, unless no area that differs has rows | rekey |
| a sum that left the catalogue comes back | lack what came meanwhile, unless no area has rows | rekey |
| an id that was an area's is a sum's | are no sums | rekey |
| an id that was a sum's is an area's, or a board's over one | have points of another kind | drop |
| another area of a board over one | have points of another area | drop |
| seasons added, taken away, replaced; a past boundary of theirs moved | are of another season | drop |
| a bound moved past the best row (`max`, or `min` where lower is better) | cannot be beaten | drop |
| the same bound moved, and no row beyond it | stay within reach | |
| a wider bound; the bound at the worse end; any bound unless the best is kept | can still be beaten | |
| `title`, `top`, `metadata`, name and bounds of a tie-break, the economy | do not depend on it | |
| seasons that are kept for longer, by more than rows are (MARGIN_MS) | are deleted too early | drop |
| seasons that are to come, `grace`, `review`; `keep` by less than that | do not depend on it | |

A board without rows takes any edit. An area without a board has no rows that could be looked at: it takes no
edit that would break some. Pure rules; the facts about the rows are handed in.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Literal, NamedTuple

from pydantic import ConfigDict

from game.catalogue import Area, Catalogue, Keep
from game.model import Model
from game.scoring import POINTS_LIMIT, Order, better
from game.seasons import Seasons

WIDEST = {"min": 1 - POINTS_LIMIT, "max": POINTS_LIMIT - 1}
"""The bounds of an area whose own were lost: every row lies within."""

Mend = Literal["drop", "rekey"]
"""The operator's command that mends a break: delete the rows, or write them again by the new rules."""


class BoardRules(Model):
    """The rules that the rows of an area or a board are written under.

    min, max: the area's bounds; None for a sum.
    tiebreak: which tie-breaks are better; None without one.
    areas: those that a further board is over; none for an area, and for the board that it has of its own.
    shown: whether there is a board, whose rows can be looked at.
    left: whether the catalogue has been without it since: a sum lacks what came meanwhile.
    rowless: whether players may have points without a row, for the area was without a board once.
    season, seasons: the seasons that a board counts for, by id and as they are; None: it never ends.
    """

    model_config = ConfigDict(extra="ignore")  # a newer release may keep more

    order: Order
    min: int | None = None
    max: int | None = None
    keep: Keep = "best"
    tiebreak: Order | None = None
    areas: tuple[str, ...] = ()
    shown: bool = True
    left: bool = False
    rowless: bool = False
    season: str | None = None
    seasons: Seasons | None = None

    @property
    def is_sum(self) -> bool:
        """Whether the points of a player are those in several areas together."""
        return len(self.areas) > 1

    @property
    def bound(self) -> int | None:
        """The best points that there can be; None where there is no such bound."""
        if self.keep != "best":
            return None
        return self.max if self.order == "desc" else self.min


class Sample(NamedTuple):
    """What a board's best readable row tells: order and points; None where no row can be read.

    tiebreaks: the orders of tie-breaks that its key may have been written under; none without a tie-break.
    """

    order: Order | None
    points: int | None
    tiebreaks: tuple[Order, ...] = ()


UNREAD = Sample(None, None)
"""Of a board that has rows, none of which can be read; and of an area that has no board to be looked at."""


class Break(NamedTuple):
    """An edit that would break a board's rows. `key` is the catalogue's; `written` and `given` are values.

    `key` is "" where the kept rules cannot be read, so the areas of a sum are unknown.
    """

    board: str
    key: str = ""
    written: str = ""
    given: str = ""
    mend: Mend = "drop"

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
    """Return the rules of every area and every board, by id."""
    rules = {name: _area_rules(area) for name, area in catalogue.areas.items()}
    for name, board in catalogue.boards.items():
        if name in rules:
            continue
        if not board.is_sum:
            only = rules[board.areas[0]]
            further = {"shown": True, "season": board.season_id, "seasons": board.seasons}
            rules[name] = only.model_copy(update={"areas": board.areas, **further})
        else:
            rules[name] = BoardRules(
                order=board.order,
                areas=tuple(sorted(board.areas)),
                season=board.season_id,
                seasons=board.seasons,
            )
    return rules


def _area_rules(area: Area) -> BoardRules:
    return BoardRules(
        order=area.order,
        min=area.min,
        max=area.max,
        keep=area.keep,
        tiebreak=area.tiebreak.order if area.tiebreak else None,
        shown=area.top is not None,
    )


def changed_areas(written: BoardRules | None, given: BoardRules) -> frozenset[str]:
    """Return the areas that rows written under the one rules count, and those of the other do not."""
    if written is None:
        return frozenset()
    if written.left and given.is_sum:
        return frozenset(given.areas)
    return frozenset(written.areas).symmetric_difference(given.areas)


def is_judged_by_rows(written: BoardRules | None, given: BoardRules, now: int) -> bool:
    """Return whether the board's rows must be read to judge the edit. If not, the edit breaks nothing.

    written: None where it is not known what there may be. `now` in milliseconds since the epoch.
    """
    if written is None or changed_areas(written, given) or _another_form(written, given):
        return True
    if has_other_seasons(written, given, now) or _outlives(written, given, now):
        return True
    return _is_beyond(given, written.bound)


def _another_form(written: BoardRules, given: BoardRules) -> bool:
    return (
        written.order != given.order
        or written.tiebreak != given.tiebreak
        or _adds_up(written) != _adds_up(given)
    )


def has_other_seasons(written: BoardRules, given: BoardRules, now: int) -> bool:
    """Return whether an edit gives rows to another season than the one that they were written in."""
    if written.seasons is None or given.seasons is None:
        return written.seasons is not given.seasons
    # The id is part of the keys of what players have in the areas that are added up.
    if given.is_sum and written.season != given.season:
        return True
    return not given.seasons.keeps_past_of(written.seasons, now)


def _outlives(written: BoardRules, given: BoardRules, now: int) -> bool:
    if written.seasons is None or given.seasons is None:
        return False
    return given.seasons.outlives(written.seasons, now)


def _adds_up(rules: BoardRules) -> bool:
    return rules.keep == "sum"


def breaks(
    board: str,
    written: BoardRules | None,
    given: BoardRules,
    sample: Sample | None,
    scored: Collection[str],
    now: int,
) -> Iterator[Break]:
    """Yield each way in which an edit breaks a board's rows.

    written: the rules that the rows were written under; None where these were not kept. The sample then
        judges.
    sample: the board's best row by the order it was written in; None where the board has no rows.
    scored: those of the `changed_areas` that have rows.
    now: the time, in milliseconds since the epoch: seasons that are to come may be changed.
    """
    if sample is None:
        return
    if written and has_other_seasons(written, given, now):
        yield _other_seasons(board, written, given, now)
        return
    if written and written.seasons and given.seasons and _outlives(written, given, now):
        kept = [f"{one.keep} seasons kept" for one in (written.seasons, given.seasons)]
        yield Break(board, f"seasons.{given.season}.keep", f"{kept[0]}, and deleted after that", kept[1])
    order = written.order if written else sample.order
    if order not in (None, given.order):
        yield Break(board, _key(board, given, "order"), f'"{order}"', f'"{given.order}"')
        return  # the better end has changed too, so no bound can be compared
    if written and _adds_up(written) != _adds_up(given):
        yield Break(board, _key(board, given, "keep"), f'"{written.keep}"', f'"{given.keep}"')
        return
    has_keys = written is None or written.shown or sample is not UNREAD
    if has_keys and _has_another_tiebreak(written, given, sample):
        before = [written.tiebreak] if written else sample.tiebreaks
        told = " or ".join(f'"{one}"' for one in before if one) or "none"
        today = f'"{given.tiebreak}"' if given.tiebreak else "none"
        # Rows of a board that is no longer shown are written by no player's score.
        mend: Mend = "rekey" if given.shown else "drop"
        yield Break(board, _key(board, given, "tiebreak"), f"the tie-break {told}", today, mend)
    if written and (scored or bool(written.areas) != bool(given.areas)):
        where = f", where {_listed(sorted(scored))} has scores" if scored else ""
        yield Break(
            board,
            f"boards.{board}.areas" if given.areas else f"areas.{board}",
            _told(written),
            (_listed(given.areas) or "an area") + where,
            "rekey" if given.is_sum else "drop",
        )
    if _is_beyond(given, sample.points):
        bound = "max" if given.order == "desc" else "min"
        known = written is not None and written.bound not in (None, *WIDEST.values())
        limit = f"{bound} {written.bound}, " if written and known else ""
        told = f"{limit}one of them with {sample.points} points"
        yield Break(board, _key(board, given, bound), told, f"{given.bound}")


def _other_seasons(board: str, written: BoardRules, given: BoardRules, now: int) -> Break:
    before, after = written.seasons, given.seasons
    key = f"boards.{board}.season"
    if before and after and (written.season == given.season or not given.is_sum):
        moved = next(
            (one for one in before.readable(now) if before.starts_at(one) != after.starts_at(one)),
            before.number_at(now) + 1,
        )
        told = [f"season {moved}, which began at {one.tell_start(moved)}" for one in (before, after)]
        return Break(board, f"seasons.{given.season}", told[0], told[1])
    seasons = [f'the seasons "{one.season}"' if one.season else "no season" for one in (written, given)]
    return Break(board, key, seasons[0], seasons[1])


def _has_another_tiebreak(written: BoardRules | None, given: BoardRules, sample: Sample) -> bool:
    if written:
        return written.tiebreak != given.tiebreak
    if sample.order is None:
        return False
    return given.tiebreak not in sample.tiebreaks if given.tiebreak else bool(sample.tiebreaks)


def dropped_with(board: str, written: Mapping[str, BoardRules], given: Mapping[str, BoardRules]) -> list[str]:
    """Return the boards whose rows are dropped with a board's: first those over it, then the board."""
    over = {
        name
        for rules in (written, given)
        for name, one in rules.items()
        if board in one.areas and name != board
    }
    return [*sorted(over), board]


def _is_beyond(given: BoardRules, points: int | None) -> bool:
    """Return whether points are better than any that the rules allow."""
    if points is None or given.bound is None:
        return False
    return better(given.order, points, given.bound)


def _key(board: str, given: BoardRules, name: str) -> str:
    """Return the key of the catalogue: a board over one area has the rules of that area."""
    return f"areas.{given.areas[0] if len(given.areas) == 1 else board}.{name}"


def _told(rules: BoardRules) -> str:
    if not rules.areas:
        return "an area of this id"
    over = f"{'a sum' if rules.is_sum else 'a board'} over {_listed(rules.areas)}"
    return f"{over}, before the catalogue was without it" if rules.left else over


def _listed(areas: Collection[str]) -> str:
    return ", ".join(areas)
