"""Areas to score in, and what it takes to get onto their boards.

A score is made from its QUALITY, which is the same on every area: 0 is the worst that an area's bounds allow,
1 the best, whichever of its ends that is.
"""

from game.catalogue import Area
from game.model import Model


class Arena(Model):
    """An area to score in. `floor` is the quality of the last entry on its board, if the board is full.

    boards: the boards that it feeds, with the areas that each of them is over.
    seasonal: those of them that have seasons. prized: those whose seasons have prizes.
    """

    id: str
    area: Area
    floor: float
    boards: dict[str, tuple[str, ...]]
    seasonal: frozenset[str] = frozenset()
    prized: frozenset[str] = frozenset()

    def points(self, quality: float) -> int:
        """Return the points of an attempt: from the floor, at quality 0, up to the best possible, at 1."""
        above = round((self.floor + (1 - self.floor) * quality) * (self.area.max - self.area.min))
        return self.area.min + above if self.area.order == "desc" else self.area.max - above


def quality_of(area: Area, points: int) -> float:
    """Return the quality of a score, from 0 to 1."""
    share = (points - area.min) / (area.max - area.min)
    return min(1.0, max(0.0, share if area.order == "desc" else 1 - share))
