"""A player's journey through the running backend: sign up, connect, follow boards, score."""

import asyncio
import json
import random

import pytest
from websockets.typing import Subprotocol

from store import boards
from tests.e2e.backend import Backend
from tests.e2e.conftest import SignUp, on_both
from tests.support.waiting import until_async

pytestmark = on_both


@pytest.mark.parametrize("kind", ["id_token", "access_token"])
async def test_token_as_subprotocol_connects(backend: Backend, sign_up: SignUp, kind: str) -> None:
    ada = await sign_up("Ada")
    offered = [Subprotocol("podium"), Subprotocol(getattr(ada, kind))]
    async with ada.connect(subprotocols=offered) as socket:
        assert socket.subprotocol == backend.subprotocol
        await socket.send('{"action":"ping"}')
        assert json.loads(await socket.recv()) == {"type": "pong"}


@pytest.mark.parametrize("kind", ["id_token", "access_token"])
async def test_token_in_the_query_connects(sign_up: SignUp, kind: str) -> None:
    ada = await sign_up("Ada")
    async with ada.connect(f"?token={getattr(ada, kind)}") as socket:
        assert socket.subprotocol is None
        await socket.send('{"action":"ping"}')
        assert json.loads(await socket.recv()) == {"type": "pong"}


async def test_score_of_another_player_arrives_and_the_board_equals_the_table(
    sign_up: SignUp, arena: str
) -> None:
    ada, bob = await sign_up("Ada"), await sign_up("Bob")
    async with bob.live(arena, "forest", "global") as screen:
        start = screen.position(arena)
        for number, points in enumerate((100, 200, 300), start=1):
            answer = await ada.submit(arena, points)
            assert (answer["best"], answer["improved"]) == (points, True)
            assert {one["gameArea"] for one in answer["boards"]} >= {arena}
            table = await bob.top(arena)
            await screen.follows(arena, table)
            assert screen.position(arena) == (start.epoch, start.version + number)
        (entry,) = table
        assert (entry.rank, entry.user_id, entry.name, entry.points) == (1, ada.user_id, "Ada", 300)
        page = (await bob.get("/leaderboard", gameArea=arena)).json()
        assert page["version"] == screen.position(arena).version
        assert {frame["board"] for frame in screen.frames[3:]} == {arena}


async def test_ping_tells_what_has_moved_on(sign_up: SignUp, arena: str) -> None:
    ada = await sign_up("Ada")
    async with ada.live(arena, "forest") as screen:
        epoch, version = screen.position(arena)
        held = {board: screen.position(board)._asdict() for board in (arena, "forest")}
        await screen.send("ping", versions=held)
        assert await screen.ask("ping") == {"type": "pong"}
        assert await screen.receive() == {"type": "pong"}, "what has not moved is not sent"
        await screen.send("ping", versions=held | {arena: {"epoch": epoch, "version": version - 1}})
        assert await screen.receive() == {"type": "pong"}
        snapshot = await screen.receive()
        assert (snapshot["type"], snapshot["board"], snapshot["version"]) == ("snapshot", arena, version)


async def test_unsubscribing_stops_the_frames(backend: Backend, sign_up: SignUp, arena: str) -> None:
    ada = await sign_up("Ada")
    async with ada.live(arena) as screen:
        answer = await screen.ask("unsubscribe", boards=[arena])
        assert answer == {"type": "unsubscribed", "boards": [arena]}
        await ada.submit(arena, 5)
        await _pushed(backend, arena, points=5)
        assert await screen.ask("ping") == {"type": "pong"}


async def test_every_screen_ends_up_as_the_table_after_a_storm_of_scores(sign_up: SignUp, arena: str) -> None:
    areas = (arena, "forest", "global")
    players = [await sign_up(f"Storm {number}") for number in range(7)]
    async with (
        players[0].live(*areas) as one,
        players[1].live(*areas) as two,
        players[2].live(*areas) as three,
    ):
        rng = random.Random(1)
        await asyncio.gather(
            *(
                player.submit(rng.choice(("forest", arena)), rng.randrange(1_000))
                for player in players
                for _ in range(6)
            )
        )
        await players[3].submit(arena, 1_000)
        for area in areas:
            table = await players[0].top(area)
            assert len(table) <= 50
            for screen in (one, two, three):
                await screen.follows(area, table)
    assert len(await players[0].top(arena)) == 5, "the arena's K"


async def test_purchase_is_paid_once_however_often_it_is_sent(sign_up: SignUp) -> None:
    ada = await sign_up("Ada")
    refused = await ada.ask("POST", "/task/complete", 409, {"taskId": "first-score"})
    assert refused["rule"] == "tasks.first-score.requires.score"
    await ada.submit("forest", 7)
    await ada.ask("POST", "/task/complete", 200, {"taskId": "first-score"}, key="task")
    first, again = [
        await ada.ask("POST", "/shop/buy", 200, {"itemId": "torch"}, key="torch") for _ in range(2)
    ]
    assert again == first
    assert (first["money"], first["inventory"]) == (40, {"torch": 1})
    await ada.ask("POST", "/shop/buy", 409, {"itemId": "camel"})
    progress = await ada.ask("GET", "/progress", 200)
    assert (progress["money"], progress["inventory"]) == (40, {"torch": 1})


async def _pushed(backend: Backend, board: str, *, points: int) -> None:
    """Wait until a board is published with these points, and has been pushed to all its subscribers.

    Until then a client that subscribes may get it twice: in the snapshot, and pushed. Which version that is
    depends on who publishes the board first: this score's batch, or a sweep before it.
    """
    async with backend.database() as db:

        async def pushed() -> bool:
            row = await boards.load(db, board)
            return row is not None and not row.outbox and any(entry.points == points for entry in row.entries)

        await until_async(pushed)
