"""Prizes: what a player has won, and claims that give it once, whatever runs at once or dies when."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from game.catalogue import Catalogue
from game.economy import AMOUNT_LIMIT
from game.player import ActionRefusedError
from game.prizes import LOOKUPS
from game.standing import Held
from store import claims, players, progress, rank_marks, ranks, rewards, standings
from store.database import Database
from store.errors import RowError
from store.idempotency import Answer, KeyReusedError
from store.players import DeletedError
from store.progress import Progress
from store.rank_index import RankIndex
from store.rank_marks import Mark
from store.rewards import (
    ClaimedError,
    ExpiredError,
    InReviewError,
    NoRewardError,
    NotRankedError,
    Position,
    Reward,
)
from store.schema import CLAIMS, RANKS, STANDINGS, USER_PROGRESS
from tests.simulation import clock
from tests.simulation.faults import CrashError
from tests.simulation.rank_world import small_trees
from tests.unit.realtime.fakes import NOW
from tests.unit.store.bookkeeping import ADA, EARN
from tests.unit.store.interrupted import InterruptedDatabase, die, interrupted_database, moments
from tests.unit.store.reward_scene import (
    CATALOGUE,
    FILE,
    LAST,
    OPEN,
    SEASONS,
    belongings,
    claim,
    put_row,
    seat,
    take_away,
    take_standing,
    week,
)

FIRST = Answer(status=200, body="rank 1 of 3: 500, {'crown': 1, 'torch': 2}; 500 left")
WON = (500, {"crown": 1, "torch": 2})
PLACES = {ADA: 30, "bob": 20, "cyd": 10}
REQUESTS = 7
"""Of a claim: progress, claim and standing, the row, the mark, two counts side by side, and the write."""


async def given_to(tables: InterruptedDatabase, player: str = ADA) -> list[dict[str, Any]]:
    return [row for row in (await tables.rows())[CLAIMS.name] if row["userId"] == player]


async def test_claim_gives_the_prize_and_keeps_the_record(tables: InterruptedDatabase) -> None:
    await seat(tables.direct, week(), PLACES)
    assert await claim(tables.db, week()) == FIRST
    assert await belongings(tables.direct) == WON
    assert await given_to(tables) == [
        {
            "userId": ADA,
            "board": f"forest-week#{LAST}",
            "rank": 1,
            "of": 3,
            "money": 500,
            "items": {"crown": 1, "torch": 2},
            "claimedAt": NOW,
        }
    ]
    assert (await claim(tables.db, week(), "cyd")).body == "rank 3 of 3: 20, {}; 20 left"
    with pytest.raises(ClaimedError) as refused:
        await claim(tables.db, week())
    assert (refused.value.claim.rank, refused.value.claim.money) == (1, 500)
    assert await belongings(tables.direct) == WON


def test_of_many_claims_at_once_one_gives_the_prize() -> None:
    async def play() -> None:
        async with interrupted_database() as tables:
            await seat(tables.direct, week(), PLACES)
            asked = [claim(tables.db, week(), key=f"k{number % 8}") for number in range(64)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            given = [one for one in answers if isinstance(one, Answer)]
            assert given == [FIRST] * 8, "the same key gets the same answer"
            others = [one for one in answers if not isinstance(one, Answer)]
            assert {type(one) for one in others} == {ClaimedError}
            assert await belongings(tables.direct) == WON
            assert len(await given_to(tables)) == 1

    clock.run(play())


async def test_claim_beside_another_action_loses_neither(tables: InterruptedDatabase) -> None:
    for number in range(REQUESTS):
        await tables.clear()
        await seat(tables.direct, week(), PLACES)
        tables.restart()
        tables.before[number] = lambda: _earn(tables.direct)
        assert (await claim(tables.db, week())).body.endswith("525 left")
        assert await belongings(tables.direct) == (525, WON[1])


async def _earn(db: Database) -> None:
    read = await progress.load(db, ADA)
    await players.write(db, ADA, [progress.replace(db, read, EARN.change(read))])


async def test_same_key_replays_the_answer_and_another_request_with_it_is_refused(
    tables: InterruptedDatabase,
) -> None:
    for season in (LAST, LAST - 1):
        await seat(tables.direct, week(season), PLACES)
    assert await claim(tables.db, week(), key="k") == FIRST
    assert await claim(tables.db, week(), key="k") == FIRST
    with pytest.raises(KeyReusedError):
        await claim(tables.db, week(LAST - 1), key="k")
    assert (await claim(tables.db, week(LAST - 1), key="other")).body.endswith("1000 left")
    assert await belongings(tables.direct) == (1000, {"crown": 1, "torch": 4})


async def test_same_request_beside_itself_gets_the_same_answer(tables: InterruptedDatabase) -> None:
    for number in range(REQUESTS):
        await tables.clear()
        await seat(tables.direct, week(), PLACES)
        tables.restart()
        tables.before[number] = lambda: claim(tables.direct, week(), key="k")
        assert await claim(tables.db, week(), key="k") == FIRST, f"before request {number}"
        assert await belongings(tables.direct) == WON


@pytest.mark.parametrize("key", [None, "k"])
async def test_crash_anywhere_and_another_claim_give_one_prize(
    tables: InterruptedDatabase, key: str | None
) -> None:
    for side, number in moments(REQUESTS):
        await tables.clear()
        await seat(tables.direct, week(), PLACES)
        tables.restart()
        getattr(tables, side)[number] = die
        with pytest.raises(CrashError):
            await claim(tables.db, week(), key=key)
        tables.restart()
        done = (side, number) == ("after", REQUESTS - 1)
        assert bool(await given_to(tables)) == done
        if done and key is None:
            with pytest.raises(ClaimedError):
                await claim(tables.db, week())
        else:
            assert await claim(tables.db, week(), key=key) == FIRST
        assert await belongings(tables.direct) == WON
        assert len(await given_to(tables)) == 1


@pytest.mark.parametrize("take", [take_away, take_standing])
@pytest.mark.parametrize("key", [None, "k"])
async def test_row_that_is_taken_away_meanwhile_wins_nothing(
    tables: InterruptedDatabase, key: str | None, take: Callable[..., Awaitable[None]]
) -> None:
    for number in range(REQUESTS):
        await tables.clear()
        await seat(tables.direct, week(), PLACES)
        tables.restart()
        tables.before[number] = lambda: take(tables.direct, week(), ADA)
        with pytest.raises(NoRewardError):
            await claim(tables.db, week(), key=key)
        assert await belongings(tables.direct) == (0, {})
        assert await given_to(tables) == []


async def test_player_who_is_deleted_meanwhile_gets_nothing(tables: InterruptedDatabase) -> None:
    for number in range(REQUESTS):
        await tables.clear()
        await seat(tables.direct, week(), PLACES)
        tables.restart()
        tables.before[number] = lambda: players.bury(tables.direct, ADA, NOW)
        with pytest.raises(DeletedError):
            await claim(tables.db, week(), key="k")
        assert await given_to(tables) == []


async def test_removal_during_review_moves_ranks_and_prizes(tables: InterruptedDatabase) -> None:
    await seat(tables.direct, week(), PLACES | {"dan": 5})
    with pytest.raises(NoRewardError):
        await claim(tables.db, week(), "dan")
    await take_away(tables.direct, week(), ADA)
    assert (await claim(tables.db, week(), "dan")).body == "rank 3 of 3: 20, {}; 20 left"
    assert (await claim(tables.db, week(), "bob")).body.startswith("rank 1 of 3: 500")
    with pytest.raises(NoRewardError):
        await claim(tables.db, week())


@pytest.mark.parametrize(
    ("season", "board", "at", "error"),
    [
        (OPEN, "forest-week", NOW, InReviewError),
        (LAST, "forest-week", SEASONS.ends_at(LAST), InReviewError),
        (LAST, "forest-week", SEASONS.claimable_at(LAST) - 1, InReviewError),
        (LAST, "forest-week", SEASONS.claimable_at(LAST), None),
        (LAST, "forest-week", SEASONS.expires_at(LAST) - 1, None),
        (LAST, "forest-week", SEASONS.expires_at(LAST), ExpiredError),
        (LAST - 1, "forest-week", NOW, NoRewardError),
        (LAST, "plain-week", NOW, NoRewardError),
    ],
)
async def test_prize_is_given_in_its_time_alone(
    tables: InterruptedDatabase, season: int, board: str, at: int, error: type[Exception] | None
) -> None:
    for one in (week(OPEN), week(), week(board="plain-week")):
        await seat(tables.direct, one, PLACES)
    if error is None:
        assert (await claim(tables.db, week(season, board), at=at)).status == 200
        return
    with pytest.raises(error) as refused:
        await claim(tables.db, week(season, board), key="k", at=at)
    assert not isinstance(refused.value, InReviewError) or (
        refused.value.claimable_at == SEASONS.claimable_at(season)
    )
    rows = await tables.rows()
    assert not any(rows[table.name] for table in (CLAIMS, USER_PROGRESS)), "and nothing is written"
    assert not rows["Idempotency"]


async def test_record_outlives_season_and_standing(tables: InterruptedDatabase) -> None:
    await seat(tables.direct, week(), PLACES)
    await claim(tables.db, week())
    await take_standing(tables.direct, week(), ADA)
    with pytest.raises(ClaimedError):
        await claim(tables.db, week(), at=SEASONS.expires_at(LAST))


async def test_prize_that_is_owned_already_is_claimed_all_the_same(tables: InterruptedDatabase) -> None:
    prizes = [{"ranks": [1, 1], "items": {"crown": 1}}]
    boards = FILE["boards"] | {"forest-week": FILE["boards"]["forest-week"] | {"prizes": prizes}}
    catalogue = Catalogue.model_validate(FILE | {"boards": boards})
    for season in (LAST, LAST - 1):
        await seat(tables.direct, week(season), PLACES)
        await claim(tables.db, week(season, catalogue=catalogue), catalogue=catalogue)
    assert await belongings(tables.direct) == (0, {"crown": 1})
    assert len(await given_to(tables)) == 2


async def test_prize_beyond_the_greatest_balance_waits_until_there_is_room(
    tables: InterruptedDatabase,
) -> None:
    await seat(tables.direct, week(), PLACES)
    new = Progress(user_id=ADA)
    rich = new.model_copy(update={"money": AMOUNT_LIMIT})
    await players.write(tables.direct, ADA, [progress.replace(tables.direct, new, rich)])
    with pytest.raises(ActionRefusedError) as refused:
        await claim(tables.db, week(), key="k")
    assert refused.value.rule == "boards.forest-week.prizes"
    read = await progress.load(tables.direct, ADA)
    spent = read.model_copy(update={"money": 0})
    await players.write(tables.direct, ADA, [progress.replace(tables.direct, read, spent)])
    assert await claim(tables.db, week(), key="k") == FIRST


async def test_damaged_row_is_named_and_hits_its_season_alone(
    tables: InterruptedDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    for season in (LAST, LAST - 1, LAST - 2):
        await seat(tables.direct, week(season), PLACES)
    await put_row(tables.direct, CLAIMS.name, {"userId": ADA, "board": week(LAST).key, "rank": "first"})
    damaged = {"userId": ADA, "board": week(LAST - 1).key, "points": "many"}
    await put_row(tables.direct, STANDINGS.name, damaged)
    for season in (LAST, LAST - 1):
        with pytest.raises(RowError, match=f"forest-week#{season}"):
            await claim(tables.db, week(season))
    assert [one.board.season for one in await everything_listed(tables.db)] == [LAST - 2]
    assert (await claim(tables.db, week(LAST - 2))).status == 200
    assert f"forest-week#{LAST}" in caplog.text
    assert f"forest-week#{LAST - 1}" in caplog.text


async def test_standing_without_a_row_on_the_board_wins_nothing(tables: InterruptedDatabase) -> None:
    """The area had no board when it was written."""
    await seat(tables.direct, week(), {"bob": 20})
    standing = standings.new_standing(ADA, week().key, Held(30, NOW), None)
    await players.write(tables.direct, ADA, [standings.put(tables.direct, None, standing)])
    assert await everything_listed(tables.db) == []
    with pytest.raises(NoRewardError):
        await claim(tables.db, week())


async def everything_listed(
    db: Database, player: str = ADA, *, limit: int = 100, at: int = NOW
) -> list[Reward]:
    """Return all pages of the list."""
    found: list[Reward] = []
    after: Position | None = None
    while True:
        page, after = await rewards.listed(db, CATALOGUE, player, at, limit=limit, after=after)
        assert len(page) <= limit
        found += page
        if after is None:
            return found


async def test_list_has_past_seasons_with_a_prize_the_newest_first(tables: InterruptedDatabase) -> None:
    for season in range(LAST - 5, OPEN + 1):
        await seat(tables.direct, week(season), PLACES)
    await seat(tables.direct, week(LAST, "sprint-week"), {ADA: 9, "bob": 8, "cyd": 7, "dan": 6})
    await seat(tables.direct, week(LAST - 1, "sprint-week"), {ADA: 5, "bob": 8})
    await seat(tables.direct, week(LAST, "plain-week"), {ADA: 9})
    await claim(tables.db, week(LAST - 1))
    found = await everything_listed(tables.db)
    assert [(one.board.key, one.rank, one.of, one.prize.money, one.claimed) for one in found] == [
        (f"forest-week#{LAST}", 1, 3, 500, False),
        (f"forest-week#{LAST - 1}", 1, 3, 500, True),
        (f"forest-week#{LAST - 2}", 1, 3, 500, False),
        (f"forest-week#{LAST - 3}", 1, 3, 500, False),
        (f"sprint-week#{LAST - 1}", 1, 2, 7, False),
    ]
    for limit in (1, 2, 3):
        assert await everything_listed(tables.db, limit=limit) == found
    later = SEASONS.ends_at(OPEN)
    assert [one.board.season for one in await everything_listed(tables.db, at=later)][:2] == [OPEN, LAST]
    assert await everything_listed(tables.db, "stranger") == []


async def test_list_in_review_follows_removals(tables: InterruptedDatabase) -> None:
    await seat(tables.direct, week(), PLACES)
    at = SEASONS.ends_at(LAST)
    (before,) = await everything_listed(tables.db, "bob", at=at)
    await take_away(tables.direct, week(), ADA)
    (after,) = await everything_listed(tables.db, "bob", at=at)
    assert (before.rank, after.rank, after.of) == (2, 1, 2)
    assert await everything_listed(tables.db, at=at) == []


async def test_claimed_reward_is_listed_as_it_was_given(tables: InterruptedDatabase) -> None:
    await seat(tables.direct, week(), PLACES)
    await claim(tables.db, week(), "bob")
    await take_away(tables.direct, week(), ADA)
    (bobs,) = await everything_listed(tables.db, "bob")
    assert (bobs.rank, bobs.of, bobs.prize.money, bobs.claimed) == (2, 3, 20, True)


async def test_request_for_a_page_looks_at_a_bounded_number_of_boards_and_ranks(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    boards = {f"b{number}": FILE["boards"]["forest-week"] for number in range(25)}
    catalogue = Catalogue.model_validate(FILE | {"boards": boards})
    monkeypatch.setattr(rewards, "BOARDS_READ", 20)
    for number in range(25):
        for season in (LAST, LAST - 1) if number < 9 else (LAST,):
            await seat(tables.direct, week(season, f"b{number}", catalogue), PLACES)
    found: list[str] = []
    after: Position | None = None
    pages = 0
    while pages == 0 or after is not None:
        tables.log.clear()
        page, after = await rewards.listed(tables.db, catalogue, "cyd", NOW, limit=100, after=after)
        assert tables.log.count("Query Standings") <= 20
        assert tables.log.count("GetItem Ranks") <= LOOKUPS
        found += [one.board.key for one in page]
        pages += 1
    assert found == [
        f"b{number}#{season}"
        for number in range(25)
        for season in ((LAST, LAST - 1) if number < 9 else (LAST,))
    ]
    assert pages == 4


async def test_deleted_player_has_no_list(tables: InterruptedDatabase) -> None:
    await players.bury(tables.direct, ADA, NOW)
    with pytest.raises(DeletedError):
        await everything_listed(tables.db)


async def _index(db: Database) -> None:
    while not await RankIndex(db, week().key).build():
        pass


async def _spoil(db: Database) -> None:
    """Let the index say that the board is empty."""
    answer = await db.client.scan(TableName=RANKS.name)
    for item in answer["Items"]:
        if "counts" in item:
            item["counts"] = {"L": [{"N": "0"} for _ in item["counts"]["L"]]}
            await db.client.put_item(TableName=RANKS.name, Item=item)


async def test_claim_goes_by_the_index_only_once_all_of_it_was_compared(tables: InterruptedDatabase) -> None:
    with small_trees(leaf_rows=2, children=8, chunk_rows=9):
        await seat(tables.direct, week(), PLACES | {f"other-{number}": number for number in range(5)})
        await _index(tables.direct)
        await _spoil(tables.direct)
        assert (await claim(tables.db, week(), "bob")).body.startswith("rank 2 of 8")
        await rank_marks.save(tables.direct, week().key, Mark(up_to="0", begun_at=5))
        assert (await claim(tables.db, week())).body.startswith("rank 1 of 8")
        await rank_marks.save(tables.direct, week().key, Mark(NOW))
        tables.log.clear()
        # What is spoilt after the comparison shows that the index is asked.
        assert (await claim(tables.db, week(), "cyd")).body.startswith("rank 1 of ")
        assert "GetItem Ranks" in tables.log


async def test_claim_counts_no_more_rows_than_it_may(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewards, "COUNTED", 2)
    await seat(tables.direct, week(), PLACES)
    for player in PLACES:
        with pytest.raises(NotRankedError):
            await claim(tables.db, week(), player, key="k")
    monkeypatch.setattr(rewards, "COUNTED", 4)
    assert await claim(tables.db, week(), key="k") == FIRST


async def test_season_with_too_many_uncounted_rows_is_left_out_of_the_list_alone(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rewards, "COUNTED_TO_LIST", 2)
    await seat(tables.direct, week(), PLACES)
    await seat(tables.direct, week(LAST - 1), {ADA: 3, "bob": 2})
    assert [one.board.season for one in await everything_listed(tables.db)] == [LAST - 1]
    assert f"forest-week#{LAST} is left out of rewards" in caplog.text


@pytest.mark.parametrize("board", ["forest-week", "sprint-week"])
async def test_final_rank_is_the_one_of_a_brute_force_count(tables: InterruptedDatabase, board: str) -> None:
    points = {f"p{number:02}": number // 3 for number in range(20)}
    one = week(board=board)
    await seat(tables.direct, one, points)
    ranked = sorted(points, key=lambda player: points[player], reverse=board == "forest-week")
    for rank, player in enumerate(ranked, start=1):
        held = await standings.load(tables.direct, player, one.key)
        assert held
        assert held.sort_key
        assert await ranks.final_place(tables.db, one, held.sort_key, counted=100) == (rank - 1, 20)


async def test_claims_are_read_by_board_and_deleted_with_the_player(tables: InterruptedDatabase) -> None:
    for one in (week(), week(LAST - 1), week(board="sprint-week")):
        await seat(tables.direct, one, {ADA: 5})
        await claim(tables.db, one)
    held = await claims.of_board(tables.db, ADA, "forest-week")
    assert held.keys() == {f"forest-week#{LAST}", f"forest-week#{LAST - 1}"}
