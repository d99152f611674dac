"""`GET /leaderboard`, `/leaderboard/global` and `/leaderboard/me`"""

from typing import Any

import pytest

from api.cursor import Cursor, decode_cursor, encode_cursor
from game.catalogue import Board, load_catalogue
from game.scoring import encode
from realtime.protocol import encode_snapshot
from store import boards, scores, standings
from store.database import Database
from store.schema import SCORES
from tests.unit.api.rest_scene import PLAYER, RestScene
from tests.unit.realtime.fakes import NOW

FOREST = Board(id="forest", order="desc", top=50)


def test_empty_board_is_an_empty_page(rest: RestScene) -> None:
    answer = rest.get("/leaderboard", {"gameArea": "forest"})
    assert (answer.status, answer.json) == (
        200,
        {"gameArea": "forest", "version": 0, "entries": [], "nextCursor": None},
    )


def test_page_shows_entries_and_the_published_version(rest: RestScene) -> None:
    rest.score("ada", 7)
    rest.run(lambda db: boards.load_or_create(db, FOREST, NOW, encode_snapshot))
    page = rest.get("/leaderboard", {"gameArea": "forest"}).json
    assert page["version"] == 1
    assert page["entries"] == [
        {"rank": 1, "userId": "ada", "name": "Ada", "avatar": None, "score": 7, "achievedAt": NOW}
    ]


@pytest.mark.parametrize("area", ["forest", "sprint"])
def test_cursors_lead_through_the_whole_board(rest: RestScene, area: str) -> None:
    for number in range(1, 8):
        rest.score(f"player-{number}", number, area)
    seen: list[tuple[int, int]] = []
    query: dict[str, Any] = {"gameArea": area, "limit": 3}
    for _ in range(3):
        page = rest.get("/leaderboard", query).json
        seen += [(one["rank"], one["score"]) for one in page["entries"]]
        query["cursor"] = page["nextCursor"]
    assert query["cursor"] is None
    expected = range(1, 8) if area == "sprint" else range(7, 0, -1)
    assert seen == list(enumerate(expected, start=1))


@pytest.mark.parametrize("area", ["forest", "sprint"])
def test_cursor_is_the_stored_key_of_the_last_row_on_the_page(rest: RestScene, area: str) -> None:
    for number in range(1, 6):
        rest.score(f"player-{number}", number, area)
    board = load_catalogue().boards[area]
    stored = rest.run(lambda db: scores.rows(db, board, limit=5))
    query: dict[str, Any] = {"gameArea": area, "limit": 2}
    for last in (2, 4):
        query["cursor"] = rest.get("/leaderboard", query).json["nextCursor"]
        assert decode_cursor(board, query["cursor"]) == (last, stored[last - 1].sort_key)


def climb(rest: RestScene, area: str, *players: str) -> None:
    """These reach the top, the last of them first."""
    for number, player in enumerate(players):
        rest.score(player, 1_000 + number if area == "forest" else 100 - number, area)


def ranks(rest: RestScene, query: dict[str, Any]) -> dict[str, int]:
    return {one["userId"]: one["rank"] for one in rest.get("/leaderboard", query).json["entries"]}


@pytest.mark.parametrize("area", ["forest", "sprint"])
def test_ranks_of_the_next_page_are_right_though_others_climbed_past(rest: RestScene, area: str) -> None:
    for number in range(1, 9):
        rest.score(f"player-{number}", 500 + number, area)
    query: dict[str, Any] = {"gameArea": area, "limit": 3}
    cursor = rest.get("/leaderboard", query).json["nextCursor"]
    # One from behind the cursor, a new player, and one who is in front of it already.
    last, first = ("player-1", "player-8") if area == "forest" else ("player-8", "player-1")
    climb(rest, area, last, "newcomer", first)
    everybody = ranks(rest, {"gameArea": area})
    second = rest.get("/leaderboard", query | {"cursor": cursor}).json
    shown = {one["userId"]: one["rank"] for one in second["entries"]}
    assert len(shown) == 3
    assert shown == {player: everybody[player] for player in shown}
    assert min(shown.values()) == 6
    third = ranks(rest, query | {"cursor": second["nextCursor"]})
    assert third == {player: everybody[player] for player in third}


