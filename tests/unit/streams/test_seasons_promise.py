"""The promise of the live path with a clock that crosses the ends of seasons, under injected faults.

Every score is in the season in which the server received it, or its run began where there is grace, on every
board that its area feeds: never in two, never in none. Every connected client shows the season that is open,
as the table has it, whether it was awake when it began or not. Past seasons hold what they held in the end.

Functions go by clocks that are seconds apart. Scores are sent again until they are answered, over a boundary
too. In coins the points of each score are a power of two: so the sum of a season says which scores are in it.
See `tests.simulation.seasons_world`, which works out from the players' requests alone what has to be.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from game.seasons import MARGIN_MS
from store import appearance, boards, connections, profiles, schema, scores
from store.database import from_item
from tests.simulation import clock
from tests.simulation.clock import now
from tests.simulation.faults import Rates
from tests.simulation.plans import RATES, Connect, Deliver, Erase, Pause, Rename, Sweep
from tests.simulation.scene import world_of
from tests.simulation.seasons_world import (
    CATALOGUE,
    FIRST_BIT,
    KEEP,
    KINDS,
    SEASONAL,
    SeasonsWorld,
    Submitted,
)

RUNS = 100
PLAYERS = ["ada", "bob", "cy"]
SKEW_MS = 3_000
CLOCKS = (now, lambda: now() + SKEW_MS, lambda: now() - SKEW_MS)


class Score(NamedTuple):
    player: str
    area: str
    value: int
    run_seconds: float | None
    tries: int

    async def happen(self, world: SeasonsWorld) -> None:
        world.background.start(world.play(self.player, self.area, self.value, self.run_seconds, self.tries))


class ToClient(NamedTuple):
    what: str
    client: int

    async def happen(self, world: SeasonsWorld) -> None:
        if world.clients:
            client = world.clients[self.client % len(world.clients)]
            if self.what == "ping":
                client.ping()
            else:
                getattr(world, self.what)(client)


class Sleep(NamedTuple):
    client: int
    seconds: float

    async def happen(self, world: SeasonsWorld) -> None:
        if world.clients:
            world.clients[self.client % len(world.clients)].sleep(self.seconds)


class Turn(NamedTuple):
    async def happen(self, world: SeasonsWorld) -> None:
        world.background.start(world.turn_seasons())


class Damage(NamedTuple):
    what: str
    board: str

    async def happen(self, world: SeasonsWorld) -> None:
        await getattr(world, self.what)(self.board)


class Boundary(NamedTuple):
    """The end of a season, and a while after or before it."""

    offset: float

    async def happen(self, world: SeasonsWorld) -> None:
        await world.wait_for_boundary(self.offset)


Step = (
    Score | Rename | Erase | Connect | ToClient | Sleep | Deliver | Sweep | Turn | Damage | Pause | Boundary
)

# Before the season, in it, and longer ago than the last one began.
RUN_SECONDS = st.sampled_from([None, None, None, 0.01, 2, 8, 22, 30, 3000, 8000, -1])
SCORES = st.builds(
    Score,
    st.sampled_from(PLAYERS),
    st.sampled_from(["forest", "coins", "coins"]),
    st.integers(1, 39),
    RUN_SECONDS,
    st.integers(1, 3),
)
BOARDS = st.sampled_from(sorted(SEASONAL))
CONNECTS = st.builds(
    Connect, st.lists(st.sampled_from(["both", *sorted(SEASONAL)]), min_size=1, unique=True).map(tuple)
)
BOUNDARIES = st.builds(
    Boundary, st.sampled_from([-4, -1, -0.05, -0.005, 0, 0.005, 0.05, 1, 4, 7, 19.9, 25, 70])
)
STEPS: st.SearchStrategy[Step] = st.one_of(
    SCORES,
    SCORES,
    SCORES,
    SCORES,
    CONNECTS,
    BOUNDARIES,
    BOUNDARIES,
    st.builds(Rename, st.sampled_from(PLAYERS), st.sampled_from(["Ada", "Bob"])),
    st.builds(Erase, st.sampled_from(PLAYERS[2:])),
    st.builds(ToClient, st.sampled_from(["drop", "stick", "stop_reading", "ping"]), st.integers(0, 5)),
    st.builds(Sleep, st.integers(0, 5), st.sampled_from([0.05, 5, 100, 4000])),
    st.builds(Deliver, st.booleans(), st.booleans()),
    st.builds(Sweep),
    st.builds(Turn),
    st.builds(Damage, st.sampled_from(["break_board", "withdraw"]), BOARDS),
    st.builds(Pause, st.sampled_from([0.001, 0.01, 0.05, 1])),
)
# Whatever else happens, scores come right before the end of a season or right after it, by one of the clocks.
CLOSE = [-4, -SKEW_MS / 1000 - 0.02, -0.3, -0.02, 0, 0.02, SKEW_MS / 1000 - 0.02]
PLANS = st.builds(
    lambda watchers, steps, offset, burst, later: [
        *watchers,
        Pause(1),
        *steps,
        Boundary(offset),
        *burst,
        *later,
    ],
    st.lists(CONNECTS, max_size=3),
    st.lists(STEPS, max_size=12),
    st.sampled_from(CLOSE),
    st.lists(SCORES, min_size=1, max_size=4),
    st.lists(STEPS, max_size=12),
)


@pytest.mark.timeout(3600)
def test_every_score_is_in_its_season_and_every_screen_shows_the_open_one(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = request.config.getoption("--promise-runs")
    # So that a slice has more than one.
    monkeypatch.setattr(connections, "PAGE_LIMIT", 1)
    monkeypatch.setattr(appearance, "ROWS_AT_ONCE", 1)

    @settings(
        max_examples=runs or RUNS,
        # The same plans at every run, unless more are asked for.
        derandomize=runs is None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        steps=PLANS, seed=st.integers(0, 2**32), rates=RATES, direct_limit=st.sampled_from([0, 1, 1000, 1000])
    )
    def promise(steps: Sequence[Step], seed: int, rates: Rates, direct_limit: int) -> None:
        clock.run(play(steps, seed, rates, direct_limit))

    promise()


async def play(steps: Sequence[Step], seed: int, rates: Rates, direct_limit: int) -> None:
    scene = world_of(SeasonsWorld, CATALOGUE, seed, rates, direct_limit=direct_limit, clocks=CLOCKS)
    async with scene as it:
        for step in steps:
            await step.happen(it)
        await it.settle()
        await check_screens(it)
        await check_tables(it)
        check_history(it)
        # No player goes on, and every client turns once more.
        await it.wait_for_boundary(10)
        await it.come_to_rest()
        await check_screens(it)


async def check_screens(world: SeasonsWorld) -> None:
    """Every client shows the season that is open, as the table has it and as it was published."""
    for unbound in CATALOGUE.boards.values():
        board = unbound.at(now())
        if board.id in SEASONAL:
            assert board.season == KINDS[SEASONAL[board.id]].number(now())
        viewers = [client for client in world.clients if board.id in client.replicas]
        if not viewers:
            continue
        truth = await scores.top(world.direct, board)
        published = await boards.load(world.direct, board.id)
        assert published is not None
        assert (published.season, published.entries) == (board.season, truth)
        assert not published.outbox
        assert published.fanout is None
        for client in viewers:
            assert client.connection_id is not None
            replica = client.replicas[board.id]
            assert (replica.season, replica.entries) == (board.season, truth)
            assert replica.position == published.position
            assert replica.ends_at == (board.times.ends_at if board.times else None)


Points = dict[str, int]
"""What a player has, by the keys of boards and areas."""


async def read_tables(world: SeasonsWorld) -> dict[str, Points]:
    """Return what players have; each has the row that the standing tells of, and no other."""
    held: dict[str, Points] = defaultdict(dict)
    named = set()
    for item in (await world.direct.client.scan(TableName=schema.STANDINGS.name))["Items"]:
        one = from_item(item)
        held[one["userId"]][one["board"]] = int(one["points"])
        check_expiry(one["board"], one)
        if "score" in one:
            named.add((one["board"], one["score"], one["userId"], int(one["points"])))
    rows = [
        from_item(item) for item in (await world.direct.client.scan(TableName=schema.SCORES.name))["Items"]
    ]
    assert {(row["gameArea"], row["score"], row["userId"], int(row["points"])) for row in rows} == named
    assert len(rows) == len(named)
    for row in rows:
        check_expiry(row["gameArea"], row)
        await check_name(world, row)
    return held


def check_expiry(key: str, row: dict[str, Any]) -> None:
    name, _, season = key.partition("#")
    kind = KINDS.get(SEASONAL.get(name, name.partition("@")[2]))
    assert (kind is None) == (not season)
    expires_at = (kind.begins(int(season) + 1 + KEEP) + MARGIN_MS) // 1000 if kind else None
    assert row.get("expiresAt") == expires_at


async def check_name(world: SeasonsWorld, row: dict[str, Any]) -> None:
    """A new name is on every board but those of seasons that were over."""
    board = CATALOGUE.find_board(row["gameArea"])
    assert board is not None
    if board.season is None or board.season == board.at(now()).season:
        profile = await profiles.load(world.direct, row["userId"])
        assert row["name"] == (profile.name if profile else row["userId"])


async def check_tables(world: SeasonsWorld) -> None:
    held = await read_tables(world)
    assert not world.erased & held.keys()
    for player in set(PLAYERS) - world.erased:
        mine = [one for one in world.submitted if one.player == player]
        check_coins(held[player], [one for one in mine if one.area == "coins"])
        check_forest(held[player], [one for one in mine if one.area == "forest"])
        check_sums(held[player])


def bits(points: int) -> set[int]:
    """Return the scores in coins that points are the sum of."""
    assert points % 2**FIRST_BIT == 0
    return {1 << place for place in range(points.bit_length()) if points >> place & 1}


def check_coins(held: Points, submitted: Iterable[Submitted]) -> None:
    """Every score is in exactly one season of each kind, or nowhere at all."""
    counted = bits(held.get("coins", 0))
    assert counted <= {one.points for one in submitted}
    found: dict[int, list[tuple[str, int]]] = defaultdict(list)
    for key, points in held.items():
        name, _, season = key.partition("#")
        if name == "coins-short":
            for score in bits(points):
                found[score].append(("short", int(season)))
        elif name == "coins@hour":
            for score in bits(points):
                found[score].append(("hour", int(season)))
    assert found.keys() == counted
    for one in submitted:
        seasons = dict(found.get(one.points, []))
        assert len(seasons) == len(found.get(one.points, [])), "it is in two seasons of a kind"
        if not seasons:
            assert not one.answers, "it was accepted, and is in no season"
            continue
        assert seasons in one.possible()
        for answer in one.answers:
            told = {SEASONAL[board.game_area]: board.season for board in answer.boards if board.season}
            assert told == seasons


def check_forest(held: Points, submitted: Sequence[Submitted]) -> None:
    """The best score of each season was received in it, and no better one that was accepted."""
    by_points = {one.points: one for one in submitted}
    seasons = {key: points for key, points in held.items() if key.startswith("forest-hour#")}
    for key, points in seasons.items():
        assert {"hour": int(key.partition("#")[2])} in by_points[points].possible()
    for one in submitted:
        for answer in one.answers:
            assert held["forest"] >= one.points
            (season,) = {board.season for board in answer.boards if board.season}
            assert seasons[f"forest-hour#{season}"] >= one.points
            assert {"hour": season} in one.possible()
    assert held.get("forest", 0) == max(seasons.values(), default=0)


def check_sums(held: Points) -> None:
    """Sums are those of the same season's areas."""
    assert held.get("both", 0) == held.get("forest", 0) + held.get("coins", 0)
    numbers = {key.partition("#")[2] for key in held if "hour#" in key}
    for number in numbers:
        forest, coins = held.get(f"forest@hour#{number}", 0), held.get(f"coins@hour#{number}", 0)
        assert held[f"both-hour#{number}"] == forest + coins
        assert held.get(f"forest-hour#{number}", 0) == forest


def check_history(world: SeasonsWorld) -> None:
    """Nothing was ever published in a season to which it does not belong; seasons begin when they say."""
    allowed: dict[tuple[str, int], list[Submitted]] = {}
    for one in world.submitted:
        allowed[one.player, one.points] = [one]
    for (board, position), season in world.history.seasons.items():
        if season is None:
            continue
        kind = SEASONAL[board]
        if not (world.broken or world.withdrawn):
            assert position.epoch == KINDS[kind].begins(season)
        for entry in world.history.entries[board, position]:
            parts = bits(entry.points - entry.points % 2**FIRST_BIT) | {entry.points % 2**FIRST_BIT} - {0}
            for part in parts:
                (submitted,) = allowed[entry.user_id, part]
                assert any(found[kind] == season for found in submitted.possible())
