"""The rights of the deployed functions: all that they need while people play, and nothing else.

Rights that are missing fail by themselves, for the emulator refuses what a role does not allow. So that those
which no call needs are found too, a tour leads through everything that functions do, with people who leave
without a word, and with a broadcaster that died before it pushed. What is granted, and was not asked for on
the way, is too much; where the tour misses something that it should not, it has to be extended.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from game.activity import HOUR_MS, hour_of
from game.groups import SERVERS
from game.live import BOARDS_LIMIT
from game.merge import GUESTS_LIMIT
from realtime.protocol import encode_snapshot
from runtime.clock import now_ms
from store import activity, boards, connections, players, rank_marks, rank_nodes, scores, standings
from store.database import Database, to_item
from store.rank_index import RankIndex
from store.rank_marks import Mark
from store.schema import LEADERBOARDS, PLAYERS, STANDINGS, USER_PROFILES
from store.unfinished import OLD_MS
from tests.e2e.calls import Permissions, beyond, granted, recorded, unused
from tests.e2e.conftest import DOUBTED, FLASH_BOARD, SignUp, on_deployed
from tests.e2e.deployment import Deployment
from tests.e2e.player import Player, make_admin, put_into
from tests.support.waiting import PATIENCE_SECONDS, until_async
from tests.unit.cv.pictures import astronaut, picture_file
from tests.unit.store.reward_scene import seat

pytestmark = on_deployed


@pytest.fixture
async def db(deployment: Deployment) -> AsyncIterator[Database]:
    """Yield the deployed tables."""
    async with deployment.database() as db:
        yield db


async def test_functions_have_exactly_the_rights_that_they_use(
    deployment: Deployment,
    recorded_calls: Path,
    sign_up: SignUp,
    http: httpx.AsyncClient,
    db: Database,
    new_arena: Callable[[], str],
) -> None:
    root, ada, bob, eve = [await sign_up(name) for name in ("Root", "Ada", "Bob", "Eve")]
    await make_admin(deployment, root)
    await Player.begin_as_guest(deployment, http)
    await play(ada)
    await win(deployment, db, ada)
    await play_with_pictures(deployment, ada)
    await trust(deployment, root, ada)
    await look_after_a_while(db, ada, new_arena())
    await subscribe_to_too_many(deployment, ada)
    await spectate(ada, new_arena())
    await push_directly(db, ada, new_arena())
    await push_by_pushers(db, ada, bob, new_arena())
    await sweep(deployment, db, ada, new_arena(), gone=2)
    await sweep(deployment, db, ada, new_arena(), gone=3)
    await broadcast(db, root, ada)
    await tell_of_a_portrait(deployment, db, ada)
    await leave(deployment, db, eve, new_arena())
    await clean(deployment, db, *[await sign_up(name) for name in ("Gus", "Hal")])
    await rank(deployment, db, ada, new_arena())
    await merge(deployment, db, http, [await sign_up(name) for name in ("Ida", "Jon")])

    allowed = await granted(deployment)

    prefix, api = deployment.settings.prefix, deployment.api

    def needed() -> Permissions:
        return recorded(recorded_calls, prefix, api)

    async def nothing_is_unused() -> bool:
        # The last pusher of a fan-out goes on by itself only when something was published in the meantime.
        await asyncio.gather(*(ada.submit(storm, points) for points in range(next(scores), next(scores))))
        # And the sweep of this minute may make a board before those who are to.
        await create(deployment, db, ada, unborn, next(scores))
        return unused(allowed, needed()) == {}

    storm, unborn, scores = new_arena(), new_arena(), iter(range(0, 1_000_000, 20))
    async with ada.live(storm), bob.live(storm), root.live(storm):
        await until_async(nothing_is_unused, lambda: f"unused: {unused(allowed, needed())}")
    assert beyond(allowed, needed()) == {}


async def play(player: Player) -> None:
    """Do what a player does over REST, but for pictures."""
    await player.ask("PUT", "/profile", 200, {"name": "Ada"})
    await player.ask("GET", "/profile", 200)
    progress = await player.ask("GET", "/progress", 200)
    save = {"level": 1, "xp": 10, "checkpoint": {}, "version": progress["version"]}
    await player.ask("POST", "/progress", 200, save)
    await player.submit("forest", 8)
    for _ in range(2):
        await player.ask("POST", "/task/complete", 200, {"taskId": "first-score"}, key="task")
    await player.ask("POST", "/shop/buy", 200, {"itemId": "torch"}, key="torch")
    await player.ask("POST", "/shop/buy", 409, {"itemId": "camel"}, key="camel")
    for points in (10, 11, 9):
        await player.submit("forest", points)
    for _ in range(2):
        await player.submit(DOUBTED, 5, run=await player.begin_run(DOUBTED))
    await player.ask("PUT", "/profile", 200, {"name": "Lovelace"})
    for path in ("/leaderboard", "/leaderboard/global", "/leaderboard/me"):
        assert (await player.get(path, gameArea="forest")).status_code == 200
    assert (await player.ask("GET", "/profile/export", 200))["answers"]


async def win(deployment: Deployment, db: Database, player: Player) -> None:
    """A player has won something in a season that is over, and claims it."""
    board = deployment.catalogue().boards[FLASH_BOARD]
    assert board.seasons
    season = board.seasons.number_at(now_ms()) - 2
    await seat(db, board.in_season(season), {player.user_id: 7})
    listed = (await player.ask("GET", "/rewards", 200))["rewards"]
    assert [one["season"] for one in listed] == [season]
    asked = {"gameArea": FLASH_BOARD, "season": season}
    for _ in range(2):
        await player.ask("POST", "/rewards/claim", 200, asked, key="prize")


async def play_with_pictures(deployment: Deployment, player: Player) -> None:
    """A picture is uploaded, a portrait made of it, looked at, and chosen.

    Nothing here can run the container's image: of that the player is told. What is in the image is run by the
    test, with the rights of the deployed function.
    """
    event = {"key": await upload(deployment, player), "background": "none"}
    async with player.live() as screen:
        await player.ask("POST", "/avatar/process", 202, event)
        assert (await screen.next("avatar"))["error"] == "failed"
    made = await deployment.run_container({"userId": player.user_id, **event})
    assert await deployment.run_container({"userId": player.user_id, **event}) == made
    assert (await player.ask("GET", "/profile", 200))["avatar"] == made["avatar"]
    view = await player.get("/avatar/view", key=made["avatar"])
    async with bucket_client(deployment) as http:
        portrait = await http.get(view.headers["Location"])
    assert (portrait.status_code, portrait.headers["Content-Type"]) == (200, "image/webp")
    await player.ask("POST", "/avatar/update", 200, {"key": made["avatar"]})
    bad = {"key": await upload(deployment, player, b"no picture"), "background": "none"}
    assert "error" in await deployment.run_container({"userId": player.user_id, **bad})


async def trust(deployment: Deployment, root: Player, player: Player) -> None:
    """A trusted server submits a score, and an admin sees those that are held."""
    await put_into(deployment, root, SERVERS)
    score = {"key": uuid.uuid4().hex, "userId": player.user_id, "gameArea": "desert", "score": 5}
    for _ in range(2):
        answer = await root.ask("POST", "/server/scores", 200, {"scores": [score]})
        assert answer["results"][0]["status"] == 201
    held = (await root.get("/admin/held", limit=100)).json()["held"]
    assert player.user_id in {one["userId"] for one in held}


async def upload(deployment: Deployment, player: Player, picture: bytes | None = None) -> str:
    """Upload a picture, by default one that is good; its key."""
    picture = picture or picture_file(astronaut().pixels, "JPEG")
    content = {"contentType": "image/jpeg", "contentLength": len(picture)}
    form = await player.ask("POST", "/avatar/presign", 200, content)
    async with bucket_client(deployment) as http:
        answer = await http.post(form["url"], data=form["fields"], files={"file": picture})
    assert answer.is_success, answer.text
    return str(form["key"])


def bucket_client(deployment: Deployment) -> httpx.AsyncClient:
    """Return a client for presigned addresses, which need nothing else."""
    return httpx.AsyncClient(verify=deployment.trusts or True, trust_env=False, timeout=PATIENCE_SECONDS)


async def create(deployment: Deployment, db: Database, player: Player, arena: str, best: int) -> None:
    """A board that is not there yet is made by the first that needs it: subscriber or broadcaster.

    And by the sweep, where it was withdrawn from clients that look at it. best: more points than the player
    had.
    """
    await forget_board(db, arena)
    async with player.live(arena):
        pass
    await forget_board(db, arena)
    await player.submit(arena, best)
    await until_async(lambda: is_there(db, arena), lambda: f"{arena} is not published")
    await boards.withdraw(db, arena)
    await invoke(deployment, "sweep", {})
    assert await is_there(db, arena)


async def look_after_a_while(db: Database, player: Player, arena: str) -> None:
    """A player subscribes to a board at which no client has looked for hours."""
    long_ago = now_ms() - 24 * HOUR_MS
    async with player.live(arena):
        pass
    await activity.mark(db, arena, long_ago)
    async with player.live(arena):
        pass
    published = await boards.load(db, arena)
    assert published
    assert published.active_hour != hour_of(arena, long_ago)


async def forget_board(db: Database, arena: str) -> None:
    """Delete a board as it was published, as if no client had ever looked at it."""
    await db.client.delete_item(TableName=db.name(LEADERBOARDS), Key=to_item({"gameArea": arena}))


async def is_there(db: Database, arena: str) -> bool:
    """Return whether a board has been published."""
    return await boards.load(db, arena) is not None


async def push_directly(db: Database, player: Player, arena: str) -> None:
    """A board's only subscriber gets a frame, and two who are gone are forgotten."""
    async with player.live(arena) as screen:
        await player.submit(arena, 1)
        await screen.follows(arena, await player.top(arena))
        await screen.send("ping", versions={arena: {"epoch": 0, "version": 0}})
        await screen.next("snapshot")
        await screen.ask("unsubscribe", boards=[arena])
    await subscribe_gone(db, arena, 2)
    await player.submit(arena, 2)
    await until_forgotten(db, arena)


