"""Prizes for real: two players over three seasons, from the first score to the prize in the purse."""

import asyncio
from typing import Any

from runtime.clock import now_ms
from tests.e2e.conftest import FLASH, FLASH_BOARD, SignUp, on_both
from tests.e2e.player import Player
from tests.support.waiting import until_async

pytestmark = on_both

FIRST = {"money": 500, "items": {"camel": 1}}


async def claim(player: Player, season: int, status: int, *, key: str | None = None) -> Any:
    body = {"gameArea": FLASH_BOARD, "season": season}
    return await player.ask("POST", "/rewards/claim", status, body, key=key)


async def rewards(player: Player) -> list[tuple[int, int, int, bool]]:
    """Return season, rank, of, and whether it is claimed, of each reward."""
    answer = await player.ask("GET", "/rewards", 200)
    assert answer["nextCursor"] is None
    return [(one["season"], one["rank"], one["of"], one["claimed"]) for one in answer["rewards"]]


async def times(player: Player) -> dict[int, Any]:
    """Return the seasons that can be read, by their numbers; the first is the open one."""
    answer = (await player.get("/seasons", gameArea=FLASH_BOARD, limit=100)).json()
    return {one["season"]: one for one in answer["seasons"]}


async def until(moment: int) -> None:
    """Wait until a moment of the server's clock, which is this machine's."""
    await asyncio.sleep(max(0, moment + 50 - now_ms()) / 1000)


async def new_season(player: Player) -> int:
    """Wait until a season has just begun; its number."""
    (number, season), *_ = (await times(player)).items()
    await until(season["endsAt"])
    return number + 1


async def test_two_players_over_three_seasons(sign_up: SignUp) -> None:
    ada, bob, cleo = [await sign_up(name) for name in ("Ada", "Bob", "Cleo")]
    first = await new_season(ada)
    for player, points in ((ada, 30), (bob, 20)):
        boards = (await player.submit(FLASH, points))["boards"]
        assert boards == [{"gameArea": FLASH_BOARD, "season": first, "points": points, "improved": True}]
    assert await rewards(ada) == []
    early = await claim(ada, first, 409)
    assert early["code"] == "in_review"

    second = await new_season(ada)
    assert second == first + 1
    assert (await claim(ada, first, 409, key="first"))["claimableAt"] == early["claimableAt"]
    assert await rewards(ada) == [(first, 1, 2, False)]
    assert await rewards(bob) == [], "the best half of two is one, who has the first prize"
    await bob.submit(FLASH, 5)

    await until(early["claimableAt"])
    answers = [claim(ada, first, 200, key="first") for _ in range(8)]
    given = await asyncio.gather(*answers)
    assert {(one["rank"], one["of"], one["money"]) for one in given} == {(1, 2, 500)}
    again = await claim(ada, first, 409)
    assert (again["code"], again["prize"], again["rank"]) == ("claimed", FIRST, 1)
    progress = await ada.ask("GET", "/progress", 200)
    assert (progress["money"], progress["inventory"]) == (500, {"camel": 1})
    assert await rewards(ada) == [(first, 1, 2, True)]
    for player, season in ((bob, first), (cleo, first), (ada, second + 999)):
        await claim(player, season, 404)

    third = await new_season(ada)
    assert third == second + 1
    claimable_at = (await times(ada))[second]["endsAt"] + 4_000
    await until(claimable_at)
    assert await rewards(bob) == [(second, 1, 1, False)]
    assert (await claim(bob, second, 200))["prize"] == FIRST
    await claim(ada, second, 404)
    assert await rewards(ada) == [(first, 1, 2, True)]

    oldest = min(await times(ada))
    for player in (ada, cleo):
        assert (await claim(player, oldest - 5, 409))["code"] == "expired"
    await ada.ask("DELETE", "/profile", 204)
    await claim(ada, first, 410)


async def test_prize_of_a_guest_is_claimed_once_for_both(sign_up: SignUp, backend: Any, http: Any) -> None:
    guest, ada = await Player.begin_as_guest(backend, http), await sign_up("Ada")
    season = await new_season(ada)
    await guest.submit(FLASH, 900)
    await ada.submit(FLASH, 700)
    ends_at = (await times(ada))[season]["endsAt"]
    await until(ends_at + 4_000)
    assert (await claim(guest, season, 200))["prize"] == FIRST
    await ada.ask("POST", "/account/merge", 200, {"token": guest.id_token})

    async def is_merged() -> bool:
        return await rewards(ada) == [(season, 1, 2, True)]

    await until_async(is_merged, lambda: "the claim has not come along")
    assert (await claim(ada, season, 409))["code"] == "claimed"
    assert (await ada.ask("GET", "/progress", 200))["money"] == 500
