"""What was accepted in each season beside what the boards of past seasons show."""

from typing import Any

import aiohttp
import pytest

from game.catalogue import Board
from game.prizes import Prize, Tier
from game.seasons import Seasons
from loadtest.ledger import Ledger
from loadtest.messages import Answered, Attempted, Rewarded
from loadtest.rest import Counted, Rest, Won
from loadtest.target import Ground
from tests.unit.loadtest.stand_in import CATALOGUE, StandIn, entry

WEEKLY = Seasons.model_validate({"start": "2026-01-05T00:00:00Z", "every": "7d"})
FOREST = CATALOGUE.boards["forest"]
WEEK = Board(
    id="week",
    order="desc",
    top=50,
    areas=("forest",),
    season_id="weekly",
    seasons=WEEKLY,
    prizes=(Tier.model_validate({"ranks": [1, 1], "money": 500}),),
)
GROUND = Ground(
    {"forest": "desc", "week": "desc"},
    {"forest": CATALOGUE.areas["forest"]},
    {"forest": {"forest": ("forest",), "week": ("forest",)}},
    {"forest": FOREST, "week": WEEK},
)


class Book:
    """A ledger of two seasons: ada has 70 in the first and 90 in the second, ben has 50 in the first."""

    def __init__(self, stand_in: StandIn, http: aiohttp.ClientSession) -> None:
        self.ledger = Ledger(GROUND)
        self._rest = Rest(http, stand_in.url)
        self._number = 0
        for season, user, points in ((1, "ada", 60), (1, "ada", 70), (1, "ben", 50), (2, "ada", 90)):
            self.score(user, points, season)
        stand_in.seasons["week"] = 3
        self.boards = stand_in.boards
        self.show(1, ada=70, ben=50)
        self.show(2, ada=90)

    def score(self, user: str, points: int, *seasons: int, **more: Any) -> None:
        self._number += 1
        self.ledger.hear(Attempted(number=self._number, user_id=user, scheduled=0, points={}))
        boards = [Counted(board="forest", points=points, improved=True)]
        boards += [Counted(board="week", season=season, points=points, improved=True) for season in seasons]
        values = {"outcome": "improved", "sure": True, "boards": boards} | more
        times = {"scheduled": 0, "sent": 0, "answered": 0}
        self.ledger.hear(
            Answered.model_validate(
                {"number": self._number, "user_id": user, "area": "forest", "points": points} | times | values
            )
        )

    def show(self, season: int, **points: int) -> None:
        """The season's board over REST, the best first."""
        self.boards[f"week#{season}"] = [
            entry(rank, value) | {"userId": user}
            for rank, (user, value) in enumerate(points.items(), start=1)
        ]

    async def told(self) -> list[str]:
        return [*self.ledger.broken, *await self.ledger.compare(self._rest)]


@pytest.fixture
async def book(stand_in: StandIn, http: aiohttp.ClientSession) -> Book:
    return Book(stand_in, http)


async def test_seasons_that_show_what_was_accepted_hold(book: Book) -> None:
    book.show(1, eve=99, ada=70, ben=50)  # eve is not ours
    assert await book.told() == []
    found = [(one.season, one.scores, one.players) for one in book.ledger.seasons()]
    assert found == [(1, 3, 2), (2, 1, 1)]


@pytest.mark.parametrize(
    ("season", "shown", "told"),
    [
        (2, {"ada": 90, "ben": 50}, "week, season 2: ben has a row with 50, and no score counted for it"),
        (3, {"ada": 90}, "week, season 3: ada has a row with 90, and no score counted for it"),
        (
            1,
            {"ada": 70},
            "week, season 1: ben has no row, and scores, the best of them 50 counted for it",
        ),
        (
            1,
            {"ada": 90, "ben": 50},
            "week, season 1: ada has a row with 90, and scores, the best of them 70 counted for it",
        ),
    ],
    ids=["two seasons", "a later season", "no season", "another season's score"],
)
async def test_score_that_counted_elsewhere_is_told(
    season: int, shown: dict[str, int], told: str, book: Book
) -> None:
    book.show(season, **shown)
    assert await book.told() == [told]


async def test_player_with_two_rows_is_told(book: Book) -> None:
    book.boards["week#2"] *= 2
    assert await book.told() == ["week, season 2: ada has 2 rows"]


@pytest.mark.parametrize(("seasons", "many"), [((), "no season"), ((1, 2), "2 seasons")])
async def test_answer_that_does_not_name_one_season_is_told(
    seasons: tuple[int, ...], many: str, book: Book
) -> None:
    book.score("ada", 1, *seasons)
    assert await book.told() == [f"week: a score in forest counted for {many}"]


async def test_player_with_an_unknown_outcome_is_not_judged(book: Book) -> None:
    book.score("ben", 80, outcome="failed", sure=False, boards=())
    book.show(1, ben=80, ada=70)
    assert await book.told() == []
    assert book.ledger.unjudged == 1
    book.score("ada", 80, outcome="failed", sure=True, boards=())
    book.show(1, ben=80)
    assert len(await book.told()) == 1


async def test_seasons_that_cannot_be_read_prove_nothing(book: Book, stand_in: StandIn) -> None:
    stand_in.failures["GET /seasons"].append((500, {}))
    assert await book.told() == ["week: its past seasons cannot be read: GET /seasons: 500"]


@pytest.mark.parametrize(
    ("user", "won", "told"),
    [
        ("ada", Won(rank=1, of=2, prize=Prize(money=500)), None),
        ("ben", None, None),
        ("ada", None, 'ada got nothing, and rank 1 of 2 wins {"money":500,"items":{}}'),
        (
            "ben",
            Won(rank=1, of=2, prize=Prize(money=500)),
            'ben got {"money":500,"items":{}} for rank 1 of 2, and rank 2 of 2 wins nothing',
        ),
        (
            "ada",
            Won(rank=1, of=2, prize=Prize(money=5)),
            'ada got {"money":5,"items":{}} for rank 1 of 2, and rank 1 of 2 wins {"money":500,"items":{}}',
        ),
    ],
)
async def test_prize_that_is_not_the_final_rank_s_is_told(
    user: str, won: Won | None, told: str | None, book: Book
) -> None:
    book.ledger.hear(Rewarded(user_id=user, board="week", season=1, won=won))
    assert await book.told() == ([] if told is None else [f"week, season 1: {told}"])