async def subscribe_to_too_many(deployment: Deployment, player: Player) -> None:
    """A player is told that a connection may have no more boards."""
    names = sorted(deployment.catalogue().boards)
    async with player.live(*names[:BOARDS_LIMIT]) as screen:
        answer = await screen.ask("subscribe", boards=[names[BOARDS_LIMIT]])
        assert answer["code"] == "too_many_boards"


async def spectate(player: Player, arena: str) -> None:
    """A spectator comes, follows a board, and goes; the next sweep counts those who are there."""
    async with player.watch(arena) as screen:
        await player.submit(arena, 1)
        await screen.follows(arena, await player.top(arena))
        await screen.ask("unsubscribe", boards=[arena])


async def push_by_pushers(db: Database, ada: Player, bob: Player, arena: str) -> None:
    """Several subscribers get their frames from pushers, which forget those who are gone."""
    async with ada.live(arena) as one, bob.live(arena) as two:
        await subscribe_gone(db, arena, 2)
        await ada.submit(arena, 1)
        for screen in (one, two):
            await screen.follows(arena, await ada.top(arena))
        await until_forgotten(db, arena, but=2)


async def sweep(deployment: Deployment, db: Database, player: Player, arena: str, *, gone: int) -> None:
    """A broadcaster has published, and died before it pushed: the sweep does."""
    now = now_ms()
    read = await boards.load_or_create(db, deployment.catalogue().boards[arena], now, encode_snapshot)
    await subscribe_gone(db, arena, gone)
    await boards.publish(db, read, (), '{"type":"pong"}', now=now, collapse=False)
    await invoke(deployment, "sweep", {})
    await until_forgotten(db, arena)


