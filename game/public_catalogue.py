"""The catalogue as clients may see it: `GET /catalogue`, and the boards of `client-config.json`.

What a game shows and offers is public. What only bounds a cheat is not: how far one save may go, and how much
money a game may add.
"""

import hashlib
from typing import Literal, NamedTuple

from game.area_rules import Allowance, AreaRules
from game.catalogue import Catalogue, Keep, Tiebreak
from game.economy import Requirements, ShopItem, Task, Unlock
from game.model import Model
from game.prizes import Tier
from game.scoring import Order


class PublicTiebreak(Model):
    """The second number of a run, which ranks equal points."""

    name: str
    order: Order


class PublicBoard(Model):
    """A board. Of several `areas`, its points are the sums of what a player has in each.

    season: the id of the seasons that it counts for.
    """

    id: str
    title: str
    order: Order
    areas: tuple[str, ...]
    tiebreak: PublicTiebreak | None = None
    season: str | None = None


class SizedBoard(PublicBoard):
    """A board, with the most entries that it shows live, and what the ranks of a season win.

    Of the prizes, the first that a rank fits is the player's.
    """

    size: int
    prizes: tuple[Tier, ...] | None = None


class PublicSeasons(Model):
    """Seasons by their id; all times are in milliseconds. `GET /seasons` has each with its beginning and end.

    starts_at: when the first begins. grace, review: prizes of a season can be claimed when both have passed
    since its end. keep: past seasons that can be read.
    """

    id: str
    starts_at: int
    grace: int
    review: int
    keep: int


class PublicAllowance(Model):
    """A number of something for each season, or in each stretch of `every` milliseconds."""

    count: int
    every: int | Literal["season"]


class PublicRules(Model):
    """The rules of an area that a client has to know. What only bounds a cheat is not among them.

    write: "server" where only a trusted server submits scores. run: "required" where each score needs a run,
    "optional" where one is welcome. max_time: milliseconds after which a run has expired. attempts: runs that
    a player may submit. submits: scores that a player may submit.
    """

    write: Literal["player", "server"]
    run: Literal["off", "optional", "required"]
    max_time: int
    attempts: PublicAllowance | None = None
    submits: PublicAllowance | None = None


class PublicArea(Model):
    """An area: where a player scores, and what is accepted there.

    tiebreak: the number that every score there needs. metadata: bytes of JSON that may come with a score.
    rules: absent where there are none.
    """

    id: str
    title: str
    order: Order
    min: int
    max: int
    keep: Keep
    tiebreak: Tiebreak | None = None
    metadata: int | None = None
    rules: PublicRules | None = None


class PublicLevels(Model):
    """The xp with which level 1, level 2, … begins."""

    xp: tuple[int, ...]


class PublicTask(Task):
    """A task by its id."""

    id: str
    requires: Requirements | None = None


class PublicUnlock(Unlock):
    """An unlock by its id."""

    id: str


class PublicItem(ShopItem):
    """Something to buy, by its id."""

    id: str


class PublicCatalogue(Model):
    """Areas, boards, seasons, levels; what there is to do, open and buy. `version` names this state of it."""

    version: str
    areas: tuple[PublicArea, ...]
    boards: tuple[SizedBoard, ...]
    seasons: tuple[PublicSeasons, ...]
    levels: PublicLevels
    tasks: tuple[PublicTask, ...]
    unlocks: tuple[PublicUnlock, ...]
    shop: tuple[PublicItem, ...]


class Published(NamedTuple):
    """The catalogue as JSON text, and its version."""

    text: str
    version: str


def publish(catalogue: Catalogue) -> Published:
    """Return the catalogue as clients may see it. The version is a hash of it: what is equal has the same."""
    public = PublicCatalogue(
        version="",
        areas=tuple(
            PublicArea(
                id=name,
                title=area.title,
                order=area.order,
                min=area.min,
                max=area.max,
                keep=area.keep,
                tiebreak=area.tiebreak,
                metadata=area.metadata or None,
                rules=_rules(area.rules),
            )
            for name, area in catalogue.areas.items()
        ),
        boards=tuple(
            SizedBoard(**dict(shown), size=board.top, prizes=board.prizes or None)
            for shown, board in zip(public_boards(catalogue), catalogue.boards.values(), strict=True)
        ),
        seasons=tuple(
            PublicSeasons(
                id=name,
                starts_at=seasons.starts_at(1),
                grace=seasons.grace,
                review=seasons.review,
                keep=seasons.keep,
            )
            for name, seasons in catalogue.seasons.items()
        ),
        levels=PublicLevels(xp=catalogue.levels.xp),
        tasks=tuple(PublicTask(id=name, **dict(task)) for name, task in catalogue.tasks.items()),
        unlocks=tuple(PublicUnlock(id=name, **dict(unlock)) for name, unlock in catalogue.unlocks.items()),
        shop=tuple(PublicItem(id=name, **dict(item)) for name, item in catalogue.shop.items()),
    )
    version = hashlib.sha256(_json(public).encode()).hexdigest()[:16]
    return Published(_json(public.model_copy(update={"version": version})), version)


def public_boards(catalogue: Catalogue) -> list[PublicBoard]:
    """Return the boards as clients see them."""
    return [
        PublicBoard(
            id=board.id,
            title=board.title,
            order=board.order,
            areas=board.areas,
            tiebreak=(
                PublicTiebreak(name=board.tiebreak.name, order=board.tiebreak.order)
                if board.tiebreak
                else None
            ),
            season=board.season_id,
        )
        for board in catalogue.boards.values()
    ]


def _rules(rules: AreaRules) -> PublicRules | None:
    if rules == AreaRules():
        return None
    return PublicRules(
        write=rules.write,
        run=rules.run,
        max_time=rules.max_time,
        attempts=_allowance(rules.attempts),
        submits=_allowance(rules.submits),
    )


def _allowance(allowance: Allowance | None) -> PublicAllowance | None:
    return allowance and PublicAllowance(count=allowance.most, every=allowance.every or "season")


def _json(public: PublicCatalogue) -> str:
    return public.model_dump_json(by_alias=True, exclude_none=True)
