"""Submitting a score: the player's best, one row per board, and the exact sum on `global`."""

from game.board import Entry
from game.catalogue import Catalogue
from store import scores, standings
from store.database import Database, to_item
from store.profiles import Profile
from store.schema import USER_PROFILES
from store.submission import Submission, submit

ADA = Profile(user_id="ada", name="Ada")
BOB = Profile(user_id="bob", name="Bob")


async def _board(db: Database, catalogue: Catalogue, board: str) -> list[tuple[str, int, int]]:
    """Return every row: user, points, achieved at."""
    entries: tuple[Entry, ...] = await scores.page(db, catalogue.boards[board], limit=100)
    return [(entry.user_id, entry.points, entry.achieved_at) for entry in entries]


async def test_first_score_is_a_best_on_its_board_and_on_global(db: Database, catalogue: Catalogue) -> None:
    assert (await submit(db, catalogue, ADA, "forest", 7, 1000)).model_copy(
        update={"boards": ()}
    ) == Submission(best=7, improved=True)
    assert await _board(db, catalogue, "forest") == [("ada", 7, 1000)]
    assert await _board(db, catalogue, "global") == [("ada", 7, 1000)]
    everywhere = {*catalogue.areas, *catalogue.boards}
    assert await standings.points(db, "ada", everywhere) == {"forest": 7, "global": 7}


async def test_better_score_replaces_the_row(db: Database, catalogue: Catalogue) -> None:
    await submit(db, catalogue, ADA, "forest", 7, 1000)
    assert (await submit(db, catalogue, ADA, "forest", 9, 2000)).model_copy(
        update={"boards": ()}
    ) == Submission(best=9, improved=True)
    assert await _board(db, catalogue, "forest") == [("ada", 9, 2000)]
    assert await _board(db, catalogue, "global") == [("ada", 9, 2000)]


async def test_worse_and_equal_scores_write_nothing(db: Database, catalogue: Catalogue) -> None:
    await submit(db, catalogue, ADA, "forest", 7, 1000)
    before = await standings.load(db, "ada", "forest")
    for points in (6, 7):
        answer = await submit(db, catalogue, ADA, "forest", points, 2000)
        assert answer.model_copy(update={"boards": ()}) == Submission(best=7, improved=False)
    assert await standings.load(db, "ada", "forest") == before
    assert await _board(db, catalogue, "forest") == [("ada", 7, 1000)]


async def test_lower_is_better_in_a_time_trial_which_is_not_in_the_sum(
    db: Database, catalogue: Catalogue
) -> None:
    await submit(db, catalogue, ADA, "sprint", 900, 1000)
    assert (await submit(db, catalogue, ADA, "sprint", 950, 2000)).improved is False
    assert (await submit(db, catalogue, ADA, "sprint", 800, 3000)).model_copy(
        update={"boards": ()}
    ) == Submission(best=800, improved=True)
    assert await _board(db, catalogue, "sprint") == [("ada", 800, 3000)]
    assert await _board(db, catalogue, "global") == []


async def test_global_is_the_sum_of_the_bests(db: Database, catalogue: Catalogue) -> None:
    await submit(db, catalogue, ADA, "forest", 7, 1000)
    await submit(db, catalogue, ADA, "pit", 20, 2000)
    await submit(db, catalogue, BOB, "pit", 25, 2500)
    await submit(db, catalogue, ADA, "forest", 8, 3000)
    await submit(db, catalogue, ADA, "forest", 1, 4000)
    assert await _board(db, catalogue, "global") == [("ada", 28, 3000), ("bob", 25, 2500)]


async def test_negative_first_score_lowers_the_sum(db: Database, catalogue: Catalogue) -> None:
    await submit(db, catalogue, ADA, "forest", 7, 1000)
    assert (await submit(db, catalogue, ADA, "pit", -10, 2000)).model_copy(
        update={"boards": ()}
    ) == Submission(best=-10, improved=True)
    assert await _board(db, catalogue, "pit") == [("ada", -10, 2000)]
    assert await _board(db, catalogue, "global") == [("ada", -3, 2000)]
    await submit(db, catalogue, ADA, "pit", -4, 3000)
    assert await _board(db, catalogue, "global") == [("ada", 3, 3000)]


async def test_first_score_of_zero_does_not_move_the_place_on_global(
    db: Database, catalogue: Catalogue
) -> None:
    await submit(db, catalogue, ADA, "forest", 7, 1000)
    await submit(db, catalogue, BOB, "forest", 7, 1500)
    assert (await submit(db, catalogue, ADA, "pit", 0, 2000)).improved is True
    assert await _board(db, catalogue, "pit") == [("ada", 0, 2000)]
    assert await _board(db, catalogue, "global") == [("ada", 7, 1000), ("bob", 7, 1500)]


async def test_stored_profile_is_shown_rather_than_the_tokens(db: Database, catalogue: Catalogue) -> None:
    stored = Profile(user_id="ada", name="Countess", avatar="avatars/ada.png")
    item = to_item(stored.model_dump(by_alias=True))
    await db.client.put_item(TableName=db.name(USER_PROFILES), Item=item)
    await submit(db, catalogue, ADA, "forest", 7, 1000)
    (entry,) = await scores.top(db, catalogue.boards["forest"])
    assert (entry.name, entry.avatar) == ("Countess", "avatars/ada.png")
