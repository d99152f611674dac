"""Live connections as operators see them: announcements, `@connections`, limits, and those cut off."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from game.live import BOARDS_LIMIT, CONNECTIONS_LIMIT
from store import connections
from tests.e2e.backend import CHECKOUT, Backend, environment
from tests.e2e.conftest import SignUp, on_both
from tests.e2e.player import Player, make_admin
from tests.support.waiting import patience, until_async


@on_both
async def test_admin_broadcasts_to_everyone_to_a_board_and_to_a_player(
    backend: Backend, sign_up: SignUp, arena: str
) -> None:
    root, ada, bob = await sign_up("Root"), await sign_up("Ada"), await sign_up("Bob")
    await make_admin(backend, root)
    async with root.live() as desk, ada.live(arena) as on_board, bob.live() as elsewhere:
        screens = {"all": [on_board, elsewhere], arena: [on_board], f"user#{bob.user_id}": [elsewhere]}
        for channel, reached in screens.items():
            message = {"text": f"hello {channel}"}
            await desk.send("broadcast", channel=channel, message=message)
            announcement = {"type": "announcement", "channel": channel, "message": message}
            for screen in reached:
                assert await screen.receive() == announcement
            delivered = len(reached) + (channel == "all")
            answer = await desk.next("broadcasted")
            assert answer == {"type": "broadcasted", "delivered": delivered, "failed": 0}
        for screen in (on_board, elsewhere):
            assert await screen.ask("ping") == {"type": "pong"}, "nothing that was for others"


@on_both
@pytest.mark.parametrize("loss", ["admin_remove_user_from_group", "admin_disable_user"])
async def test_broadcast_of_a_former_admin_is_refused(backend: Backend, sign_up: SignUp, loss: str) -> None:
    root, bob = await sign_up("Root"), await sign_up("Bob")
    await make_admin(backend, root)
    async with root.live() as desk, bob.live() as other:
        user = {"UserPoolId": root.config["userPoolId"], "Username": root.username}
        group = {"GroupName": "admins"} if "group" in loss else {}
        async with backend.client("cognito-idp") as cognito:
            await getattr(cognito, loss)(**user, **group)
        answer = await desk.ask("broadcast", channel="all", message={"text": "still here"})
        assert (answer["type"], answer["code"]) == ("error", "forbidden")
        assert await other.ask("ping") == {"type": "pong"}
        assert await desk.ask("ping") == {"type": "pong"}, "the connection stays open"


async def test_player_with_too_many_connections_loses_the_oldest_and_gets_in(
    sign_up: SignUp, arena: str
) -> None:
    ada, bob = await sign_up("Ada"), await sign_up("Bob")
    async with contextlib.AsyncExitStack() as stack:
        other = await stack.enter_async_context(bob.live(arena))
        oldest = await stack.enter_async_context(ada.live(arena))
        # Which one is the oldest is told by the second.
        await asyncio.sleep(1.1)
        tabs = [await stack.enter_async_context(ada.live(arena)) for _ in range(CONNECTIONS_LIMIT)]
        async with patience():
            await oldest.socket.wait_closed()
        for screen in (*tabs, other):
            assert await screen.ask("ping") == {"type": "pong"}


@on_both
async def test_frames_sent_at_once_get_a_connection_as_many_boards_as_it_may_have_and_no_more(
    backend: Backend, sign_up: SignUp
) -> None:
    ada = await sign_up("Ada")
    names = sorted(backend.catalogue().boards)
    batches = [names[first : first + 8] for first in range(0, BOARDS_LIMIT + 16, 8)]
    async with ada.live() as screen:
        for boards in batches:
            await screen.send("subscribe", boards=boards)
        answers = [await screen.receive() for _ in range(BOARDS_LIMIT + 2)]
        refused = [answer["code"] for answer in answers if answer["type"] == "error"]
        told = {answer["board"] for answer in answers if answer["type"] == "snapshot"}
        assert refused == ["too_many_boards"] * 2
        assert len(told) == BOARDS_LIMIT
        async with backend.database() as db:
            connection_id = await _connection_id(backend, ada)
            having = {
                name
                for name in names
                async for page in connections.subscribers(db, name)
                if connection_id in page
            }
        assert having == told


@on_both
async def test_stock_aws_cli_reaches_a_live_connection(
    backend: Backend, sign_up: SignUp, tmp_path: Path
) -> None:
    frame = tmp_path / "frame.json"
    frame.write_text('{"type":"pong"}')
    ada = await sign_up("Ada")
    async with ada.live() as screen:
        connection_id = await _connection_id(backend, ada)
        posted, seen, dead = await asyncio.gather(
            _aws(backend, "post-to-connection", connection_id, "--data", f"fileb://{frame}"),
            _aws(backend, "get-connection", connection_id),
            _aws(backend, "post-to-connection", "dead=", "--data", f"fileb://{frame}"),
        )
        assert posted == (0, "", "")
        assert await screen.receive() == {"type": "pong"}
    assert seen[0] == 0
    assert dead[0] != 0
    assert "GoneException" in dead[2], "a 410"


@on_both
async def test_connection_that_is_cut_off_is_forgotten(backend: Backend, sign_up: SignUp, arena: str) -> None:
    ada, bob = await sign_up("Ada"), await sign_up("Bob")
    async with bob.live(arena) as screen, ada.live(arena) as cut:
        connection_id = await _connection_id(backend, ada)
        cut.socket.transport.abort()
        await bob.submit(arena, 1)
        await screen.follows(arena, await bob.top(arena))
        async with backend.database() as db:

            async def forgotten() -> bool:
                return not await connections.channels(db, connection_id)

            await until_async(forgotten)


async def _connection_id(backend: Backend, player: Player) -> str:
    async with backend.database() as db:
        channel = connections.user_channel(player.user_id)
        (connection_id,) = [one async for page in connections.subscribers(db, channel) for one in page]
    return connection_id


async def _aws(
    backend: Backend, command: str, connection_id: str, *arguments: str
) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        ".venvs/awscli/bin/aws",
        *("apigatewaymanagementapi", command, "--endpoint-url", backend.connections_url),
        *("--connection-id", connection_id),
        *arguments,
        cwd=CHECKOUT,
        env=environment() | backend.credentials,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with patience():
        output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()
