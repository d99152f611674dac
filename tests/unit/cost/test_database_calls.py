"""The cost model's table of DynamoDB requests, checked against the code that makes them."""

import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from cost import database_calls as calls
from cost.database_calls import Units, units
from cost.frame_sizes import NAME, diff_bytes
from cost.request_units import PUSHES_A_CLAIM, row_bytes, subscribe
from cost.workload import Workload
from game.activity import HOUR_MS
from game.area_rules import Allowance
from game.catalogue import GLOBAL_BOARD
from game.live import BOARDS_LIMIT, CHANNEL_PARTS
from game.scoring import behind
from realtime.avatars import announce
from realtime.protocol import encode_snapshot
from realtime.push.shared_pace import SMALLEST_CLAIM_SECONDS
from store import appearance, boards, claims, connections, limits, players, profiles, rank_marks, spectators
from store.budgets import PUSHES, Budget
from store.claims import Claim
from store.database import Database
from store.guests import GuestBudget
from store.idempotency import request_key
from store.portraits import PortraitBucket
from store.profiles import Outcome, Profile
from store.rank_index import RankIndex
from store.rank_marks import Mark
from store.schema import (
    BUDGETS,
    CONNECTIONS,
    LEADERBOARDS,
    PLAYERS,
    RANKS,
    SCORES,
    STANDINGS,
    TABLES,
    USER_PROFILES,
    USER_PROGRESS,
    Table,
)
from store.spectators import Bounds
from store.submission import submit
from streams.report import Report
from tests.simulation.rank_world import small_trees
from tests.support.catalogues import edited
from tests.support.seasons import SEASON_MS, with_seasons
from tests.unit.api.player_requests import SUCCESSES, post, send
from tests.unit.api.rest_scene import PLAYER, RestScene, rest_scene
from tests.unit.cost.meter import Meter, expected, meter_in_front, size
from tests.unit.realtime.fakes import NOW, RecordingPush, recorded_database
from tests.unit.realtime.live_scene import CALLER, catalogue_of, live_scene
from tests.unit.store.appearance_scene import CATALOGUE as COUNTING
from tests.unit.store.reward_scene import CATALOGUE as WEEKS
from tests.unit.store.reward_scene import LAST, seat, week
from tests.unit.streams.broadcast_scene import BroadcastScene, broadcast_scene, full_board

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics")

ADA = Profile(user_id=PLAYER, name=NAME)
MADE = Outcome(
    upload=f"uploads/{PLAYER}/5f1cc1f0-5d0f-4d0c-a6b5-8c0a53a1c1d9",
    picture="0b9f3e61-6d1c-4a2e-9c55-0a6d3f7a2b11",
    face=True,
)
CLAIMED = Claim(
    user_id=PLAYER,
    board="forest-week#12",
    rank=12_345,
    of=98_765,
    money=500,
    items={"camel": 1, "torch": 20},
    claimed_at=NOW,
)
BATCH, PUBLICATION, SWEEP = calls.BATCH, calls.PUBLICATION, calls.SWEEP


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    """Ask for it before any scene."""
    return meter_in_front(monkeypatch)


@pytest.fixture
def rest(meter: Meter, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestScene]:
    """Yield the API over metered tables."""
    with rest_scene(monkeypatch) as scene:
        yield scene


@pytest.mark.parametrize(
    ("points", "operation"), [(40, calls.SCORE_KEPT), (41, calls.SCORE_IMPROVED)], ids=["kept", "improved"]
)
async def test_requests_of_a_score(meter: Meter, points: int, operation: calls.Operation) -> None:
    async with recorded_database() as tables:
        await submit(tables.direct, COUNTING, ADA, "forest", 40, NOW)
        with meter.counting() as rows:
            await submit(tables.db, COUNTING, ADA, "forest", points, NOW + 1)
    # The sum has a row, and no other area.
    assert rows == expected(operation)


