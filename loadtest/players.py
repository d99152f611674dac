"""Players who play: when they score (a Poisson process), how well (a heavy-tailed skill), what comes of it.

A score is SCHEDULED by the process, whatever the backend does meanwhile. A player submits one score at a
time, so behind a slow answer the next ones wait; but their time runs from when they were scheduled. A tester
that would only measure what it managed to send leaves out the very scores that suffered: "coordinated
omission", https://www.azul.com/files/HowNotToMeasureLatency_LLSummit_NYC_12Nov2013.pdf

After a score the player begins the next run, where an area wants one. Some runs are spent a second time: the
same submission must get the same answer, another one must be refused. When an answer names a newer season,
the player claims the prizes of those before.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from game.scoring import better
from loadtest.accounts import Account, AccountError
from loadtest.arenas import Arena
from loadtest.messages import Answered, Attempted, Rewarded
from loadtest.rest import Rest, RestError, ScoreAnswer
from loadtest.rewards import Claims
from loadtest.runs import Runs

_TALENT = 0.1
_PRACTICE = 0.02
_LUCK = 0.15
_SPENT_AGAIN = 0.1
"""The share of runs that are spent a second time."""


class Skill:
    """The skill of a player in an area. Talent is log-normal: most are middling, few are far ahead.

    With every attempt a player gets better, by ever smaller steps, and is more or less lucky: so players keep
    beating their bests, though not each time, and no board is ever finished.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        talent = _TALENT * rng.lognormvariate(0, 1)
        self._level = talent / (1 + talent)

    def attempt(self) -> float:
        """Return the quality of the next attempt, above 0 and below 1."""
        self._level += (1 - self._level) * min(0.5, _PRACTICE * self._rng.expovariate(1))
        return self._level * (1 - _LUCK * self._rng.random())


async def poisson(
    rate: float,
    ramp: float,
    duration: float,
    now: Callable[[], float],
    rng: random.Random,
    hit: Callable[[float], None],
) -> None:
    """Call `hit` with the time of each event of a Poisson process of this rate a second.

    During the `ramp` the rate rises from nothing (by thinning). Events that are due while the process was not
    looked at keep their own time.
    """
    at = rng.expovariate(rate)
    while at < duration:
        wait = at - now()
        if wait > 0:
            await asyncio.sleep(wait)
        if at >= ramp or rng.random() < at / ramp:
            hit(at)
        at += rng.expovariate(rate)


@dataclass(frozen=True)
class Rules:
    """The part that players of a process share. `report` is called before each score is sent, and after.

    counts: what they did. broken: what must not be, by sentence.
    """

    arenas: tuple[Arena, ...]
    watched: frozenset[str]
    rest: Rest
    now: Callable[[], float]
    tasks: asyncio.TaskGroup
    counts: Counter[str]
    errors: Counter[str]
    broken: Counter[str]
    numbers: Callable[[], int]
    report: Callable[[Attempted | Answered | Rewarded], None]


