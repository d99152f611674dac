"""Who ranks where, over REST and on the live boards."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from game.board import Entry
from tests.e2e.conftest import DUEL, SignUp, on_both
from tests.e2e.player import Player, assert_problem

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


async def test_equal_points_rank_by_the_tie_break_in_snapshot_diff_and_rest(
    sign_up: SignUp, http: httpx.AsyncClient
) -> None:
    ada, bob, cleo = [await sign_up(name) for name in ("Ada", "Bob", "Cleo")]
    runs = {ada.user_id: (7, {"build": "1.0"}), bob.user_id: (30, ["bow", 2]), cleo.user_id: (7, None)}

    async def submit(player: Player) -> None:
        coins, metadata = runs[player.user_id]
        await player.submit(DUEL, 999, tiebreak=coins, metadata=metadata)

    def told(entries: Sequence[Mapping[str, Any]]) -> list[Any]:
        return [(one["userId"], one["score"], one["tiebreak"], one.get("metadata")) for one in entries]

    def ranked(*players: Player) -> list[Any]:
        return [(player.user_id, 999, *runs[player.user_id]) for player in players]

    async with cleo.live(DUEL) as screen:
        assert screen.frames[-1]["tiebreak"] == "desc"
        for player in (ada, cleo, bob):
            await submit(player)
        # The last comes first, and of equal runs the earlier one.
        order = ranked(bob, ada, cleo)
        await screen.until(lambda: len(screen.replicas[DUEL].entries) == 3)
        held = [entry.model_dump(by_alias=True) for entry in screen.replicas[DUEL].entries]
        assert told(held) == order
        # Another run of as many points, with fewer coins, leaves the player's; with more it replaces that.
        assert (await ada.submit(DUEL, 999, tiebreak=6))["improved"] is False
        runs[ada.user_id] = (31, {"build": "1.1"})
        assert (await ada.submit(DUEL, 999, tiebreak=31, metadata={"build": "1.1"}))["improved"] is True
        order = ranked(ada, bob, cleo)
        await screen.follows(DUEL, await ada.top(DUEL))
        held = [entry.model_dump(by_alias=True) for entry in screen.replicas[DUEL].entries]
        assert told(held) == order
        assert "diff" in [frame["type"] for frame in screen.frames]
        page = (await http.get("/leaderboard", params={"gameArea": DUEL})).raise_for_status().json()
        assert told(page["entries"]) == order
        async with bob.live(DUEL) as other:
            assert other.frames[-1]["type"] == "snapshot"
            assert told(other.frames[-1]["entries"]) == order
    assert_problem(await ada.post_score(DUEL, 999), 422, "tiebreak")


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
