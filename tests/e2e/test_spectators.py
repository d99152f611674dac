"""Connections without a token: boards live, nothing else, and a bound that players do not meet."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import httpx
from websockets.exceptions import InvalidStatus

from game.live import SPECTATOR_ACTIONS, Action
from runtime.clock import now_ms
from store import connections, spectators
from store.database import from_item, to_item
from store.schema import BUDGETS
from tests.e2e.backend import Backend, Ports, running
from tests.e2e.conftest import SignUp, on_both
from tests.e2e.player import LiveClient, Player, make_admin
from tests.support.waiting import PATIENCE_SECONDS, patience, until_async


@on_both
async def test_spectator_sees_what_players_see_and_may_do_nothing_else(
    backend: Backend, sign_up: SignUp, arena: str
) -> None:
    root, ada = await sign_up("Root"), await sign_up("Ada")
    await make_admin(backend, root)
    async with ada.watch(arena) as spectator, root.live(arena) as desk:
        await ada.submit(arena, 10)
        top = await ada.top(arena)
        for screen in (spectator, desk):
            await screen.follows(arena, top)
        assert spectator.position(arena) == desk.position(arena)
        for action in sorted(set(get_args(Action)) - SPECTATOR_ACTIONS):
            answer = await spectator.ask(action, channel="all", message={"text": "mine"})
            assert (answer["type"], answer["code"]) == ("error", "forbidden")
        await desk.send("broadcast", channel="all", message={"text": "hello"})
        said = {"type": "announcement", "channel": "all", "message": {"text": "hello"}}
        assert await spectator.receive() == said
        assert await desk.next("announcement") == said
        assert (await spectator.ask("unsubscribe", boards=[arena]))["type"] == "unsubscribed"
        await ada.submit(arena, 20)
        await desk.follows(arena, await ada.top(arena))
        assert await spectator.ask("ping") == {"type": "pong"}, "nothing of the board that was left"


@on_both
async def test_spectator_is_counted_while_it_is_there(backend: Backend, sign_up: SignUp) -> None:
    ada = await sign_up("Ada")
    async with backend.database() as db:
        before = await _counted(backend)
        async with ada.watch(), ada.watch(), ada.live():
            assert await _counted(backend) == before + 2
            assert await connections.count(db, connections.SPECTATORS, now_ms()) >= 2

        async def is_as_before() -> bool:
            return await _counted(backend) == before

        await until_async(is_as_before)


async def test_spectators_above_the_bound_are_refused_until_one_has_left_and_players_are_let_in(
    tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    with running(tmp_path, Ports.free(unused_tcp_port_factory), spectators=2) as backend:
        async with httpx.AsyncClient(
            base_url=backend.rest_url, timeout=PATIENCE_SECONDS, trust_env=False
        ) as http:
            ada = await Player.sign_up(backend, http, "Ada")
            async with ada.watch("forest") as first:
                async with ada.watch("forest") as second:
                    for _ in range(3):
                        assert await _refusal(ada) == 503
                    async with ada.live("forest") as player:
                        await ada.submit("forest", 10)
                        for screen in (first, second, player):
                            await screen.follows("forest", await ada.top("forest"))

                async def is_let_in() -> bool:
                    return await _refusal(ada) == 0

                await until_async(is_let_in)
                assert await first.ask("ping") == {"type": "pong"}


async def test_backend_without_spectators_refuses_every_one(
    tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> None:
    with running(tmp_path, Ports.free(unused_tcp_port_factory), spectators=0) as backend:
        async with httpx.AsyncClient(
            base_url=backend.rest_url, timeout=PATIENCE_SECONDS, trust_env=False
        ) as http:
            ada = await Player.sign_up(backend, http, "Ada")
            assert await _refusal(ada) == 401
            async with ada.live("forest") as screen:
                assert await screen.ask("ping") == {"type": "pong"}


async def _counted(backend: Backend) -> int:
    async with backend.database() as db:
        key = to_item({"id": spectators.SPECTATORS})
        answer = await db.client.get_item(TableName=db.name(BUDGETS), Key=key, ConsistentRead=True)
    return int(from_item(answer["Item"])["connected"]) if "Item" in answer else 0


async def _refusal(player: Player) -> int:
    """Return the status of a spectator's refused handshake; 0 where it was let in."""
    try:
        async with patience(), player.watch() as spectator:
            assert isinstance(spectator, LiveClient)
            return 0
    except InvalidStatus as error:
        return error.response.status_code