@pytest.mark.parametrize("area", ["forest", "sprint"])
def test_ranks_of_the_next_page_are_right_though_a_row_in_front_is_gone(rest: RestScene, area: str) -> None:
    for number in range(1, 6):
        rest.score(f"player-{number}", 500 + number, area)
    query: dict[str, Any] = {"gameArea": area, "limit": 2}
    cursor = rest.get("/leaderboard", query).json["nextCursor"]
    gone = "player-4" if area == "forest" else "player-2"

    async def remove(db: Database) -> None:
        held = await standings.load(db, gone, area)
        assert held is not None
        assert held.sort_key is not None
        await scores.delete_rows(db, [(area, held.sort_key)])

    rest.run(remove)
    everybody = ranks(rest, {"gameArea": area})
    shown = ranks(rest, query | {"cursor": cursor})
    assert shown == {player: everybody[player] for player in shown}
    assert min(shown.values()) == 2


def test_full_last_page_has_no_next(rest: RestScene) -> None:
    rest.score("ada", 7)
    rest.score("bo", 8)
    assert rest.get("/leaderboard", {"gameArea": "forest", "limit": 2}).json["nextCursor"] is None


def test_global_board_is_the_sum_of_bests(rest: RestScene) -> None:
    rest.score("ada", 7, "forest")
    rest.score("ada", 5, "desert")
    rest.score("ada", 5000, "sprint")
    page = rest.get("/leaderboard/global").json
    assert page["gameArea"] == "global"
    assert [(one["userId"], one["score"]) for one in page["entries"]] == [("ada", 12)]
    assert page == rest.get("/leaderboard", {"gameArea": "global"}).json


FORGED = encode_cursor(FOREST, Cursor(0, encode("desc", 7, NOW, "ada")))
OTHER_BOARDS = encode_cursor(
    Board(id="desert", order="desc", top=50), Cursor(1, encode("desc", 7, NOW, "ada"))
)


@pytest.mark.parametrize("path", ["/leaderboard", "/leaderboard/global"])
@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"limit": "0"}, "query.limit"),
        ({"limit": "-1"}, "query.limit"),
        ({"limit": "101"}, "query.limit"),
        ({"limit": "1000000000"}, "query.limit"),
        ({"limit": "9" * 5000}, "query.limit"),
        ({"limit": "ten"}, "query.limit"),
        ({"limit": "2.5"}, "query.limit"),
        ({"limit": "NaN"}, "query.limit"),
        ({"limit": ""}, "query.limit"),
        ({"cursor": "forged"}, "query.cursor"),
        ({"cursor": FORGED}, "query.cursor"),
        ({"cursor": FORGED[:-1]}, "query.cursor"),
        ({"cursor": OTHER_BOARDS}, "query.cursor"),
        ({"cursor": "x" * 513}, "query.cursor"),
        ({"cursor": "\U0001f3c6"}, "query.cursor"),
        ({"cursor": "\x00"}, "query.cursor"),
    ],
)
def test_bad_query_is_refused_by_name(rest: RestScene, path: str, query: dict[str, Any], named: str) -> None:
    area = {"gameArea": "forest"} if path == "/leaderboard" else {}
    problem = rest.get(path, area | query).problem(422)
    assert [error["field"] for error in problem["errors"]] == [named]
    assert named in problem["detail"]
    assert rest.log == [], "a bad query costs no request"


def test_area_must_be_named(rest: RestScene) -> None:
    problem = rest.get("/leaderboard").problem(422)
    assert [error["field"] for error in problem["errors"]] == ["query.gameArea"]