@pytest.mark.parametrize(
    ("points", "operations"),
    [
        (40, (calls.SCORE_KEPT, calls.SEASON_READ, calls.SEASON_KEY_KEPT)),
        (
            41,
            (calls.SCORE_IMPROVED, calls.SEASON_READ, calls.SEASON_IMPROVED, calls.SEASON_KEY_IMPROVED),
        ),
    ],
    ids=["kept", "improved"],
)
async def test_requests_of_a_score_that_counts_for_a_season(
    meter: Meter, points: int, operations: tuple[calls.Operation, ...]
) -> None:
    catalogue = edited(with_seasons(NOW - SEASON_MS, catalogue=COUNTING), boards={"cup": None})
    async with recorded_database() as tables:
        await submit(tables.direct, catalogue, ADA, "forest", 40, NOW)
        with meter.counting() as rows:
            key = request_key(ADA.user_id, "once")
            await submit(tables.db, catalogue, ADA, "forest", points, NOW + 1, key=key)
        assert rows == expected(*operations)
        with meter.counting() as rows:
            await submit(tables.db, catalogue, ADA, "forest", 30, NOW + SEASON_MS)
    # The first score of a season that is no best of all time: there is no row to read, and none to delete.
    first = calls.Call("TransactWriteItems", {PLAYERS: 1, STANDINGS: 1, SCORES: 1})
    assert rows == expected(calls.SCORE_KEPT, (calls.Call("BatchGetItem", {STANDINGS: 1}), first))


