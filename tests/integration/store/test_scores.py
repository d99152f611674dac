"""Reading `Scores`: top, pages and neighbourhoods, on boards of both orders."""

from collections.abc import Sequence

import pytest

from game.board import Entry
from game.catalogue import Board, Catalogue
from game.scoring import encode
from game.standing import Held
from store import ranks, scores
from store.database import Database, to_item
from store.profiles import Profile
from store.schema import SCORES
from store.standings import new_standing

# Two ties: one that time decides, and one that only the user id does.
ROWS = {"ada": (50, 1), "bob": (50, 2), "cleo": (70, 9), "dan": (30, 5), "eve": (30, 5), "fay": (10, 1)}
LEADERS = {
    "forest": ["cleo", "ada", "bob", "eve", "dan", "fay"],
    "sprint": ["fay", "dan", "eve", "ada", "bob", "cleo"],
}


@pytest.fixture(params=["forest", "sprint"])
async def board(request: pytest.FixtureRequest, db: Database, catalogue: Catalogue) -> Board:
    """Return a board with the rows above, beside another one with a row that must not show."""
    board = catalogue.boards[request.param]
    for user_id, (points, achieved_at) in ROWS.items():
        await _put(db, board, user_id, Held(points, achieved_at))
    await _put(db, catalogue.boards["global"], "zoe", Held(50, 1))
    return board


async def _put(db: Database, board: Board, user_id: str, held: Held) -> None:
    standing = new_standing(user_id, board.id, held, scores.sort_key(board, held, user_id))
    profile = Profile(user_id=user_id, name=user_id.title())
    row = scores.put(db, standing, profile, unless_there=True)
    await db.client.transact_write_items(TransactItems=[row])


def _seen(entries: Sequence[Entry]) -> list[tuple[int, str]]:
    return [(entry.rank, entry.user_id) for entry in entries]


def _expected(board: Board, first: int, last: int) -> list[tuple[int, str]]:
    return list(enumerate(LEADERS[board.id], start=1))[first - 1 : last]


async def test_top_is_the_best_k_in_the_boards_order(db: Database, board: Board) -> None:
    entries = await scores.top(db, board)
    assert _seen(entries) == _expected(board, 1, 3)
    for entry in entries:
        assert (entry.points, entry.achieved_at) == ROWS[entry.user_id]
        assert (entry.name, entry.avatar) == (entry.user_id.title(), None)


async def test_top_of_an_empty_board_is_empty(db: Database, catalogue: Catalogue) -> None:
    assert await scores.top(db, catalogue.boards["forest"]) == ()


@pytest.mark.parametrize("limit", [1, 2, 4, 6, 10])
async def test_pages_cover_the_board_once(db: Database, board: Board, limit: int) -> None:
    seen: list[Entry] = []
    after = None
    while page := await scores.page(db, board, limit=limit, after=after, rank=len(seen) + 1):
        assert len(page) <= limit
        seen += page
        after = encode(board.order, page[-1].points, page[-1].achieved_at, page[-1].user_id)
    assert _seen(seen) == _expected(board, 1, 6)


@pytest.mark.parametrize(
    ("neighbours", "rank", "first", "last"),
    [(0, 3, 3, 3), (1, 1, 1, 2), (1, 3, 2, 4), (2, 6, 4, 6), (10, 4, 1, 6)],
)
async def test_around_has_the_neighbours_with_their_ranks(
    db: Database, board: Board, neighbours: int, rank: int, first: int, last: int
) -> None:
    user_id = LEADERS[board.id][rank - 1]
    points, achieved_at = ROWS[user_id]
    own = scores.sort_key(board, Held(points, achieved_at), user_id)
    entries, of = await ranks.around(db, board, own, neighbours=neighbours)
    assert of == 6
    assert _seen(entries) == _expected(board, first, last)


async def test_around_a_row_that_is_gone_lacks_the_player(db: Database, board: Board) -> None:
    gone = scores.sort_key(board, Held(40, 1), "gone")
    entries = (await ranks.around(db, board, gone, neighbours=1)).entries
    assert "gone" not in [entry.user_id for entry in entries]


BAD: dict[str, dict[str, object]] = {
    "no name": {"points": 60, "userId": "bad", "achievedAt": 3},
    "points as a text": {"points": "60", "userId": "bad", "name": "Bad", "achievedAt": 3},
    "a name that is a number": {"points": 60, "userId": "bad", "name": 7, "achievedAt": 3},
    "nothing at all": {},
}


@pytest.mark.parametrize("attributes", BAD.values(), ids=BAD.keys())
async def test_bad_row_is_on_no_page_and_in_no_rank(
    db: Database, board: Board, attributes: dict[str, object]
) -> None:
    # Behind the first of a board and in front of its last, of either order.
    key = encode(board.order, 60, 3, "bad")
    item = to_item({"gameArea": board.id, "score": key, **attributes})
    await db.client.put_item(TableName=db.name(SCORES), Item=item)
    assert _seen(await scores.top(db, board)) == _expected(board, 1, 3)
    assert _seen(await scores.page(db, board, limit=6)) == _expected(board, 1, 6)
    for rank, user_id in enumerate(LEADERS[board.id], start=1):
        own = scores.sort_key(board, Held(*ROWS[user_id]), user_id)
        entries, _ = await ranks.around(db, board, own, neighbours=2)
        assert _seen(entries) == _expected(board, max(1, rank - 2), min(6, rank + 2))


async def test_page_full_of_bad_rows_does_not_end_a_board(db: Database, board: Board) -> None:
    for number in range(40):
        key = encode(board.order, 60, number, "bad")
        item = to_item({"gameArea": board.id, "score": key, "points": 60})
        await db.client.put_item(TableName=db.name(SCORES), Item=item)
    assert _seen(await scores.page(db, board, limit=6)) == _expected(board, 1, 6)
    first = (await scores.page(db, board, limit=1))[0]
    after = encode(board.order, first.points, first.achieved_at, first.user_id)
    assert _seen(await scores.page(db, board, limit=1, after=after, rank=2)) == _expected(board, 2, 2)
