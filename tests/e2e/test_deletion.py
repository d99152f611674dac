"""A deleted player stays deleted, though another device's token is good for an hour."""

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.e2e.backend import Backend
from tests.e2e.conftest import SignUp, on_both
from tests.e2e.player import Player
from tests.support.waiting import patience

pytestmark = on_both


async def test_deleted_player_is_out_on_every_device(backend: Backend, sign_up: SignUp, arena: str) -> None:
    ada, bob = await sign_up("Ada"), await sign_up("Bob")
    await ada.submit(arena, 40)
    await bob.submit(arena, 30)
    async with ada.live(arena) as phone, ada.live() as tablet, bob.live(arena) as watcher:
        await watcher.follows(arena, await bob.top(arena))
        await ada.ask("DELETE", "/profile", 204)
        await watcher.until(
            lambda: [entry.user_id for entry in watcher.replicas[arena].entries] == [bob.user_id]
        )
        async with patience():
            await phone.socket.wait_closed()
            await tablet.socket.wait_closed()
    for method, path, body in (
        ("POST", "/score", {"gameArea": arena, "score": 50}),
        ("PUT", "/profile", {"name": "Lovelace"}),
        ("POST", "/money/add", {"amount": 5, "reason": "pickup"}),
        ("POST", "/avatar/presign", {"contentType": "image/png", "contentLength": 100}),
        ("GET", "/profile", None),
    ):
        problem = await ada.ask(method, path, 410, body)
        assert problem["code"] == "deleted"
    assert await handshake_status(ada) == 403
    assert [entry.user_id for entry in await bob.top(arena)] == [bob.user_id]
    await ada.ask("DELETE", "/profile", 204)


async def test_deleted_player_is_gone_from_the_pool_and_the_name_is_free(
    backend: Backend, sign_up: SignUp, arena: str
) -> None:
    ada = await sign_up("Ada")
    before, token = ada.user_id, ada.id_token
    await ada.ask("DELETE", "/profile", 204)
    async with backend.client("cognito-idp") as cognito:
        pool = {"UserPoolId": ada.config["userPoolId"], "Username": ada.username}
        with pytest.raises(cognito.exceptions.UserNotFoundException):
            await cognito.admin_get_user(**pool)
    await ada.register("Ada")
    await ada.sign_in()
    assert ada.user_id != before
    await ada.submit(arena, 7)
    # The old token deletes what is left of the old player, and nothing of the new one.
    new, ada.id_token = ada.id_token, token
    await ada.ask("DELETE", "/profile", 204)
    ada.id_token = new
    await ada.sign_in()
    assert (await ada.submit(arena, 6))["best"] == 7


async def handshake_status(player: Player) -> int:
    protocols = [Subprotocol("podium"), Subprotocol(player.id_token)]
    with pytest.raises(InvalidStatus) as refused:
        async with patience(), player.connect(subprotocols=protocols):
            pass
    return refused.value.response.status_code
