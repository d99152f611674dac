"""A guest becomes part of an account: on the boards, live, and for good."""

import asyncio

import httpx
import pytest

from tests.e2e.backend import Backend
from tests.e2e.conftest import SignUp, on_both
from tests.e2e.player import Player, assert_problem, bearer

pytestmark = on_both


async def test_guest_becomes_part_of_an_account(
    backend: Backend, http: httpx.AsyncClient, sign_up: SignUp, arena: str
) -> None:
    guest, ada, bob = await Player.begin_as_guest(backend, http), await sign_up("Ada"), await sign_up("Bob")
    guest_id, token = guest.user_id, guest.id_token
    await guest.submit(arena, 40)
    await ada.submit(arena, 30)
    await bob.submit(arena, 35)
    for player, amount in ((guest, 100), (ada, 20)):
        await player.ask("POST", "/money/add", 200, {"amount": amount, "reason": "pickup"})
    await ada.ask("POST", "/progress", 200, {"level": 1, "xp": 1, "checkpoint": {"at": "gate"}, "version": 0})
    async with bob.live(arena) as screen, guest.live() as phone:
        # Two devices of one account ask at once.
        answers = await asyncio.gather(
            *(ada.ask("POST", "/account/merge", 200, {"token": token}) for _ in range(2))
        )
        assert answers == [{"state": "done"}] * 2
        await screen.until(
            lambda: (
                [(one.user_id, one.points) for one in screen.replicas[arena].entries]
                == [(ada.user_id, 40), (bob.user_id, 35)]
            )
        )
        await phone.socket.wait_closed()
        # On no frame on the way was the player there twice, or not at all.
        shown = [[one["userId"] for one in frame["entries"]] for frame in screen.frames if "entries" in frame]
        assert all({ada.user_id, guest_id} & {*users} for users in shown)
    progress = await ada.ask("GET", "/progress", 200)
    assert (progress["money"], progress["bests"][arena], progress["checkpoint"]) == (120, 40, {"at": "gate"})
    assert (await ada.ask("POST", "/account/merge", 200, {"token": token})) == {"state": "done"}
    gone = await guest.ask("POST", "/score", 410, {"gameArea": arena, "score": 90})
    assert gone["code"] == "deleted"
    async with backend.client("cognito-idp") as cognito:
        pool = {"UserPoolId": guest.config["userPoolId"], "Username": guest.username}
        with pytest.raises(cognito.exceptions.UserNotFoundException):
            await cognito.admin_get_user(**pool)
    answer = await http.post("/account/merge", json={"token": token}, headers=bearer(bob.id_token))
    assert_problem(answer, 422, "token")


async def test_player_with_an_address_is_no_guest_whatever_an_older_token_says(
    backend: Backend, http: httpx.AsyncClient, sign_up: SignUp, arena: str
) -> None:
    ada, other = await sign_up("Ada"), await Player.begin_as_guest(backend, http)
    token = other.id_token
    await other.submit(arena, 40)
    await other.add_address(f"{other.username}@example.org")
    for refused in (token, ada.id_token, other.access_token, "nonsense"):
        answer = await http.post("/account/merge", json={"token": refused}, headers=bearer(ada.id_token))
        assert_problem(answer, 422, "token")
    assert [one.user_id for one in await other.top(arena)] == [other.user_id]
