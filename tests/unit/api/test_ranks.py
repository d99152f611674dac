"""Ranks by the index: `GET /leaderboard/rank`, `from=`, and what `/leaderboard/me` and cursors have of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from game.scoring import behind
from store import ranks
from store.database import Database
from store.rank_index import RankIndex
from tests.simulation.rank_world import small_trees
from tests.unit.api.rest_scene import PLAYER, RestScene

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

BOARDS = ("forest", "sprint")


@pytest.fixture(autouse=True)
def trees() -> Iterator[None]:
    """Leaves of three rows."""
    with small_trees(leaf_rows=3, children=8, chunk_rows=5):
        yield


def fill(rest: RestScene, board: str, *, indexed: bool = True) -> None:
    """Ten players have 10, 20 and so on, of which two have 50; then the index is built."""
    for number in range(1, 11):
        rest.score(f"player-{number}", 10 * number, board)
    rest.score("twin", 50, board)
    if indexed:
        rest.run(lambda db: build(db, board))


async def build(db: Database, board: str) -> None:
    while not await RankIndex(db, board).build():
        pass


def rank_of(rest: RestScene, board: str, points: int) -> dict[str, Any]:
    answer: dict[str, Any] = rest.get("/leaderboard/rank", {"gameArea": board, "score": points}).json
    return answer


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("board", BOARDS)
def test_rank_of_points_is_behind_equal_ones(rest: RestScene, board: str, indexed: bool) -> None:
    fill(rest, board, indexed=indexed)
    for points in (5, 10, 45, 50, 55, 100, 101):
        own = [10 * number for number in range(1, 11)] + [50]
        not_worse = [one for one in own if (one >= points if board == "forest" else one <= points)]
        rank = 1 + len(not_worse)
        assert rank_of(rest, board, points) == {
            "gameArea": board,
            "rank": rank,
            "of": 11,
            "top": pytest.approx(min(1, rank / 11)),
        }


def test_rank_on_an_empty_board_is_the_first(rest: RestScene) -> None:
    assert rank_of(rest, "forest", 5) == {"gameArea": "forest", "rank": 1, "of": 0, "top": 1}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"score": 10**15}, "score"),
        ({"score": -(10**15)}, "score"),
        ({"score": 5, "tiebreak": 10**15}, "tiebreak"),
        ({"score": 5, "tiebreak": 1}, "tiebreak"),
        ({"score": "many"}, "score"),
        ({}, "score"),
    ],
    ids=str,
)
def test_rank_of_what_no_sort_key_can_have_is_refused_by_field(
    rest: RestScene, query: dict[str, Any], field: str
) -> None:
    problem = rest.get("/leaderboard/rank", {"gameArea": "forest", **query}).problem(422)
    assert [error["field"] for error in problem["errors"]] == [f"query.{field}"]


def test_rank_on_an_unknown_board_is_a_404(rest: RestScene) -> None:
    rest.get("/leaderboard/rank", {"gameArea": "nowhere", "score": 1}).problem(404)


@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize("board", BOARDS)
def test_page_begins_at_a_rank(rest: RestScene, board: str, indexed: bool) -> None:
    fill(rest, board, indexed=indexed)
    whole = rest.get("/leaderboard", {"gameArea": board, "limit": 100}).json["entries"]
    for begin in range(1, 12):
        page = rest.get("/leaderboard", {"gameArea": board, "from": begin, "limit": 4}).json
        assert page["entries"] == whole[begin - 1 : begin + 3]
        if page["nextCursor"]:
            query = {"gameArea": board, "limit": 2, "cursor": page["nextCursor"]}
            assert rest.get("/leaderboard", query).json["entries"] == whole[begin + 3 : begin + 5]
    beyond = rest.get("/leaderboard", {"gameArea": board, "from": 12}).json
    assert (beyond["entries"], beyond["nextCursor"]) == ([], None)


def test_page_at_a_rank_and_behind_a_cursor_is_refused(rest: RestScene) -> None:
    fill(rest, "forest")
    cursor = rest.get("/leaderboard", {"gameArea": "forest", "limit": 2}).json["nextCursor"]
    for bad in ({"from": 3, "cursor": cursor}, {"from": 0}, {"from": "third"}):
        rest.get("/leaderboard", {"gameArea": "forest", **bad}).problem(422)


def test_own_place_says_of_how_many(rest: RestScene) -> None:
    fill(rest, "forest")
    rest.score(PLAYER, 35)
    rest.run(lambda db: RankIndex(db, "forest").maintain([behind("desc", 35) + "9"]))
    standing = rest.get("/leaderboard/me", {"gameArea": "forest", "around": 1}, player=PLAYER).json
    assert (standing["rank"], standing["of"], standing["top"]) == (9, 12, 0.75)
    assert [one["rank"] for one in standing["entries"]] == [8, 9, 10]


def test_look_ups_read_one_node_per_level_and_count_once(rest: RestScene) -> None:
    fill(rest, "forest")
    rest.log.clear()
    rank_of(rest, "forest", 35)
    assert rest.log == ["GetItem Ranks", "BatchGetItem Ranks", "Query Scores"]


@pytest.mark.parametrize("path", ["/leaderboard", "/leaderboard/rank"])
def test_without_an_index_no_token_counts_many_rows(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(ranks, "COUNTED", 5)
    fill(rest, "forest", indexed=False)
    problem = rest.get(path, {"gameArea": "forest", "score": 1, "from": 9}).problem(503)
    assert "being counted" in problem["detail"]
    rest.run(lambda db: build(db, "forest"))
    assert rest.get(path, {"gameArea": "forest", "score": 1, "from": 9}).status == 200


def test_without_an_index_a_page_goes_on_from_the_one_before(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "COUNTED", 5)
    fill(rest, "forest", indexed=False)
    cursor = rest.get("/leaderboard", {"gameArea": "forest", "limit": 3}).json["nextCursor"]
    rest.score("newcomer", 1000)
    query = {"gameArea": "forest", "limit": 3, "cursor": cursor}
    assert rest.get("/leaderboard", query).json["entries"][0]["rank"] == 4
    rest.run(lambda db: build(db, "forest"))
    assert rest.get("/leaderboard", query).json["entries"][0]["rank"] == 5
