"""Scores on boards with seasons, and what is read of them."""

import pytest

from game.board import Position
from game.seasons import MARGIN_MS
from realtime.protocol import encode_snapshot
from store import appearance, board_rules, boards, claims, scores
from store.board_rules import settle
from store.claims import Claim
from store.profiles import Profile
from store.rekeying import rekey
from store.schema import CLAIMS, LEADERBOARDS, SCORES, STANDINGS
from store.submission import Outcome, SeasonOverError, Submission, submit
from tests.support.catalogues import edited
from tests.support.seasons import GRACE_MS, SEASON_MS, with_seasons
from tests.unit.realtime.fakes import NOW
from tests.unit.store.appearance_scene import TOKEN, erase
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.interrupted import InterruptedDatabase
from tests.unit.store.merge_scene import GUEST, HEIR, Outside, merge_into, shown_as

CATALOGUE = with_seasons(NOW)
BOUNDARY = NOW + SEASON_MS
"""Season 2 begins."""
OTHER = Profile(user_id="other", name="Other")


async def play(
    tables: InterruptedDatabase,
    area: str,
    points: int,
    at: int,
    *,
    started_at: int | None = None,
    player: Profile = TOKEN,
) -> Submission:
    return await submit(tables.db, CATALOGUE, player, area, points, at, started_at=started_at)


async def points_by_key(tables: InterruptedDatabase, player: str = ADA) -> dict[str, int]:
    rows = (await tables.rows())[SCORES.name]
    return {row["gameArea"]: int(row["points"]) for row in rows if row["userId"] == player}


async def test_score_feeds_boards_with_and_without_seasons_at_once(tables: InterruptedDatabase) -> None:
    done = await play(tables, "forest", 7, NOW)
    assert done.boards == (
        Outcome(game_area="forest", points=7, improved=True),
        Outcome(game_area="global", points=7, improved=True),
        Outcome(game_area="week", season=1, points=7, improved=True),
        Outcome(game_area="cup", season=1, points=7, improved=True),
    )
    found = await points_by_key(tables)
    assert (found["forest"], found["global"], found["week#1"], found["cup#1"]) == (7, 7, 7, 7)


async def test_season_begins_empty_and_the_best_of_all_time_stays(tables: InterruptedDatabase) -> None:
    await play(tables, "forest", 9, BOUNDARY - 1)
    await play(tables, "desert", 1, BOUNDARY - 1)
    done = await play(tables, "forest", 5, BOUNDARY)
    assert (done.best, done.improved) == (9, False)
    assert [(one.season, one.points, one.improved) for one in done.boards[-2:]] == [
        (2, 5, True),
        (2, 5, True),
    ]
    assert await points_by_key(tables) == {
        "forest": 9,
        "desert": 1,
        "global": 10,
        "week#1": 9,
        "cup#1": 10,
        "week#2": 5,
        "cup#2": 5,
    }


async def test_sum_of_a_season_adds_up_what_was_scored_in_it(tables: InterruptedDatabase) -> None:
    for area, points in (("forest", 5), ("desert", 3), ("forest", 4), ("forest", 6), ("desert", 9)):
        await play(tables, area, points, BOUNDARY)
    assert (await points_by_key(tables))["cup#2"] == 6 + 9


async def test_run_begun_in_time_counts_for_its_season_within_grace_only(tables: InterruptedDatabase) -> None:
    begun = BOUNDARY - 1
    late = await play(tables, "forest", 8, BOUNDARY + GRACE_MS - 1, started_at=begun)
    assert [one.season for one in late.boards[-2:]] == [1, 1]
    with pytest.raises(SeasonOverError) as caught:
        await play(tables, "forest", 9, BOUNDARY + GRACE_MS, started_at=begun)
    assert caught.value.current == 2
    assert (await points_by_key(tables))["forest"] == 8, "nothing of it was written"
    await play(tables, "forest", 3, BOUNDARY + GRACE_MS, started_at=BOUNDARY)
    found = await points_by_key(tables)
    assert (found["week#1"], found["week#2"]) == (8, 3)


