"""The recorded frames of clients/vectors/board, played by the Python replica. See the README there.

A replica sends nothing: what a client sends is checked in JavaScript. Early diffs are kept by the test.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from realtime.protocol import Diff, Snapshot
from realtime.replica import Outcome, Replica, ServerClock

FOLDER = Path(__file__).parents[3] / "clients" / "vectors" / "board"
STORIES = sorted(FOLDER.glob("*.json"))


class Screen:
    """A replica by the server's clock, and what its listeners were told."""

    def __init__(self, order: Any) -> None:
        self.monotonic = 0
        self.clock = ServerClock(lambda: self.monotonic)
        self.replica = Replica(order)
        self.early: list[Diff] = []
        self.told: list[dict[str, Any]] = []

    def holds(self) -> dict[str, Any] | None:
        replica = self.replica
        if replica.position is None:
            return None
        return {
            "season": replica.season,
            "startsAt": replica.starts_at,
            "endsAt": replica.ends_at,
            **replica.position._asdict(),
            "entries": [entry.user_id for entry in replica.entries],
        }

    def look(self) -> None:
        now = self.clock.now()
        if now is not None and self.replica.turn(now):
            self.tell("snapshot")

    def take(self, frame: dict[str, Any]) -> None:
        if "now" in frame:
            self.clock.heard(frame["now"])
        if frame["type"] == "snapshot":
            self.snapshot(Snapshot.model_validate(frame))
            self.replay()
        elif frame["type"] == "diff":
            self.look()
            diff = Diff.model_validate(frame)
            if self.diff(diff) is Outcome.RESYNC:
                self.early.append(diff)
            else:
                self.replay()
        self.look()

    def snapshot(self, frame: Snapshot) -> None:
        known = self.replica.ends_at
        outcome = self.replica.take(frame)
        if outcome is Outcome.APPLIED or self.replica.ends_at != known:
            self.tell("snapshot")

    def diff(self, frame: Diff) -> Outcome:
        season = self.replica.season
        outcome = self.replica.take(frame)
        if self.replica.season != season:
            self.tell("snapshot")
        elif outcome is Outcome.APPLIED:
            self.tell("diff")
        return outcome

    def replay(self) -> None:
        early, self.early = sorted(self.early, key=lambda diff: (diff.epoch, diff.to)), []
        for diff in early:
            if self.diff(diff) is Outcome.RESYNC and self.replica.turning:
                self.early.append(diff)

    def tell(self, kind: str) -> None:
        self.told.append({"type": kind, **(self.holds() or {})})


def test_there_are_stories() -> None:
    assert len(STORIES) >= 15


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_replica_holds_and_tells_what_the_story_says(story: Path) -> None:
    vector = json.loads(story.read_text())
    screen = Screen(vector["board"]["order"])
    for step in vector["steps"]:
        screen.monotonic = step["at"]
        screen.look()
        if step.get("open"):
            screen.clock.connected()
        if "frame" in step:
            screen.take(step["frame"])
        assert screen.holds() == step["holds"], step["at"]
        assert screen.told == step["tells"], step["at"]
        screen.told.clear()
