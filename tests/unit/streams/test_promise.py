"""The promise of the live path, under injected faults.

Every subscriber sees each board's versions in order and without gaps, or resyncs; and when the scores stop,
every connected client's board equals the table's top K. So does that of a client that comes hours later,
though records were lost meanwhile. All rows of a player show one name by then. Of a player who asked to be
deleted, and asked again in the end, nothing is left, whatever else happened meanwhile.

A plan (who scores, connects, drops, is renamed or deleted, and when the stream is read) comes from hypothesis
and shrinks; what goes wrong in between follows from a seed. `--promise-runs` sets how many plans are tried.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from game.board import Entry
from game.catalogue import GLOBAL_BOARD, Catalogue
from game.scoring import better
from store import appearance, boards, connections, profiles, schema, scores
from store.database import Database
from tests.simulation import clock
from tests.simulation.faults import Rates
from tests.simulation.plans import RATES, Connect, Deliver, Erase, Pause, Rename, Sweep
from tests.simulation.scene import world
from tests.simulation.world import LONG_SECONDS, World
from tests.unit.store.appearance_scene import held_by

CATALOGUE = Catalogue.model_validate(
    {
        "boards": {"global": {"title": "All", "top": 3, "areas": ["forest", "desert"]}},
        "areas": {
            "forest": {"title": "F", "order": "desc", "min": -20, "max": 20, "top": 3},
            "desert": {"title": "D", "order": "desc", "min": 0, "max": 5, "top": 2},
            "sprint": {"title": "S", "order": "asc", "min": 1, "max": 9, "top": 2},
        },
    }
)
RUNS = 200
PLAYERS = [f"player-{number}" for number in range(6)]


class Score(NamedTuple):
    player: str
    area: str
    points: int

    async def happen(self, world: World) -> None:
        world.background.start(world.submit(self.player, self.area, self.points))


class Drop(NamedTuple):
    client: int

    async def happen(self, world: World) -> None:
        if world.clients:
            world.drop(world.clients[self.client % len(world.clients)])


class Stick(NamedTuple):
    client: int

    async def happen(self, world: World) -> None:
        if world.clients:
            world.stick(world.clients[self.client % len(world.clients)])


class StopReading(NamedTuple):
    client: int

    async def happen(self, world: World) -> None:
        if world.clients:
            world.stop_reading(world.clients[self.client % len(world.clients)])


class BadScore(NamedTuple):
    board: str
    sort_key: str

    async def happen(self, world: World) -> None:
        await world.put_bad_score(self.board, self.sort_key)


class BreakBoard(NamedTuple):
    board: str

    async def happen(self, world: World) -> None:
        await world.break_board(self.board)


class LoseRecords(NamedTuple):
    async def happen(self, world: World) -> None:
        world.lose_records()


class LoseMark(NamedTuple):
    board: str

    async def happen(self, world: World) -> None:
        await world.lose_mark(self.board)


Step = (
    Score
    | Erase
    | Rename
    | Connect
    | Drop
    | Stick
    | StopReading
    | Deliver
    | Sweep
    | BadScore
    | BreakBoard
    | LoseRecords
    | LoseMark
    | Pause
)


def score_steps() -> st.SearchStrategy[Score]:
    return st.one_of(
        [
            st.builds(Score, st.sampled_from(PLAYERS), st.just(name), st.integers(area.min, area.max))
            for name, area in CATALOGUE.areas.items()
        ]
    )


CONNECTS = st.builds(
    Connect, st.lists(st.sampled_from(sorted(CATALOGUE.boards)), min_size=1, unique=True).map(tuple)
)
BOARDS = st.sampled_from(sorted(CATALOGUE.boards))
STEPS: st.SearchStrategy[Step] = st.one_of(
    score_steps(),
    score_steps(),
    score_steps(),
    CONNECTS,
    st.builds(Erase, st.sampled_from(PLAYERS)),
    st.builds(Rename, st.sampled_from(PLAYERS), st.sampled_from(["Ada", "Bob"])),
    st.builds(Drop, st.integers(0, 5)),
    st.builds(Stick, st.integers(0, 5)),
    st.builds(StopReading, st.integers(0, 5)),
    st.builds(Deliver, st.booleans(), st.booleans()),
    st.builds(Sweep),
    # Sort keys before all others, among them and behind them.
    st.builds(BadScore, BOARDS, st.sampled_from(["!", "1000000000000001#999998", "~"])),
    st.builds(BreakBoard, BOARDS),
    st.builds(LoseRecords),
    st.builds(LoseMark, BOARDS),
    st.builds(Pause, st.sampled_from([0.001, 0.01, 0.05, 1, LONG_SECONDS])),
)
# Some are watching before anything happens.
PLANS = st.builds(
    lambda watchers, steps: [*watchers, Pause(1), *steps],
    st.lists(CONNECTS, max_size=4),
    st.lists(STEPS, max_size=30),
)
# Subscribers of a board whom the broadcaster pushes to by itself: none, one, all of them.
DIRECT_LIMITS = st.sampled_from([0, 1, 1000])
# Seconds for which faults outlast the last step: long enough for every retry that Lambda makes.
LINGER = st.sampled_from([0, 5, 240])


@pytest.mark.timeout(3600)
def test_every_screen_becomes_what_the_table_says(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = request.config.getoption("--promise-runs")
    # So that a slice has more than one.
    monkeypatch.setattr(connections, "PAGE_LIMIT", 1)
    # So that a rename shows its rows one after the other.
    monkeypatch.setattr(appearance, "ROWS_AT_ONCE", 1)

    @settings(
        max_examples=runs or RUNS,
        # The same plans at every run, unless more are asked for.
        derandomize=runs is None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    # The last frame of all, to a client that reads nothing, alone or among others.
    @example(
        steps=[
            *[Connect(("forest",))] * 4,
            Pause(1),
            StopReading(1),
            Score("player-1", "forest", 3),
            Pause(1),
            Score("player-2", "forest", 4),
        ],
        seed=0,
        rates=Rates(),
        direct_limit=1000,
        linger=0,
    )
    # And to one that takes none: only closing its connection tells it.
    @example(
        steps=[Connect(("forest",)), Pause(1), Stick(0), Score("player-1", "forest", 3)],
        seed=0,
        rates=Rates(),
        direct_limit=1000,
        linger=0,
    )
    @given(steps=PLANS, seed=st.integers(0, 2**32), rates=RATES, direct_limit=DIRECT_LIMITS, linger=LINGER)
    def promise(steps: Sequence[Step], seed: int, rates: Rates, direct_limit: int, linger: float) -> None:
        clock.run(play(steps, seed, rates, direct_limit, linger))

    promise()


async def play(steps: Sequence[Step], seed: int, rates: Rates, direct_limit: int, linger: float) -> None:
    async with world(CATALOGUE, seed, rates, direct_limit=direct_limit) as scene:
        for step in steps:
            await step.happen(scene)
        await scene.linger(linger)
        await scene.settle()
        await check_screens(scene)
        await check_tables(scene)
        await scene.look_at_every_board()
        await check_screens(scene)


async def check_screens(world: World) -> None:
    for board in CATALOGUE.boards.values():
        truth = await scores.top(world.direct, board)
        published = await boards.load(world.direct, board.id)
        if not any(board.id in client.replicas for client in world.clients):
            # What is wrong with a board at which no client looks is put right when one does.
            if world.lost or world.broken:
                continue
            if published is None:
                assert not truth
                continue
        assert published is not None
        assert published.entries == truth
        assert not published.outbox
        assert published.fanout is None
        for client in world.clients:
            assert client.connection_id is not None
            if board.id in client.replicas:
                assert client.replicas[board.id].entries == truth
                assert client.replicas[board.id].position == published.position


async def check_tables(world: World) -> None:
    """Exactly one row per player and board, the best of all that was acknowledged, and the exact sum."""
    for player in world.erased:
        assert player not in await everything(world.direct)
    rows = {board.id: await all_entries(world, board.id) for board in CATALOGUE.boards.values()}
    for player in set(PLAYERS) - world.erased:
        profile = await profiles.load(world.direct, player)
        bests = await held_by(world.direct, player)
        for board, entries in rows.items():
            own = [entry.points for entry in entries if entry.user_id == player]
            assert own == ([bests[board].points] if board in bests else [])
            names = {entry.name for entry in entries if entry.user_id == player}
            assert names <= {profile.name if profile else player}
        counting = [bests[area].points for area in CATALOGUE.boards[GLOBAL_BOARD].areas if area in bests]
        assert (bests[GLOBAL_BOARD].points if GLOBAL_BOARD in bests else None) == (
            sum(counting) if counting else None
        )
        for name, area in CATALOGUE.areas.items():
            for acknowledged in world.acknowledged.get((player, name), []):
                assert not better(area.order, acknowledged, bests[name].points)


async def everything(db: Database) -> str:
    """Return every row of every table, as text, but for tombstones and for boards as they were published."""
    answers = [
        await db.client.scan(TableName=table.name)
        for table in schema.TABLES
        if table not in (schema.PLAYERS, schema.LEADERBOARDS)
    ]
    return json.dumps([answer["Items"] for answer in answers], default=str)


async def all_entries(world: World, board: str) -> tuple[Entry, ...]:
    return await scores.page(world.direct, CATALOGUE.boards[board], limit=100)