async def test_rows_of_a_season_say_when_they_expire(tables: InterruptedDatabase) -> None:
    await play(tables, "forest", 8, NOW)
    expires_at = (CATALOGUE.seasons["short"].expires_at(1) + MARGIN_MS) // 1000
    rows = await tables.rows()
    for table, name in ((SCORES, "gameArea"), (STANDINGS, "board")):
        found = {row[name]: row.get("expiresAt") for row in rows[table.name]}
        assert (found["forest"], found["global"]) == (None, None)
        assert (found["week#1"], found["cup#1"]) == (expires_at, expires_at)
    assert {row["board"]: row.get("expiresAt") for row in rows[STANDINGS.name]}[
        "forest@short#1"
    ] == expires_at


async def test_rename_reaches_the_open_season_and_deletion_all(tables: InterruptedDatabase) -> None:
    await play(tables, "forest", 8, NOW)
    await play(tables, "forest", 5, BOUNDARY)
    await appearance.change(
        tables.db, TOKEN, lambda profile: profile.model_copy(update={"name": "Renamed"}), BOUNDARY
    )
    rows = (await tables.rows())[SCORES.name]
    names = {row["gameArea"]: row["name"] for row in rows}
    assert (names["week#1"], names["week#2"], names["forest"]) == (TOKEN.name, "Renamed", "Renamed")
    await erase(tables.direct)
    assert not (await tables.rows())[SCORES.name]
    assert not (await tables.rows())[STANDINGS.name]


async def test_board_turns_when_a_client_looks_at_it(tables: InterruptedDatabase) -> None:
    week = CATALOGUE.boards["week"]
    seasons = CATALOGUE.seasons["short"]
    first = await boards.load_or_create(tables.db, week, NOW + 5, encode_snapshot)
    assert (first.position, first.season, first.entries, first.outbox) == (Position(NOW, 0), 1, (), {})
    assert await boards.load_or_create(tables.db, week, BOUNDARY - 1, encode_snapshot) == first
    await play(tables, "forest", 8, BOUNDARY - 1)
    turned = await boards.load_or_create(tables.db, week, BOUNDARY, encode_snapshot)
    assert (turned.position, turned.season, turned.entries) == (Position(BOUNDARY, 0), 2, ())
    assert turned.ends_at == seasons.ends_at(2)
    assert '"season":2' in turned.outbox[0]
    # The clock of another function is behind: the board does not turn back.
    assert await boards.load_or_create(tables.db, week, BOUNDARY - 1, encode_snapshot) == turned


async def test_board_that_turns_late_has_what_was_scored_meanwhile(tables: InterruptedDatabase) -> None:
    week = CATALOGUE.boards["week"]
    await boards.load_or_create(tables.db, week, NOW, encode_snapshot)
    await play(tables, "forest", 8, BOUNDARY + 2 * SEASON_MS)
    turned = await boards.load_or_create(tables.db, week, BOUNDARY + 2 * SEASON_MS, encode_snapshot)
    assert (turned.position, [entry.points for entry in turned.entries]) == (
        Position(BOUNDARY + 2 * SEASON_MS, 1),
        [8],
    )
    assert [*turned.outbox] == [1]


async def test_edit_of_the_open_seasons_end_tells_clients(tables: InterruptedDatabase) -> None:
    week = CATALOGUE.boards["week"]
    await boards.load_or_create(tables.db, week, NOW, encode_snapshot)
    longer = with_seasons(NOW, every="90s").boards["week"]
    unaware = await boards.load_or_create(tables.db, longer, NOW + 10, encode_snapshot)
    assert unaware.position == Position(NOW, 0), "functions of two catalogues would undo each other's work"
    again = await boards.load_or_create(tables.db, longer, NOW + 10, encode_snapshot, compare=True)
    assert (again.position, again.ends_at) == (Position(NOW + 10, 1), NOW + 90_000)
    assert f'"endsAt":{NOW + 90_000}' in again.outbox[1]


