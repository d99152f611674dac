"""A catalogue with seasons, for the tests."""

from datetime import UTC, datetime

from game.catalogue import Catalogue, load_catalogue
from tests.support.catalogues import edited

SEASON_MS = 60_000
"""How long the seasons are."""
GRACE_MS = 5_000
SHIPPED = load_catalogue()


def with_seasons(
    begin: int, *, catalogue: Catalogue = SHIPPED, every: str = "60s", keep: int = 3
) -> Catalogue:
    """Return a catalogue in which season 1 begins at `begin`, in milliseconds since the epoch.

    `week` is over the forest, `cup` is the sum of forest and desert.
    """
    start = datetime.fromtimestamp(begin / 1000, UTC)
    return edited(
        catalogue,
        seasons={
            "short": {"start": start, "every": every, "grace": "5s", "review": "5s", "keep": keep},
        },
        boards={
            **dict.fromkeys({"forest-week"} & catalogue.further_boards.keys()),
            "week": {"title": "Week", "areas": ["forest"], "top": 3, "season": "short"},
            "cup": {"title": "Cup", "areas": ["forest", "desert"], "top": 3, "season": "short"},
        },
    )