async def rank(deployment: Deployment, db: Database, player: Player, arena: str) -> None:
    """The ranker makes an index and adds to it; with several levels it is swept, and looked up."""
    await player.submit(arena, 10)
    await until_async(lambda: is_ranked(db, arena), lambda: f"{arena} has no index")
    root = (await rank_nodes.load_root(db, arena)).node
    assert root is not None
    # As if it had grown.
    pieces = [replace(one, is_root=False) for one in (root,)]
    await rank_nodes.write_together(db, arena, [(root.above(pieces), root)], pieces)
    await player.submit(arena, 20)
    # And one of a season that can be read no longer, which the sweep drops.
    week = deployment.catalogue().boards[FLASH_BOARD]
    assert week.seasons
    old = week.in_season(week.seasons.readable(now_ms()).start - 5).key
    await RankIndex(db, old).maintain(["a"])
    await rank_marks.save(db, old, Mark())
    await invoke(deployment, "rank-sweep", {})
    assert not await rank_nodes.is_there(db, old)
    for path in ("/leaderboard/me", "/leaderboard/rank"):
        assert (await player.get(path, gameArea=arena, score=15)).status_code == 200


async def is_ranked(db: Database, arena: str) -> bool:
    """Return whether a board has an index."""
    return (await rank_nodes.load_root(db, arena)).node is not None