@pytest.mark.parametrize("area", ["swamp", "", "x" * 10_000, "forest\x00", "Forest"])
@pytest.mark.parametrize("path", ["/leaderboard", "/leaderboard/me"])
def test_unknown_area_is_not_found(rest: RestScene, path: str, area: str) -> None:
    detail = rest.get(path, {"gameArea": area}, player=PLAYER).problem(404)["detail"]
    assert detail.startswith("gameArea: ")
    assert "forest" in detail
    assert len(detail) < 300


@pytest.mark.parametrize("query", [{"limit": ["2", "3"]}, {"gameArea": ["forest", "desert"]}])
def test_repeated_parameter_is_no_server_error(rest: RestScene, query: dict[str, Any]) -> None:
    answer = rest.get("/leaderboard", {"gameArea": "forest"} | query)
    assert answer.status in {200, 422}


def test_own_rank_comes_with_its_neighbours(rest: RestScene) -> None:
    for number in range(1, 10):
        rest.score(f"player-{number}", number)
    rest.score(PLAYER, 5, at=NOW + 1)
    standing = rest.get("/leaderboard/me", {"gameArea": "forest", "around": 2}, player=PLAYER).json
    assert (standing["gameArea"], standing["rank"], standing["score"]) == ("forest", 6, 5)
    assert [(one["rank"], one["score"]) for one in standing["entries"]] == [
        (4, 6),
        (5, 5),
        (6, 5),
        (7, 4),
        (8, 3),
    ]


def test_own_rank_alone_with_no_neighbours_asked_for(rest: RestScene) -> None:
    rest.score("ada", 9)
    rest.score(PLAYER, 5)
    standing = rest.get("/leaderboard/me", {"gameArea": "forest", "around": 0}, player=PLAYER).json
    assert [(one["rank"], one["userId"]) for one in standing["entries"]] == [(2, PLAYER)]


def test_own_rank_on_a_time_trial_counts_the_faster(rest: RestScene) -> None:
    rest.score("ada", 100, "sprint")
    rest.score(PLAYER, 200, "sprint")
    rest.score("bo", 300, "sprint")
    standing = rest.get("/leaderboard/me", {"gameArea": "sprint"}, player=PLAYER).json
    assert standing["rank"] == 2
    assert [one["userId"] for one in standing["entries"]] == ["ada", PLAYER, "bo"]


def test_rank_without_a_score_is_not_found(rest: RestScene) -> None:
    rest.score("ada", 9)
    problem = rest.get("/leaderboard/me", {"gameArea": "forest"}, player=PLAYER).problem(404)
    assert "forest" in problem["detail"]


@pytest.mark.parametrize("around", ["-1", "51", "many", ""])
def test_bad_around_is_refused_by_name(rest: RestScene, around: str) -> None:
    problem = rest.get("/leaderboard/me", {"gameArea": "forest", "around": around}, player=PLAYER).problem(
        422
    )
    assert [error["field"] for error in problem["errors"]] == ["query.around"]


def test_own_rank_needs_a_player(rest: RestScene) -> None:
    rest.get("/leaderboard/me", {"gameArea": "forest"}).problem(401)


@pytest.mark.parametrize("board", ["forest", "global"])
def test_row_that_an_operator_took_away_is_no_score(rest: RestScene, board: str) -> None:
    rest.score(PLAYER, 40)
    rest.score("bob", 30)

    async def take_away(db: Database) -> None:
        for item in (await db.client.scan(TableName=SCORES.name))["Items"]:
            if (item["gameArea"]["S"], item["userId"]["S"]) == (board, PLAYER):
                key = {name: item[name] for name in SCORES.keys}
                await db.client.delete_item(TableName=SCORES.name, Key=key)

    rest.run(take_away)
    answer = rest.get("/leaderboard/me", {"gameArea": board}, player=PLAYER)
    assert board in answer.problem(404)["detail"]
    rest.score(PLAYER, 39 if board == "forest" else 41)
    standing = rest.get("/leaderboard/me", {"gameArea": board}, player=PLAYER).json
    assert (standing["rank"], standing["score"]) == (1, 39 if board == "forest" else 41)
