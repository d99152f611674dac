"""Players who play: when they score (a Poisson process), how well (a heavy-tailed skill), what comes of it.

A score is SCHEDULED by the process, whatever the backend does meanwhile. A player submits one score at a
time, so behind a slow answer the next ones wait; but their time runs from when they were scheduled. A tester
that would only measure what it managed to send leaves out the very scores that suffered: "coordinated
omission", https://www.azul.com/files/HowNotToMeasureLatency_LLSummit_NYC_12Nov2013.pdf
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from game.scoring import better
from loadtest.accounts import Account, AccountError
from loadtest.arenas import Arena
from loadtest.messages import Answered, Attempted
from loadtest.rest import Rest, RestError

_TALENT = 0.1
_PRACTICE = 0.02
_LUCK = 0.15


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
    """The part that players of a process share. `report` is called before each score is sent, and after."""

    arenas: tuple[Arena, ...]
    watched: frozenset[str]
    rest: Rest
    now: Callable[[], float]
    tasks: asyncio.TaskGroup
    errors: Counter[str]
    numbers: Callable[[], int]
    report: Callable[[Attempted | Answered], None]


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

    def schedule(self, at: float) -> None:
        """Submit a score that is due `at` this time, as soon as those before it are answered."""
        self._due.append(at)
        if self.playing is None:
            self.playing = self._rules.tasks.create_task(self._play())

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
            arena = self._rng.choice(rules.arenas)
            points = arena.points(self._skills[arena.id].attempt())
            shown = self._shown(arena, points, self._bests)
            user_id = self._account.user_id
            rules.report(Attempted(number=number, user_id=user_id, scheduled=scheduled, points=shown))
            sent = rules.now()
            answer = await rules.rest.post_score(token, arena.id, points)
        except (AccountError, RestError) as error:
            rules.errors[str(error)] += 1
            self._bests = None
            outcome: Literal["improved", "kept", "failed"] = "failed"
        else:
            self._bests[arena.id] = answer.best
            outcome = "improved" if answer.improved else "kept"
        answered = rules.now()
        rules.report(
            Answered(number=number, outcome=outcome, scheduled=scheduled, sent=sent, answered=answered)
        )

    def _shown(self, arena: Arena, points: int, bests: Mapping[str, int]) -> dict[str, int]:
        best = bests.get(arena.id)
        if best is not None and not better(arena.area.order, points, best):
            return {}
        after = {**bests, arena.id: points}
        return {
            board: sum(after.get(area, 0) for area in areas)
            for board, areas in arena.boards.items()
            if board in self._rules.watched
        }