async def broadcast(db: Database, root: Player, player: Player) -> None:
    """An announcement to a player who listens, and who once had another connection."""
    channel = connections.user_channel(player.user_id)
    async with root.live() as desk, player.live() as screen:
        await subscribe_gone(db, channel, 1)
        await desk.send("broadcast", channel=channel, message={"text": "hello"})
        await screen.next("announcement")
        await desk.next("broadcasted")
        await until_forgotten(db, channel, but=1)


async def tell_of_a_portrait(deployment: Deployment, db: Database, player: Player) -> None:
    """Send Lambda's outcome of a portrait to a player who once had other connections."""
    channel = connections.user_channel(player.user_id)
    await subscribe_gone(db, channel, 2)
    request = {"userId": player.user_id, "key": f"uploads/{player.user_id}/x", "background": "none"}
    outcome = {"requestContext": {"condition": "Success"}, "requestPayload": request}
    await invoke(deployment, "avatar-outcome", outcome | {"responsePayload": {"error": "gone"}})
    await until_forgotten(db, channel)


async def leave(deployment: Deployment, db: Database, player: Player, arena: str) -> None:
    """A player erases everything while being connected, having once had another connection."""
    await play(player)
    await win(deployment, db, player)
    await play_with_pictures(deployment, player)
    await upload(deployment, player)
    async with player.live(arena) as screen:
        await subscribe_gone(db, connections.user_channel(player.user_id), 1)
        await player.ask("DELETE", "/profile", 204)
        await screen.socket.wait_closed()
    # A portrait of theirs was still to be made, and pictures came late.
    event = {"userId": player.user_id, "key": f"uploads/{player.user_id}/late", "background": "none"}
    bucket = deployment.config()["avatarBucket"]
    async with deployment.client("s3") as s3:
        for late in (event["key"], f"avatars/{player.user_id}/late/48.webp"):
            await s3.put_object(Bucket=bucket, Key=late, Body=b"late")
        assert (await deployment.run_container(event))["error"] == "deleted"
        for kind in ("uploads", "avatars"):
            listed = await s3.list_objects_v2(Bucket=bucket, Prefix=f"{kind}/{player.user_id}/")
            assert listed["KeyCount"] == 0


