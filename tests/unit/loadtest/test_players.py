"""When players score, how well, and what they make of the answers."""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from game.board import Entry
from loadtest.accounts import Account, Cognito
from loadtest.arenas import Arena, quality_of
from loadtest.messages import Answered, Attempted, Rewarded
from loadtest.players import Player, Rules, Skill, poisson
from loadtest.rest import Rest, RestError
from tests.unit.loadtest.stand_in import CATALOGUE, StandIn, entry

shares = st.floats(0, 1)


def arena(name: str, floor: float = 0.0) -> Arena:
    boards = {board.id: board.areas for board in CATALOGUE.boards_of(name)}
    return Arena(id=name, area=CATALOGUE.areas[name], floor=floor, boards=boards)


class Clock:
    """Time that passes when a task sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(asyncio, "sleep", self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def events(clock: Clock, rate: float, ramp: float, duration: float, seed: int = 1) -> list[float]:
    hits: list[float] = []
    await poisson(rate, ramp, duration, lambda: clock.now, random.Random(seed), hits.append)
    return hits


async def test_scores_come_at_the_rate_and_at_random(clock: Clock) -> None:
    hits = await events(clock, rate=10, ramp=0, duration=2_000)
    pauses = [after - before for before, after in itertools.pairwise(hits)]
    # A Poisson process: as many as expected, within 4 standard deviations; pauses as long as they vary.
    assert abs(len(hits) - 20_000) < 4 * 20_000**0.5
    mean = sum(pauses) / len(pauses)
    deviation = (sum((pause - mean) ** 2 for pause in pauses) / len(pauses)) ** 0.5
    assert deviation == pytest.approx(mean, rel=0.05)
    assert hits == sorted(hits)
    assert hits[-1] < 2_000


async def test_rate_rises_during_the_ramp(clock: Clock) -> None:
    hits = await events(clock, rate=10, ramp=1_000, duration=2_000)
    quarters = Counter(int(at // 500) for at in hits)
    assert [quarters[n] / 500 for n in range(4)] == pytest.approx([2.5, 7.5, 10, 10], rel=0.1)


async def test_events_that_are_handled_late_keep_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    hits: list[float] = []
    await poisson(100, 0, 1, lambda: 5.0, random.Random(1), hits.append)
    assert hits
    assert all(at < 1 for at in hits)


@given(st.sampled_from(sorted(CATALOGUE.areas)), shares, shares)
def test_points_stay_within_the_bounds_and_above_the_floor(name: str, floor: float, quality: float) -> None:
    ground = arena(name, floor)
    points = ground.points(quality)
    assert ground.area.min <= points <= ground.area.max
    reached = quality_of(ground.area, points)
    assert reached == pytest.approx(floor + (1 - floor) * quality, abs=1e-5)


@given(st.integers())
def test_players_get_better_but_never_perfect(seed: int) -> None:
    skill = Skill(random.Random(seed))
    attempts = [skill.attempt() for _ in range(300)]
    assert all(0 < attempt < 1 for attempt in attempts)
    assert max(attempts[150:]) > max(attempts[:10])


@dataclass
class Game:
    """One player, and what is reported of them."""

    player: Player
    user_id: str
    clock: Callable[[], float]
    errors: Counter[str]
    counts: Counter[str]
    broken: Counter[str]
    reports: list[Attempted | Answered | Rewarded] = field(default_factory=list)

    async def idle(self) -> None:
        if self.player.playing is not None:
            await self.player.playing

    @property
    def attempts(self) -> list[Attempted]:
        return [report for report in self.reports if isinstance(report, Attempted)]

    @property
    def answers(self) -> list[Answered]:
        return [report for report in self.reports if isinstance(report, Answered)]


@asynccontextmanager
async def game(
    stand_in: StandIn,
    http: aiohttp.ClientSession,
    *played: str | Arena,
    watched: tuple[str, ...] = ("global",),
) -> AsyncIterator[Game]:
    async with Cognito.open(stand_in.config(), "Secret-1") as cognito, asyncio.TaskGroup() as tasks:
        account = await Account.make(cognito, "ada", "Ada")
        began = time.monotonic()
        arenas = tuple(one if isinstance(one, Arena) else arena(one) for one in played)
        errors: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        broken: Counter[str] = Counter()
        reports: list[Attempted | Answered | Rewarded] = []

        def now() -> float:
            return time.monotonic() - began

        rules = Rules(
            arenas=arenas,
            watched=frozenset({*(one.id for one in arenas), *watched}),
            rest=Rest(http, stand_in.url),
            now=now,
            tasks=tasks,
            counts=counts,
            errors=errors,
            broken=broken,
            numbers=itertools.count(1).__next__,
            report=reports.append,
        )
        yield Game(
            Player(account, rules, random.Random(1)), account.user_id, now, errors, counts, broken, reports
        )


async def test_score_is_announced_before_it_is_sent(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    gate = stand_in.hold("POST /score")
    async with game(stand_in, http, "forest") as play:
        play.player.schedule(0.0)
        await gate.reached.wait()
        [attempt] = play.attempts
        assert not play.answers
        gate.open.set()
        await play.idle()
        [answer] = play.answers
    points = stand_in.bests["sub-ada"]["forest"]
    assert attempt.points == {"forest": points, "global": points}
    assert (attempt.user_id, attempt.scheduled) == ("sub-ada", 0.0)
    assert (answer.number, answer.outcome, answer.scheduled) == (attempt.number, "improved", 0.0)
    assert answer.sent < answer.answered


async def test_time_runs_from_when_a_score_was_due_even_behind_a_slow_answer(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    gate = stand_in.hold("POST /score")
    async with game(stand_in, http, "forest") as play:
        for due in (0.0, 0.001, 0.002):
            play.player.schedule(due)
        await gate.reached.wait()
        assert stand_in.calls.count("POST /score") == 1
        released = play.clock()
        gate.open.set()
        await play.idle()
        answers = play.answers
    assert [answer.scheduled for answer in answers] == [0.0, 0.001, 0.002]
    # The second and the third were not even sent before; yet they have waited as long as the first.
    assert all(answer.sent >= released for answer in answers[1:])
    assert all(answer.answered - answer.scheduled >= released - 0.002 for answer in answers)


async def test_global_is_the_sum_of_the_bests_that_count(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    async with game(stand_in, http, "forest", "desert", "sprint") as play:
        for _ in range(30):
            play.player.schedule(0.0)
        await play.idle()
        bests = {"forest": 0, "desert": 0}
        for attempt in play.attempts:
            for area in {*attempt.points} & {*bests}:
                bests[area] = attempt.points[area]
                assert attempt.points["global"] == sum(bests.values())
            if "sprint" in attempt.points:
                assert "global" not in attempt.points
        outcomes = [answer.outcome for answer in play.answers]
    assert [not attempt.points for attempt in play.attempts] == [outcome == "kept" for outcome in outcomes]
    assert set(outcomes) == {"improved", "kept"}


async def test_after_a_failure_the_bests_are_read_again(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    async with game(stand_in, http, "desert") as play:
        stand_in.failures["POST /score"].append((503, {}))
        # It took effect all the same.
        stand_in.bests["sub-ada"]["desert"] = 999_999
        play.player.schedule(0.0)
        play.player.schedule(0.0)
        await play.idle()
        assert [answer.outcome for answer in play.answers] == ["failed", "kept"]
        assert play.attempts[1].points == {}
        assert play.errors == {"POST /score: 503": 1}
    assert stand_in.calls[-3:] == ["POST /score", "GET /progress", "POST /score"]


async def test_giving_up_counts_what_has_no_answer(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    gate = stand_in.hold("POST /score")
    async with game(stand_in, http, "forest") as play:
        assert play.player.give_up() == 0
        for _ in range(3):
            play.player.schedule(0.0)
        await gate.reached.wait()
        assert play.player.give_up() == 3
        assert play.player.playing is None


async def test_board_of_several_pages_is_read_to_its_size(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    stand_in.boards["forest"] = [entry(rank, 1_000 - rank) for rank in range(1, 261)]
    rest = Rest(http, stand_in.url)
    page = await rest.top("forest", 250)
    assert [shown.rank for shown in page.entries] == list(range(1, 251))
    assert page.entries[0] == Entry.model_validate(entry(1, 999))
    assert page.version == 7
    assert len((await rest.top("forest", 1_000)).entries) == 260
    assert (await rest.top("desert", 50)).entries == ()


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ((500, "x"), "GET /leaderboard: 500"),
        ((200, {"version": 1}), "GET /leaderboard: an answer that is not in the API's description"),
    ],
)
async def test_failed_request_says_the_same_each_time(
    failure: tuple[int, object], told: str, stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    stand_in.failures["GET /leaderboard"].append(failure)
    with pytest.raises(RestError) as failed:
        await Rest(http, stand_in.url).top("forest", 10)
    assert str(failed.value) == told


class Waits:
    """What a client slept, in seconds."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.mark.parametrize(
    ("status", "retry_after", "asked"), [(503, "4", 4), (429, None, 0), (503, "soon", 0)]
)
async def test_read_of_a_busy_server_is_repeated_when_the_server_asks_for_it(
    status: int, retry_after: str | None, asked: int, stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    waits = Waits()
    rest = Rest(http, stand_in.url, waits.sleep)
    stand_in.retry_after = retry_after
    stand_in.failures["GET /leaderboard"].extend([(status, "x")] * 2)
    assert (await rest.top("forest", 10)).entries == ()
    assert all(asked <= seconds < asked + 1 for seconds in waits.seconds)
    assert len(waits.seconds) == 2

    stand_in.failures["GET /leaderboard"].extend([(status, "x")] * 4)
    with pytest.raises(RestError, match=f"GET /leaderboard: {status}"):
        await rest.top("forest", 10)
    assert len(waits.seconds) == 4
    assert len(stand_in.failures["GET /leaderboard"]) == 1


async def test_score_is_not_repeated_nor_is_what_the_server_wants_much_later(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    waits = Waits()
    rest = Rest(http, stand_in.url, waits.sleep)
    stand_in.failures["POST /score"].append((503, "x"))
    with pytest.raises(RestError, match="POST /score: 503"):
        await rest.post_score("token", "forest", 5)
    stand_in.retry_after = "11"
    stand_in.failures["GET /leaderboard"].append((429, "x"))
    with pytest.raises(RestError, match="GET /leaderboard: 429"):
        await rest.top("forest", 10)
    assert waits.seconds == []