def test_requests_of_a_run_and_of_the_score_that_spends_it(
    rest: RestScene, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = {"run": "required", "attempts": "9/1d", "submits": "9/1h"}
    catalogue = edited(COUNTING, areas={"sprint": {"rules": rules}})
    rest.replace(monkeypatch, catalogue=catalogue)
    for points in (40, 30):
        with meter.counting() as rows:
            run = post(rest, "/run", {"gameArea": "sprint"}).json["run"]
        assert rows == expected(calls.RUN)
        with meter.counting() as rows:
            answer = post(rest, "/score", {"gameArea": "sprint", "score": points, "run": run})
        assert answer.json["improved"] is True
    # Of an area that feeds no other board.
    own = (
        calls.Call("BatchGetItem", {PLAYERS: 1, USER_PROFILES: 1, STANDINGS: 1}),
        calls.Call("BatchGetItem", {SCORES: 1}),
        calls.Call("TransactWriteItems", {PLAYERS: 1, STANDINGS: 1, SCORES: 2}),
    )
    assert rows == expected(own, calls.RUN_SPENT)


async def test_requests_of_a_batch_that_changes_no_board(meter: Meter) -> None:
    async with broadcast_scene() as scene:
        await full_board(scene)
        await scene.score("dee", 1)
        rows = await _processed(meter, scene)
    assert rows == expected(BATCH)


async def test_published_version_pushed_by_one_function(meter: Meter) -> None:
    async with broadcast_scene() as scene:
        await full_board(scene)
        for number in range(4):
            await scene.subscribe(f"client-{number}", "forest")
        await scene.score("dee", 40)
        rows = await _processed(meter, scene)
    assert rows == expected(BATCH, PUBLICATION, calls.FANOUT_DIRECT, top=3, subscribers=5)


async def test_published_version_pushed_by_several_functions(
    meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PAGE_LIMIT", 4)
    async with broadcast_scene(direct_limit=5) as scene:
        await full_board(scene)
        # As far apart as the letters that begin them, so that the slices are of one size.
        for letter in "BCDEFGHIJKLMNOPQRSTUVWXYZ":
            await scene.subscribe(letter, "forest")
        await connections.unsubscribe(scene.direct, "viewer", ["forest"])
        await scene.score("dee", 40)
        records = scene.records()
        with meter.counting() as rows:
            await scene.process(records)
            slices = len(scene.started)
            await scene.run_pushers()
    assert slices == 3
    # Pages of four until there are more than five; then slices of eight or nine, in two or three pages.
    pages = rows["UpdateItem", LEADERBOARDS.name] - 3
    assert pages in (7, 8)
    assert rows == expected(
        BATCH, PUBLICATION, calls.FANOUT_SPLIT, top=3, subscribers=25, first_page=8, slices=3, pages=pages
    )


async def test_pushes_claimed_of_what_is_shared(meter: Meter) -> None:
    async with recorded_database() as tables:
        budget = Budget(tables.db, PUSHES, 8000, lambda: NOW * 1000)
        await budget.claim(1)
        with meter.counting() as rows:
            await budget.claim(PUSHES_A_CLAIM)
        assert rows == expected(calls.PUSHES_CLAIMED)
        (item,) = (await tables.direct.client.scan(TableName=BUDGETS.name))["Items"]
    assert size(item) == pytest.approx(row_bytes(Workload())[BUDGETS], rel=0.1)
    assert int(8000 * SMALLEST_CLAIM_SECONDS) == PUSHES_A_CLAIM


async def test_guest_counted(meter: Meter) -> None:
    async with recorded_database() as tables:
        with meter.counting() as rows:
            assert await GuestBudget(tables.db, 1, lambda: NOW).take()
        assert rows == expected(calls.GUEST)


async def test_sweep_of_boards_at_rest(meter: Meter) -> None:
    async with broadcast_scene() as scene:
        for area in ("forest", "desert", "sprint"):
            await full_board(scene, area)
        await scene.published(GLOBAL_BOARD)
        with meter.counting() as rows:
            scene.log.clear()
            assert await scene.broadcaster.sweep(Report()) == []
    (begun,) = calls.SWEEP_BEGUN
    assert scene.log.count("Query Leaderboards") == begun.times
    # The ids that the index lists are hardly any bytes.
    assert rows.pop((begun.kind, LEADERBOARDS.name)) == 4
    # The global board of this catalogue is empty.
    assert rows == expected(SWEEP, times=3, top=3) + expected(SWEEP, top=0)


async def test_board_that_stays_active(meter: Meter) -> None:
    async with live_scene(catalogue_of(1)) as scene:
        board = scene.live.catalogue.boards["area-1"]
        await boards.load_or_create(scene.direct, board, NOW - HOUR_MS, encode_snapshot)
        with meter.counting() as rows:
            await scene.ask({"action": "subscribe", "boards": ["area-1"]})
        assert rows == expected(calls.SUBSCRIBE, calls.MARK, followed=1, held=3)


async def test_subscribe_in_a_game_with_more_boards_than_a_connection_may_have(meter: Meter) -> None:
    boards_of_game = BOARDS_LIMIT + 1
    async with live_scene(catalogue_of(boards_of_game)) as scene:
        await boards.load_or_create(scene.direct, scene.live.catalogue.boards["area-1"], NOW, encode_snapshot)
        await scene.event("$connect")
        with meter.counting() as rows:
            await scene.ask({"action": "subscribe", "boards": ["area-1"]})
    assert rows == expected(calls.SUBSCRIBE_COUNTED, followed=1, held=3)
    for count, operation in ((BOARDS_LIMIT, calls.SUBSCRIBE), (boards_of_game, calls.SUBSCRIBE_COUNTED)):
        assert subscribe(Workload(boards=count)) is operation


async def test_connection_from_opening_to_closing(meter: Meter) -> None:
    areas = ["area-1", "area-2", "area-3"]
    async with live_scene(catalogue_of(3)) as scene:
        held = {}
        for area in areas:
            published = await boards.load_or_create(
                scene.direct, scene.live.catalogue.boards[area], NOW, encode_snapshot
            )
            held[area] = published.position._asdict()
        with meter.counting() as rows:
            await scene.event("$connect")
        assert rows == expected(calls.CONNECT)
        with meter.counting() as rows:
            await scene.ask({"action": "subscribe", "boards": areas})
        assert rows == expected(calls.SUBSCRIBE, followed=3, held=5)
        with meter.counting() as rows:
            await scene.ask({"action": "ping", "versions": held})
        assert rows == expected(calls.PING, followed=3)
        assert await scene.channels(CALLER) == {*areas, "all", f"user#{PLAYER}"}
        with meter.counting() as rows:
            await scene.event("$disconnect")
        assert rows == expected(calls.DISCONNECT, held=5)


async def test_spectator_s_connection_from_opening_to_closing(meter: Meter) -> None:
    async with live_scene(catalogue_of(2)) as scene:
        scene.live = replace(scene.live, spectators=Bounds(9, 9))
        boards_there = ["area-1", "area-2"]
        for area in boards_there:
            board = scene.live.catalogue.boards[area]
            await boards.load_or_create(scene.direct, board, NOW, encode_snapshot)
        with meter.counting() as rows:
            await scene.event("$connect", spectator=True)
        assert rows == expected(calls.SPECTATOR_CONNECT)
        with meter.counting() as rows:
            await scene.ask({"action": "subscribe", "boards": boards_there}, spectator=True)
        assert rows == expected(calls.of_spectator(calls.SUBSCRIBE), followed=2, held=4)
        with meter.counting() as rows:
            await scene.event("$disconnect", spectator=True)
        assert rows == expected(calls.SPECTATOR_DISCONNECT, held=4)


async def test_spectators_read_and_counted_by_a_sweep(meter: Meter) -> None:
    async with recorded_database() as tables:
        there = 3 * CHANNEL_PARTS
        for number in range(there):
            await spectators.admit(tables.direct, Bounds(99, 99), f"c{number}", "203.0.113.9", NOW)
        with meter.counting() as rows:
            await spectators.tally(tables.db, NOW)
        assert rows == expected(calls.SPECTATORS_READ, calls.SPECTATORS_COUNTED, counted=3)
        with meter.counting() as rows:
            await spectators.tally(tables.db, NOW)
        assert rows == expected(calls.SPECTATORS_READ)


def test_rank_is_looked_up_and_its_index_kept(rest: RestScene, meter: Meter) -> None:
    for number in range(20):
        rest.score(f"player-{number}", 100 - number)
    rest.score(PLAYER, 88)
    with small_trees(leaf_rows=5, children=20, chunk_rows=50):
        rest.run(lambda db: RankIndex(db, "forest").build())
        with meter.counting() as rows:
            answer = rest.get("/leaderboard/me", {"gameArea": "forest"}, player=PLAYER)
        assert answer.json["rank"] == 14
        # The neighbours are 5 and 6 rows with the player; the rest is what was counted of the leaf.
        counted = rows["Query", SCORES.name] - 5 - 6
        assert 0 <= counted < 5
        assert rows == expected(calls.RANK, rank_nodes=0, leaf_rows=counted)
        with meter.counting() as rows:
            rest.run(lambda db: RankIndex(db, "forest").maintain([behind("desc", 88)]))
        leaf = rows["Query", SCORES.name]
        assert 0 < leaf <= 5
        assert rows == expected(calls.RANKED, ranked_nodes=0, ranked_leaves=1, leaf_rows=leaf)


def test_rewards_are_listed_and_claimed(
    rest: RestScene, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest.replace(monkeypatch, catalogue=edited(WEEKS, boards={"sprint-week": None}))
    places = {f"player-{number}": 100 - number for number in range(20)} | {PLAYER: 101}

    async def play(db: Database) -> None:
        for season in (LAST - 2, LAST - 1, LAST):
            await seat(db, week(season), places)
            while not await RankIndex(db, week(season).key).build():
                pass
            await rank_marks.save(db, week(season).key, Mark(NOW))

    asked = {"gameArea": "forest-week", "season": LAST - 2}
    with small_trees(leaf_rows=5, children=30, chunk_rows=50):
        rest.run(play)
        with meter.counting() as rows:
            assert post(rest, "/rewards/claim", asked, Idempotency_Key="k").json["rank"] == 1
        leaf = rows["Query", SCORES.name]
        assert leaf <= 5
        assert rows == expected(calls.CLAIM, rank_nodes=0, leaf_rows=leaf)
        with meter.counting() as rows:
            assert len(rest.get("/rewards", player=PLAYER).json["rewards"]) == 3
        leaves = rows["Query", SCORES.name]
        assert rows == expected(
            calls.REWARDS, seasons=3, claims=1, unclaimed=2, rank_nodes=0, leaf_rows=leaves / 2
        )


@pytest.mark.parametrize(
    ("path", "operation"), [("/profile", calls.PROFILE), ("/progress", calls.PROGRESS)], ids=str
)
def test_requests_of_the_start_of_a_session(
    rest: RestScene, meter: Meter, path: str, operation: calls.Operation
) -> None:
    with meter.counting() as rows:
        assert rest.get(path, player=PLAYER).status == 200
    assert rows == expected(operation, boards=0)


@pytest.mark.parametrize("path", ["/client-config.json", "/shop"])
def test_rest_of_a_session_reads_nothing(rest: RestScene, meter: Meter, path: str) -> None:
    with meter.counting() as rows:
        assert rest.get(path, player=PLAYER).status == 200
    assert rows == Counter()


@pytest.mark.parametrize("success", SUCCESSES, ids=lambda success: success.path)
def test_action_with_a_key(rest: RestScene, meter: Meter, success: Any) -> None:
    for path, body in success.before:
        post(rest, path, body)
    with meter.counting() as rows:
        assert post(rest, success.path, success.body, Idempotency_Key="k").status == 200
    # A task that asks for a score looks for standings and their rows; the model leaves that out.
    for asked in ("BatchGetItem", SCORES.name), ("Query", STANDINGS.name):
        rows.pop(asked, None)
    assert rows == expected(calls.ACTION, boards=0)


def test_portrait_that_is_asked_for(rest: RestScene, meter: Meter, monkeypatch: pytest.MonkeyPatch) -> None:
    send(rest, "PUT", "/profile", {"name": NAME})
    monkeypatch.setattr(PortraitBucket, "exists", AsyncMock(return_value=True))
    with meter.counting() as rows:
        upload = post(rest, "/avatar/presign", {"contentType": "image/png", "contentLength": 1000}).json
        assert post(rest, "/avatar/process", {"key": upload["key"]}).status == 202
    assert rows == expected(calls.PORTRAIT_ASKED)


async def test_portrait_on_every_board_of_its_player(meter: Meter) -> None:
    async with recorded_database() as tables:
        for area in ("forest", "sprint"):
            await submit(tables.direct, COUNTING, ADA, area, 40, NOW)
        await appearance.change(tables.direct, ADA, lambda profile: profile, NOW)
        with meter.counting() as rows:
            await appearance.read_profile(tables.db, PLAYER)
            await appearance.change_stored(tables.db, PLAYER, lambda profile: profile.with_outcome(MADE), NOW)
        assert rows == expected(calls.PORTRAIT_MADE, boards=3)
        await connections.open_connection(tables.direct, "phone", PLAYER, NOW)
        invocation = {
            "requestContext": {"condition": "Success"},
            "requestPayload": {"userId": PLAYER, "key": "k"},
            "responsePayload": {"avatar": MADE.avatar(PLAYER)},
        }
        with meter.counting() as rows:
            await announce(tables.db, RecordingPush(), invocation)
        assert rows == expected(calls.PORTRAIT_TOLD)


@pytest.mark.parametrize("portrait", [False, True])
def test_rows_are_as_large_as_the_model_takes_them_to_be(rest: RestScene, portrait: bool) -> None:
    """Of a player with bests on all four boards, and progress of every kind."""
    for area, points in (("forest", 512_345), ("desert", 498_765), ("sprint", 61_250)):
        post(rest, "/score", {"gameArea": area, "score": points})
    for success in SUCCESSES:
        post(rest, success.path, success.body, Idempotency_Key=success.path)

    async def live(db: Database) -> dict[Table, list[dict[str, Any]]]:
        await appearance.change(db, ADA, lambda profile: profile, NOW)
        if portrait:
            await profiles.count_portrait(db, PLAYER, NOW)
            await appearance.change_stored(db, PLAYER, lambda profile: profile.with_outcome(MADE), NOW)
        await connections.open_connection(db, CALLER, PLAYER, NOW)
        await connections.subscribe(db, CALLER, ["whispering-forest"], PLAYER, NOW)
        await players.write(db, PLAYER, [claims.put(db, CLAIMED)])
        await players.bury(db, PLAYER, NOW)
        await Budget(db, PUSHES, 8000, lambda: NOW * 1000).claim(1)
        minutes = Allowance(30, 60_000)
        taken = limits.take(db, PLAYER, limits.quota("gauntlet", "submits", minutes, minutes.window(NOW)))
        await players.write(db, "another", [taken])
        return {table: (await db.client.scan(TableName=table.name))["Items"] for table in TABLES}

    typical = calls.row_bytes(portrait_share=float(portrait), board=0)
    sizes = rest.run(live)
    for table in typical.keys() - {LEADERBOARDS, RANKS}:
        assert statistics.mean(map(size, sizes[table])) == pytest.approx(typical[table], rel=0.1), table


async def test_row_of_a_board_is_as_large_as_the_model_takes_it_to_be() -> None:
    top = 20
    board = catalogue_of(1).boards["area-1"].model_copy(update={"top": top})
    async with recorded_database() as tables:
        for number in range(top):
            player = Profile(user_id=f"{PLAYER[:-12]}{number:012d}", name=NAME)
            await submit(tables.direct, catalogue_of(1), player, "area-1", 50 + number, NOW)
        published = await boards.load_or_create(tables.direct, board, NOW, encode_snapshot)
        frame = "{}".ljust(round(diff_bytes(top, 1, 0)))
        await boards.publish(tables.direct, published, published.entries, frame, now=NOW, collapse=False)
        (item,) = (await tables.direct.client.scan(TableName=LEADERBOARDS.name))["Items"]
    typical = row_bytes(Workload(top=top, portrait_share=0))[LEADERBOARDS]
    assert size(item) == pytest.approx(typical, rel=0.1)


def test_units_round_up_and_count_twice_in_transactions_and_indexes() -> None:
    sizes = {USER_PROGRESS: 4097.0, SCORES: 1025.0, CONNECTIONS: 100.0, LEADERBOARDS: 8193.0}
    operation: calls.Operation = (
        calls.Call("GetItem", {LEADERBOARDS: 1}),  # 3 reads
        calls.Call("TransactGetItems", {USER_PROGRESS: 1}),  # 2 * 2 reads
        calls.Call("Query", {SCORES: "top"}),  # 10 * 1025 bytes: 3 reads
        calls.Call("IndexQuery", {CONNECTIONS: 2}),  # half a read
        calls.Call("TransactWriteItems", {USER_PROGRESS: 1, SCORES: 2}),  # 2 * (5 + 2 * 2) writes
        calls.Call("BatchWriteItem", {CONNECTIONS: 3}),  # 3 rows and 3 in the index
        calls.Call("UpdateItem", {LEADERBOARDS: 1}, times="pages"),  # 2 * 9 writes
    )
    assert units(operation, sizes, {"top": 10, "pages": 2}) == Units(3 + 4 + 3 + 0.5, 18 + 6 + 18)


async def _processed(meter: Meter, scene: BroadcastScene) -> Counter[tuple[str, str]]:
    records = scene.records()
    with meter.counting() as rows:
        assert await scene.process(records) == []
    return rows