async def clean(deployment: Deployment, db: Database, gus: Player, hal: Player) -> None:
    """A deletion and a change of name have died halfway, and rows were damaged: the janitor does the rest."""
    long_ago = now_ms() - 2 * OLD_MS
    await play(gus)
    await win(deployment, db, gus)
    bucket = deployment.config()["avatarBucket"]
    async with deployment.client("s3") as s3:
        for key in (f"uploads/{gus.user_id}/x", f"avatars/{gus.user_id}/x/48.webp"):
            await s3.put_object(Bucket=bucket, Key=key, Body=b"left")
    await subscribe_gone(db, connections.user_channel(gus.user_id), 1)
    # By the janitor of this minute, too.
    deployment.expect("a standing of a deleted player is damaged")
    damaged = to_item({"userId": gus.user_id, "board": "forest", "points": "many"})
    await db.client.put_item(TableName=db.name(STANDINGS), Item=damaged)
    await players.bury(db, gus.user_id, long_ago, gus.username)
    await play(hal)
    for table, values in (
        (USER_PROFILES, {"look": 1}),
        (PLAYERS, {"look": 2, "pending": "look", "pendingSince": long_ago}),
    ):
        await db.client.update_item(
            TableName=db.name(table),
            Key=to_item({"userId": hal.user_id}),
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in values),
            ExpressionAttributeValues=to_item({f":{name}": value for name, value in values.items()}),
        )
    await invoke(deployment, "janitor", {})
    for player in (gus, hal):
        assert (await players.load_own(db, player.user_id)).pending is None
    assert [page async for page in standings.pages(db, gus.user_id)] == []
    entries = await scores.top(db, deployment.catalogue().boards["forest"])
    assert gus.user_id not in [entry.user_id for entry in entries]


async def merge(
    deployment: Deployment, db: Database, http: httpx.AsyncClient, heirs: Sequence[Player]
) -> None:
    """A guest with everything becomes part of an account, by its request; others by the janitor."""
    guests = [await Player.begin_as_guest(deployment, http) for _ in range(3)]
    for guest in guests[:2]:
        await play(guest)
        await win(deployment, db, guest)
        await play_with_pictures(deployment, guest)
        await upload(deployment, guest)
    await guests[2].ask("PUT", "/profile", 200, {"name": "Only a name"})
    ida, jon = heirs
    await ida.ask("POST", "/account/merge", 200, {"token": guests[0].id_token})
    long_ago = now_ms() - 2 * OLD_MS
    for guest in guests[1:]:
        await players.bequeath(
            db, guest.user_id, jon.user_id, long_ago, username=guest.username, limit=GUESTS_LIMIT
        )
        await invoke(deployment, "janitor", {})
    for heir in heirs:
        profile = await heir.ask("GET", "/profile", 200)
        assert profile["avatar"].startswith(f"avatars/{heir.user_id}/")
        assert (await heir.get("/leaderboard/me", gameArea="forest")).json()["score"] == 11


async def subscribe_gone(db: Database, channel: str, number: int) -> None:
    """Subscribe connections that are not there any more, as after a `$disconnect` that never came."""
    for _ in range(number):
        await connections.subscribe(db, f"gone{uuid.uuid4().hex[:8]}=", [channel], "absent", now_ms())


async def until_forgotten(db: Database, channel: str, *, but: int = 0) -> None:
    """Wait until only `but` connections are subscribed."""

    left: list[str] = []

    async def forgotten() -> bool:
        left[:] = [one async for page in connections.subscribers(db, channel) for one in page]
        return len(left) == but

    await until_async(forgotten, lambda: f"{channel} has {left}, and should have {but}")


async def invoke(deployment: Deployment, function: str, event: Mapping[str, Any]) -> None:
    """Invoke a function of the stage and have it succeed."""
    async with deployment.client("lambda") as functions:
        answer = await functions.invoke(
            FunctionName=f"{deployment.settings.prefix}{function}", Payload=json.dumps(event)
        )
        # Read in any case: the connection is not free before.
        told = await answer["Payload"].read()
        assert "FunctionError" not in answer, told
