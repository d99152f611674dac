"""The judgement at the end, of screens and servers that agree or do not."""

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest

from game.board import Entry
from loadtest import verdict
from loadtest.fleet import Fleet
from loadtest.messages import AnyOrder, Holding, Looked
from loadtest.rest import Rest
from loadtest.verdict import Outcome, compare_until_equal, difference
from tests.unit.loadtest.stand_in import StandIn, entry

VERSION = 7
"""The stand-in's, of every board."""


def entries(*scores: int) -> list[dict[str, Any]]:
    return [entry(rank, points) for rank, points in enumerate(scores, start=1)]


def board(*scores: int) -> tuple[Entry, ...]:
    return tuple(Entry.model_validate(one) for one in entries(*scores))


class Screens(Fleet):
    """Two workers whose screens show what they are told to; the last of several looks stays."""

    def __init__(self, *looks: list[Looked]) -> None:
        super().__init__([])
        self._looks = list(looks)

    async def ask(self, orders: Sequence[AnyOrder], answer: type[Any]) -> list[Any]:
        assert answer is Looked
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]


def looked(*held: tuple[Entry, ...], version: int = VERSION, **counts: int) -> Looked:
    """Return what one worker's screens show of the forest: each of these boards on three of them."""
    holdings = [
        Holding(
            board="forest",
            version=version,
            size=3,
            entries=shown,
            clients=3,
            example=f"player-{number}",
        )
        for number, shown in enumerate(held)
    ]
    values = {"live": 3 * len(held), "offline": 0, "blank": 0, "waiting": 0} | counts
    return Looked.model_validate(values | {"holdings": holdings})


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdict, "_PAUSE_SECONDS", 0)


async def judge(
    stand_in: StandIn, http: aiohttp.ClientSession, screens: Screens, seconds: float = 0.0
) -> Outcome:
    return await compare_until_equal(screens, Rest(http, stand_in.url), seconds)


async def test_equal_boards_hold(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    # The server's board is longer than what is shown of it.
    stand_in.boards["forest"] = entries(9, 8, 7, 6)
    outcome = await judge(stand_in, http, Screens([looked(board(9, 8, 7)), looked(board(9, 8, 7))]))
    assert outcome.quiet_after is not None
    assert outcome.last == ([], 6, 1)


async def test_boards_that_become_equal_in_time_hold(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    stand_in.boards["forest"] = entries(9, 8)
    late = [looked(board(9)), looked(board(9, 8))]
    screens = Screens(late, late, [looked(board(9, 8)), looked(board(9, 8))])
    outcome = await judge(stand_in, http, screens, seconds=3600)
    assert outcome.quiet_after is not None
    assert not outcome.last.problems


async def test_another_board_is_told_with_where_it_differs(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    stand_in.boards["forest"] = entries(9, 8)
    screens = Screens([looked(board(9, 8)), looked(board(9, 8), board(9, 5))])
    outcome = await judge(stand_in, http, screens)
    assert outcome.quiet_after is None
    [problem] = outcome.last.problems
    assert problem == (
        "forest: 3 clients (player-1 is one) show another board in version 7 than the server in 7: at rank 2"
        " User 2 with 5 (user-2, at 2, rank 2) instead of User 2 with 8 (user-2, at 2, rank 2)"
    )


async def test_an_old_version_is_told_even_where_the_board_is_the_same(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    stand_in.boards["forest"] = entries(9)
    outcome = await judge(stand_in, http, Screens([looked(board(9), version=6)]))
    assert outcome.quiet_after is None
    assert outcome.last.problems == [
        "forest: 3 clients (player-0 is one) hold version 6, and the server has 7"
    ]


async def test_screen_that_shows_a_season_that_is_over_is_told(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    stand_in.seasons["forest"] = 4
    shown = looked(board())
    late = [holding.model_copy(update={"season": 3}) for holding in shown.holdings]
    outcome = await judge(stand_in, http, Screens([shown.model_copy(update={"holdings": late})]))
    assert outcome.last.problems == [
        "forest: 3 clients (player-0 is one) show season 3, and season 4 is open"
    ]


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"offline": 2}, "2 clients have no connection, so nothing can be said of their boards"),
        ({"blank": 1}, "1 screens show nothing"),
        ({"waiting": 4}, "4 clients still wait for the answer to a subscription"),
    ],
)
async def test_client_that_cannot_be_judged_is_a_problem_of_the_verdict(
    counts: dict[str, int], told: str, stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    stand_in.boards["forest"] = entries(9)
    outcome = await judge(stand_in, http, Screens([looked(board(9), **counts), looked(board(9))]))
    assert outcome.quiet_after is None
    assert outcome.last.problems == [told]


async def test_verdict_without_clients_is_not_held(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    outcome = await judge(stand_in, http, Screens([looked(), looked()]))
    assert outcome.last.problems == ["no screen shows any board"]


async def test_server_whose_board_cannot_be_read_proves_nothing(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    stand_in.failures["GET /leaderboard"].append((500, {}))
    outcome = await judge(stand_in, http, Screens([looked(board(9))]))
    assert outcome.last.problems == ["forest: the server's board cannot be read: GET /leaderboard: 500"]


def test_difference_is_the_first() -> None:
    assert difference(board(9), board(9, 8)).startswith("at rank 2 no player instead of User 2 with 8")
    assert difference(board(9, 8), board(9)).endswith("instead of no player")
