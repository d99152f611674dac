"""Who ranks where, over REST and on the live boards."""

import asyncio
from collections.abc import Sequence

import httpx

from game.board import Entry
from tests.e2e.conftest import SignUp, on_both

pytestmark = on_both


def _ids(entries: Sequence[Entry]) -> list[str]:
    return [entry.user_id for entry in entries]


async def test_lower_times_lead_an_asc_board(sign_up: SignUp) -> None:
    players = [await sign_up(name) for name in ("Ada", "Bob", "Cleo")]
    async with players[0].live("sprint") as screen:
        for player, milliseconds in zip(players, (30_000, 10_000, 20_000), strict=True):
            await player.submit("sprint", milliseconds)
        assert (await players[0].submit("sprint", 40_000))["best"] == 30_000
        assert (await players[0].submit("sprint", 15_000))["improved"] is True
        table = await players[0].top("sprint")
        await screen.follows("sprint", table)
    ours = [user for user in _ids(table) if user in {player.user_id for player in players}]
    assert ours == [players[1].user_id, players[0].user_id, players[2].user_id]
    assert [entry.points for entry in table] == sorted(entry.points for entry in table)


async def test_global_is_the_exact_sum_of_the_areas_that_count(sign_up: SignUp, arena: str) -> None:
    ada = await sign_up("Ada")
    async with ada.live("global") as screen:
        for area, points in (("forest", 999_000), ("desert", 500_001), ("forest", 7), ("desert", 600_001)):
            await ada.submit(area, points)
        await ada.submit("sprint", 99_999)
        await ada.submit(arena, 1_000_000)
        standing = (await ada.get("/leaderboard/me", gameArea="global")).json()
        assert standing["score"] == 999_000 + 600_001
        await screen.follows("global", await ada.top("global"))
    page = (await ada.get("/leaderboard/global", limit=50)).json()
    assert [entry["score"] for entry in page["entries"] if entry["userId"] == ada.user_id] == [1_599_001]


async def test_equal_points_rank_by_who_reached_them_first(sign_up: SignUp, arena: str) -> None:
    players = [await sign_up(name) for name in ("Ada", "Bob", "Cleo")]
    for player in players:
        await player.submit(arena, 77)
    await players[0].submit(arena, 77)
    assert _ids(await players[0].top(arena)) == [player.user_id for player in players]


async def test_own_place_comes_with_the_neighbours(sign_up: SignUp, arena: str) -> None:
    players = [await sign_up(f"Player {number}") for number in range(7)]
    for rank, player in enumerate(players, start=1):
        await player.submit(arena, 100 - rank)
    standing = (await players[4].get("/leaderboard/me", gameArea=arena, around=2)).json()
    assert (standing["rank"], standing["score"]) == (5, 95)
    assert [entry["rank"] for entry in standing["entries"]] == [3, 4, 5, 6, 7]
    assert [entry["userId"] for entry in standing["entries"]] == [player.user_id for player in players[2:]]
    first = (await players[0].get("/leaderboard/me", gameArea=arena, around=1)).json()
    assert [entry["rank"] for entry in first["entries"]] == [1, 2]
    alone = (await players[6].get("/leaderboard/me", gameArea=arena, around=0)).json()
    assert [entry["rank"] for entry in alone["entries"]] == [7]


async def test_own_place_without_a_score_is_not_found(sign_up: SignUp, arena: str) -> None:
    answer = await (await sign_up("Ada")).get("/leaderboard/me", gameArea=arena)
    assert answer.status_code == 404
    assert arena in answer.json()["detail"]


async def test_pages_cover_a_board_exactly_once(sign_up: SignUp, http: httpx.AsyncClient, arena: str) -> None:
    players = await asyncio.gather(*(sign_up(f"Reader {number}") for number in range(60)))
    await asyncio.gather(*(player.submit(arena, number // 2) for number, player in enumerate(players)))
    seen: list[Entry] = []
    query = {"gameArea": arena, "limit": "7"}
    while True:
        page = (await http.get("/leaderboard", params=query)).raise_for_status().json()
        seen += [Entry.model_validate(entry) for entry in page["entries"]]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    assert [entry.rank for entry in seen] == list(range(1, 61))
    assert sorted(_ids(seen)) == sorted(player.user_id for player in players)
    assert [entry.points for entry in seen] == sorted((entry.points for entry in seen), reverse=True)