async def test_board_may_lose_its_seasons_where_it_has_no_rows(tables: InterruptedDatabase) -> None:
    week = CATALOGUE.boards["week"]
    await boards.load_or_create(tables.db, week, NOW, encode_snapshot)
    ever = edited(CATALOGUE, boards={"week": {"season": None}}).boards["week"]
    again = await boards.load_or_create(tables.db, ever, NOW + 10, encode_snapshot)
    assert (again.season, again.position.epoch) == (None, NOW + 10)


async def test_edit_that_moves_a_past_boundary_is_refused_until_the_rows_are_dropped(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = BOUNDARY + 10
    monkeypatch.setattr(board_rules, "now_ms", lambda: now)
    assert not await settle(tables.db, CATALOGUE)
    await play(tables, "forest", 8, NOW)
    claim = Claim(user_id=ADA, board="week#1", rank=1, of=1, money=5, items={}, claimed_at=NOW)
    await tables.direct.client.transact_write_items(TransactItems=[claims.put(tables.direct, claim)])
    edit = with_seasons(NOW, every="50s")
    found = await settle(tables.db, edit)
    assert {(one.board, one.key) for one in found} == {("week", "seasons.short"), ("cup", "seasons.short")}
    for board in ("week", "cup"):
        await board_rules.drop(tables.direct, edit, board, apply=True, told=lambda _: None)
    assert not await settle(tables.db, edit)
    assert (await points_by_key(tables)).keys() >= {"forest", "global"}
    assert not (await tables.rows())[CLAIMS.name], "season 1 is another one now"
    done = await submit(tables.db, edit, TOKEN, "desert", 2, now)
    assert done.boards[-1].points == 2, "what was scored under the old boundaries is not in the sum"


async def test_rekey_of_a_sum_goes_through_its_seasons(tables: InterruptedDatabase) -> None:
    await play(tables, "forest", 8, NOW)
    await play(tables, "forest", 5, BOUNDARY)
    cup = CATALOGUE.boards["cup"]
    for season in (1, 2):
        rows = await scores.rows(tables.direct, cup.in_season(season), limit=3)
        await scores.delete_rows(tables.direct, [(cup.in_season(season).key, row.sort_key) for row in rows])
    done = await rekey(tables.direct, CATALOGUE, "cup", lambda: BOUNDARY, apply=True)
    assert done.rows == 2
    found = await points_by_key(tables)
    assert (found["cup#1"], found["cup#2"]) == (8, 5)


async def test_published_rows_have_one_row_per_board(tables: InterruptedDatabase) -> None:
    for at in (NOW, BOUNDARY):
        await boards.load_or_create(tables.db, CATALOGUE.boards["week"], at, encode_snapshot)
    rows = (await tables.rows())[LEADERBOARDS.name]
    assert [row["gameArea"] for row in rows] == ["week"]


@pytest.mark.parametrize(("season", "together"), [(3, False), (5, True)])
async def test_merge_adds_up_what_both_have_unless_prizes_may_be_claimed(
    tables: InterruptedDatabase, season: int, *, together: bool
) -> None:
    """In a season that is closed, the sum could pass a player who was given the prize of a rank."""
    begin = NOW - 4 * SEASON_MS
    catalogue = edited(with_seasons(begin), areas={"forest": {"keep": "sum"}})
    at = begin + (season - 1) * SEASON_MS
    for player, area, points in ((HEIR, "forest", 60), (GUEST, "forest", 50), (GUEST, "desert", 30)):
        await submit(tables.db, catalogue, shown_as(player), area, points, at)
    await merge_into(tables.db, Outside(), catalogue=catalogue)
    found = await points_by_key(tables, HEIR)
    assert (found[f"week#{season}"], found[f"cup#{season}"]) == ((110, 140) if together else (60, 80))
    assert (found["forest"], found["global"]) == (110, 140), "boards that never end add up"
    assert await points_by_key(tables, GUEST) == {}