class Player:
    """A player who submits scores, one after the other."""

    def __init__(self, account: Account, rules: Rules, rng: random.Random) -> None:
        self._account = account
        self._rules = rules
        self._rng = rng
        self._skills = {arena.id: Skill(rng) for arena in rules.arenas}
        self._due: deque[float] = deque()
        self.playing: asyncio.Task[None] | None = None
        """The task that submits the scores that are due; None while there are none."""
        # None when a request failed and may or may not have taken effect.
        self._bests: dict[str, int] | None = {}
        self._runs = Runs(rules.rest, rules.now, rng, rules.counts)
        self._claims = Claims(account, rules.rest, rules.counts, rules.broken, rules.report)
        self._seasons: dict[str, set[int]] = {}
        """The seasons of boards with prizes in which the player has scored, and has not claimed yet."""
        self.claiming: set[asyncio.Task[None]] = set()
        """The claims that go on."""

    def schedule(self, at: float) -> None:
        """Submit a score that is due `at` this time, as soon as those before it are answered."""
        self._due.append(at)
        if self.playing is None:
            self.playing = self._rules.tasks.create_task(self._play())

    async def check(self) -> None:
        """End the claims that go on, and see that no prize was given twice."""
        for task in self.claiming:
            task.cancel()
        if self.claiming:
            # What is cancelled may have been a claim under way.
            return
        try:
            await self._claims.check()
        except (AccountError, RestError) as error:
            self._rules.errors[str(error)] += 1

    def give_up(self) -> int:
        """Submit nothing more; how many scores are left without an answer."""
        if self.playing is None:
            return 0
        self.playing.cancel()
        self.playing = None
        return len(self._due) + 1

    async def _play(self) -> None:
        while self._due:
            await self._submit(self._due.popleft())
        self.playing = None

    async def _submit(self, scheduled: float) -> None:
        rules = self._rules
        number, sent = rules.numbers(), rules.now()
        try:
            token = await self._account.token()
            if self._bests is None:
                self._bests = await rules.rest.bests(token)
            arena, scheduled = await self._choose(token, scheduled)
        except (AccountError, RestError) as error:
            rules.errors[str(error)] += 1
            self._report(number, (scheduled, sent), self._rng.choice(rules.arenas), 0, error, sent=False)
            return
        run, points = self._runs.spend(arena, arena.points(self._skills[arena.id].attempt()))
        shown = self._shown(arena, points, self._bests)
        user_id = self._account.user_id
        rules.report(Attempted(number=number, user_id=user_id, scheduled=scheduled, points=shown))
        sent = rules.now()
        try:
            answer = await rules.rest.post_score(token, arena.id, points, run)
        except RestError as error:
            if error.code != "season_over":
                rules.errors[str(error)] += 1
                self._bests = None
            self._report(number, (scheduled, sent), arena, points, error)
        else:
            self._bests[arena.id] = answer.best
            self._report(number, (scheduled, sent), arena, points, answer)
            self._claim_what_is_over(arena, answer)
            if run is not None:
                rules.counts["runs spent"] += 1
                await self._spend_again(arena, points, run, answer)
        try:
            await self._runs.begin(self._rng.choice(rules.arenas), token)
        except RestError as error:
            rules.errors[str(error)] += 1

    async def _choose(self, token: str, scheduled: float) -> tuple[Arena, float]:
        """Return where to score, and when the score is due. Raises RestError."""
        runs, arenas = self._runs, self._rules.arenas
        now = self._rules.now()
        ready = [arena for arena in arenas if (at := runs.ready_at(arena)) is not None and at <= now]
        if ready:
            return self._rng.choice(ready), scheduled
        arena = self._rng.choice([one for one in arenas if runs.is_open(one)] or arenas)
        await runs.begin(arena, token)
        # Without a run the server says what is wrong.
        due = max(scheduled, runs.ready_at(arena) or 0.0)
        await asyncio.sleep(max(0.0, due - self._rules.now()))
        return arena, due

    def _report(
        self,
        number: int,
        times: tuple[float, float],
        arena: Arena,
        points: int,
        answer: ScoreAnswer | AccountError | RestError,
        *,
        sent: bool = True,
    ) -> None:
        is_answer = isinstance(answer, ScoreAnswer)
        is_refused = isinstance(answer, RestError) and answer.is_refusal
        if isinstance(answer, ScoreAnswer):
            outcome = "improved" if answer.improved else "kept"
        else:
            over = isinstance(answer, RestError) and answer.code == "season_over"
            outcome = "over" if over else "failed"
        self._rules.report(
            Answered.model_validate(
                {
                    "number": number,
                    "user_id": self._account.user_id,
                    "outcome": outcome,
                    "sure": is_answer or is_refused or not sent,
                    "area": arena.id,
                    "points": points,
                    "boards": answer.boards if isinstance(answer, ScoreAnswer) else (),
                    "scheduled": times[0],
                    "sent": times[1],
                    "answered": self._rules.now(),
                }
            )
        )

    async def _spend_again(self, arena: Arena, points: int, run: str, answer: ScoreAnswer) -> None:
        """Submit some runs twice more: as before, and with other points."""
        rules = self._rules
        if self._rng.random() >= _SPENT_AGAIN:
            return
        other = points - 1 if points > arena.area.min else points + 1
        for again in (points, other):
            try:
                repeated = await rules.rest.post_score(await self._account.token(), arena.id, again, run)
            except (AccountError, RestError) as error:
                is_refusal = isinstance(error, RestError) and error.is_refusal and error.status != 429
                if again == points and is_refusal:
                    rules.broken[f"{arena.id}: a repeated submission was refused: {error}"] += 1
                continue
            if again != points:
                rules.broken[f"{arena.id}: a run was spent twice"] += 1
            elif repeated != answer:
                rules.broken[f"{arena.id}: a repeated submission got another answer"] += 1
        rules.counts["runs spent again"] += 1

    def _claim_what_is_over(self, arena: Arena, answer: ScoreAnswer) -> None:
        for counted in answer.boards:
            if counted.board not in arena.prized or counted.season is None:
                continue
            seasons = self._seasons.setdefault(counted.board, set())
            seasons.add(counted.season)
            for over in sorted(seasons):
                if over < max(seasons):
                    seasons.discard(over)
                    task = self._rules.tasks.create_task(self._claim(counted.board, over))
                    self.claiming.add(task)
                    task.add_done_callback(self.claiming.discard)

    async def _claim(self, board: str, season: int) -> None:
        try:
            await self._claims.claim(board, season)
        except (AccountError, RestError) as error:
            self._rules.errors[str(error)] += 1

    def _shown(self, arena: Arena, points: int, bests: Mapping[str, int]) -> dict[str, int]:
        """Return what the score makes of the player's rows, if it improves them.

        A board that adds up a season is left out: which season that is, the server decides.
        """
        best = bests.get(arena.id)
        improves = best is None or better(arena.area.order, points, best)
        after = {**bests, arena.id: points}
        return {
            board: points if board in arena.seasonal else sum(after.get(area, 0) for area in areas)
            for board, areas in arena.boards.items()
            if board in self._rules.watched and (len(areas) == 1 if board in arena.seasonal else improves)
        }
