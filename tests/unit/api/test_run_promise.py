"""The promise of runs: without a run that lasted long enough there is no way to a score in such an area."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from game.run_ticket import Key, Ticket, sign, verify
from store.schema import STANDINGS
from tests.unit.api.rest_scene import RestScene
from tests.unit.api.run_scene import CATALOGUE, HOUR, RunScene, run_scene
from tests.unit.realtime.fakes import NOW

AREAS = ("gauntlet", "other", "level-1", "level-2")
RULES = CATALOGUE.areas["gauntlet"].rules
KEY = Key("key-1", b"secret")
_names = itertools.count()

Step = tuple[str, int, int, int, int]
"""Manner, player, area, how long the player waits before, points."""
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["play", "play", "again", "steal", "carry", "forge", "bare"]),
        st.integers(0, 2),
        st.integers(0, 3),
        st.sampled_from([17_000, 0, 19_999, 20_000, 30_000, 2 * HOUR - 1, 2 * HOUR]),
        st.sampled_from([10, 2000, 2999, 3000, 3001, 5000]),
    ),
    min_size=3,
    max_size=12,
)


@pytest.fixture
def runs(rest: RestScene, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunScene]:
    with run_scene(rest, monkeypatch) as scene:
        yield scene


@dataclass
class Evening:
    """What players with curl and an evening try, and what they were answered."""

    runs: RunScene
    players: list[str]
    tickets: list[str] = field(default_factory=list)
    accepted: list[tuple[str, str, int, str | None, int]] = field(default_factory=list)

    def do(self, step: Step) -> None:
        manner, who, where, lasting, points = step
        player, area = self.players[who], AREAS[where]
        if manner == "play" or not self.tickets:
            self.tickets.append(self.runs.begin(area, player=player)["run"])
        self.runs.now += lasting
        ticket = self.tickets[-1 if manner == "play" else points % len(self.tickets)]
        run = verify(ticket, KEY)
        self.send(
            area if manner == "carry" else run.area,
            points,
            {"bare": None, "forge": self.forged(ticket, points)}.get(manner, ticket),
            player if manner == "steal" else run.user_id,
        )

    def forged(self, ticket: str, number: int) -> str:
        """Return a ticket of an hour ago, as a player can make one who has no key."""
        run = verify(ticket, KEY).model_copy(update={"started_at": self.runs.now - HOUR})
        made = sign(run, Key(KEY.id, str(number).encode()))
        return made if number % 2 else made.partition(".")[0] + "." + ticket.partition(".")[2]

    def send(self, area: str, points: int, ticket: str | None, player: str) -> None:
        answer = self.runs.score(area, points, ticket, player=player)
        if answer.status == 201:
            self.accepted.append((player, area, points, ticket, self.runs.now))
        else:
            assert answer.status in (409, 422)

    def check(self) -> None:
        spent: dict[str, Any] = {}
        for player, area, points, ticket, now in self.accepted:
            assert ticket is not None
            assert ticket in self.tickets, "it was not signed by the server"
            run: Ticket = verify(ticket, KEY)
            assert (run.user_id, run.area) == (player, area)
            # The same score again got the first answer: it is judged by the first time.
            if run.nonce in spent:
                assert spent[run.nonce] == points
                continue
            spent[run.nonce] = points
            lasted = now - run.started_at
            assert RULES.min_time is not None
            assert RULES.min_time <= lasted < RULES.max_time
            assert points <= 150 * lasted / 1000
        best: dict[tuple[str, str], int] = {}
        for player, area, points, *_ in self.accepted:
            best[player, area] = max(points, best.get((player, area), 0))
        rows = [row for row in self.runs.rows(STANDINGS) if row["userId"] in self.players]
        assert {(row["userId"], row["board"]): row["points"] for row in rows} == best


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(STEPS)
def test_no_score_without_a_run_that_lasted(runs: RunScene, steps: list[Step]) -> None:
    evening = next(_names)
    runs.now = NOW
    story = Evening(runs, [f"{name}-{evening}" for name in ("ada", "bob", "eve")])
    for step in steps:
        story.do(step)
    story.check()


def test_honest_evening_has_scores(runs: RunScene) -> None:
    story = Evening(runs, ["honest", "b", "c"])
    for step in (("play", 0, 0, 20_000, 3000), ("again", 0, 0, 0, 3000), ("play", 0, 0, 30_000, 3001)):
        story.do(step)
    story.check()
    assert [points for _, _, points, _, _ in story.accepted] == [3000, 3000, 3001]
