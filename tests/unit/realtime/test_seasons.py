"""A client's copy of a board across the end of a season, whatever arrives in whatever order.

The same deliveries are played by the web client's replica, on Node: both must hold the same after each.
"""

import json
import random
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from game.board import Entry, Position, diff
from realtime.protocol import Diff, Snapshot, encode
from realtime.replica import Outcome, Replica, Season

REPLAY = Path(__file__).parents[1] / "web" / "replay.mjs"
FIRST = 12
LENGTH = 1000

TIMES = {number: Season(number, number * LENGTH, (number + 1) * LENGTH) for number in range(FIRST, FIRST + 4)}


class At(NamedTuple):
    """A version of the board, in the order in which they were published."""

    season: int
    position: Position


History = dict[At, tuple[Entry, ...]]


def entries(rng: random.Random) -> tuple[Entry, ...]:
    players = sorted(rng.sample("abcdef", rng.randint(1, 3)))
    return tuple(
        Entry(rank=rank, user_id=player, name=player, avatar=None, points=100 - rank, achieved_at=1)
        for rank, player in enumerate(players, start=1)
    )


def make_history(rng: random.Random) -> History:
    """Return four seasons: each has version 0, which is empty, and some a later epoch, without version 0."""
    history: History = {}
    for number, season in TIMES.items():
        for version in range(rng.randint(1, 6)):
            history[At(number, Position(season.starts_at, version))] = entries(rng) if version else ()
        if rng.random() < 0.3:
            epoch = season.starts_at + rng.randint(1, LENGTH - 1)
            for version in range(1, rng.randint(2, 4)):
                history[At(number, Position(epoch, version))] = entries(rng)
    return history


def snapshot(history: History, at: At) -> Snapshot:
    _, starts_at, ends_at = TIMES[at.season]
    return Snapshot(
        board="week",
        size=3,
        season=at.season,
        starts_at=starts_at,
        ends_at=ends_at,
        now=0,
        spread=10,
        entries=history[at],
        **at.position._asdict(),
    )


def deliver(rng: random.Random, history: History) -> list[dict[str, Any]]:
    """Return what reaches a client: frames in about their order, lost, repeated and late, and the time."""
    steps: list[dict[str, Any]] = []
    for number, at in enumerate(history):
        before = at._replace(position=at.position._replace(version=at.position.version - 1))
        now = TIMES[at.season].starts_at + rng.randint(-20, 20)
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            place = number + rng.choice([0, 0, 0, 0.5, 1.5, 3.5, -1.5])
            if before in history and rng.random() < 0.7:
                changes = diff(history[before], history[at])
                frame: Diff | Snapshot = Diff(
                    board="week",
                    season=at.season,
                    epoch=at.position.epoch,
                    from_=before.position.version,
                    to=at.position.version,
                    changes=changes,
                )
            else:
                frame = snapshot(history, at)
            steps.append({"place": place, "frame": json.loads(encode(frame))})
        if rng.random() < 0.5:
            steps.append({"place": number + rng.random(), "now": now})
    return sorted(steps, key=lambda step: float(step["place"]))


def take(replica: Replica, step: dict[str, Any]) -> Outcome | bool:
    if "now" in step:
        return replica.turn(step["now"])
    frame = step["frame"]
    model = Snapshot if frame["type"] == "snapshot" else Diff
    return replica.take(model.model_validate(frame))


def state(replica: Replica, outcome: Outcome | bool) -> list[Any]:
    return [
        outcome.value if isinstance(outcome, Outcome) else outcome,
        replica.season,
        replica.starts_at,
        replica.ends_at,
        list(replica.position) if replica.position else None,
        [entry.user_id for entry in replica.entries],
        replica.turning,
        replica.is_told,
    ]


def play(steps: list[dict[str, Any]]) -> list[list[Any]]:
    replica = Replica("desc")
    return [state(replica, take(replica, step)) for step in steps]


@given(seed=st.integers(0, 2**32))
def test_client_holds_what_was_published_of_the_newest_season_it_knows(seed: int) -> None:
    rng = random.Random(seed)
    history = make_history(rng)
    replica, newest = Replica("desc"), 0
    for step in deliver(rng, history):
        before = replica.season
        take(replica, step)
        if replica.position is None or replica.season is None:
            continue
        newest = max(newest, step["frame"]["season"] if "frame" in step else 0)
        assert before is None or replica.season >= before, "a season came back"
        assert replica.season >= newest, "a frame of a newer season does not turn it"
        if replica.ends_at is not None and "now" in step:
            assert step["now"] < replica.ends_at, "the season is over"
        held = At(replica.season, replica.position)
        if replica.position.version == 0:
            assert replica.entries == ()
        else:
            assert replica.entries == history[held]
        if replica.turning:
            assert replica.position.version == 0
            assert replica.ends_at is None


@given(seed=st.integers(0, 2**32))
def test_answer_to_a_client_that_asks_makes_it_current(seed: int) -> None:
    rng = random.Random(seed)
    history = make_history(rng)
    replica = Replica("desc")
    steps = deliver(rng, history)
    for step in steps[: rng.randint(0, len(steps))]:
        take(replica, step)
    newest = max(history)
    answer = {"frame": json.loads(encode(snapshot(history, newest)))}
    take(replica, answer)
    assert replica.position == newest.position
    assert replica.entries == history[newest]
    assert replica.is_told
    assert not replica.turning


def test_web_client_holds_the_same_after_each_of_many_deliveries() -> None:
    rng = random.Random(2026)
    stories = [deliver(rng, make_history(rng)) for _ in range(1000)]
    asked = json.dumps(stories)
    node = subprocess.run(
        ["node", str(REPLAY)], input=asked, capture_output=True, text=True, timeout=60, check=True
    )
    for number, (steps, theirs) in enumerate(zip(stories, json.loads(node.stdout), strict=True)):
        for step, ours, other in zip(steps, play(steps), theirs, strict=True):
            assert ours == other, (number, step)
