"""A game client that keeps to the frame rules, and checks everything it is told."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from game.board import Entry, Position
from game.catalogue import Catalogue
from game.live import SPREAD_SECONDS
from realtime.protocol import Diff, Snapshot
from realtime.replica import Outcome, Replica, Season, ServerClock
from tests.simulation.background import Background

ANSWER_SECONDS = 10
"""A subscription unanswered for this long is asked for again."""

PUBLISH_MS = 60_000
"""How long after a turn the server publishes a season, before it begins to push it."""

Send = Callable[[str, dict[str, Any]], Coroutine[Any, Any, None]]


@dataclass
class History:
    """Every board ever published, and the season that it showed."""

    entries: dict[tuple[str, Position], tuple[Entry, ...]] = field(default_factory=dict)
    seasons: dict[tuple[str, Position], int | None] = field(default_factory=dict)


@dataclass
class _Topic:
    """A board that is followed, and what is asked of the server about it."""

    replica: Replica
    spread: int = SPREAD_SECONDS
    answer: asyncio.TimerHandle | None = None
    """Asks again where no answer comes."""
    wait: asyncio.TimerHandle | None = None
    """Asks for what every client misses at a turn."""
    has_gap: bool = False
    """Whether a diff of the new season came that does not follow from its beginning."""
    in_vain: bool = False
    """Whether it was asked for, and the answer did not help."""


class SimulatedClient:
    """One player's screen, over any number of connections.

    chance: decides how long it waits where all clients would ask at once. It may start out with a clock that
    knows nothing: each connection tells it the time.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        boards: list[str],
        send: Send,
        history: History,
        background: Background,
        chance: random.Random,
    ) -> None:
        self.connection_id: str | None = None
        self._topics = {board: _Topic(Replica(catalogue.boards[board].order)) for board in boards}
        self._send = send
        self._background = background
        self._history = history
        self._chance = chance
        self._clock = ServerClock(_monotonic)
        self._alarm: asyncio.TimerHandle | None = None
        self._is_asleep = False
        self._unread: list[dict[str, Any]] = []

    @property
    def replicas(self) -> dict[str, Replica]:
        """What is on the screen, by board."""
        return {board: topic.replica for board, topic in self._topics.items()}

    def connected(self, connection_id: str) -> None:
        """A connection is open: ask for every board, saying what is held."""
        self.connection_id = connection_id
        self._clock.connected()
        for board in self._topics:
            self.subscribe(board)

    def disconnected(self) -> None:
        """The connection is gone."""
        self.connection_id = None
        self._unread.clear()
        for topic in self._topics.values():
            topic.has_gap = False
            _cancel(topic.answer)
            _cancel(topic.wait)
            topic.answer = topic.wait = None

    def sleep(self, seconds: float) -> None:
        """The machine sleeps: nothing is read and nothing turns, until it wakes up."""
        self._is_asleep = True
        asyncio.get_running_loop().call_later(seconds, self.wake)

    def wake(self) -> None:
        """The machine goes on, with all that has come in meanwhile."""
        if not self._is_asleep:
            return
        self._is_asleep = False
        # Either may come first.
        if self._chance.random() < 0.5:
            self._look()
        unread, self._unread = self._unread, []
        for frame in unread:
            self.receive(frame)
        self._look()

    def subscribe(self, board: str) -> None:
        """Ask for a board; once at a time, and again when there is no answer."""
        topic = self._topics[board]
        if self.connection_id is None or topic.answer is not None:
            return
        _cancel(topic.wait)
        topic.wait = None
        loop = asyncio.get_running_loop()
        topic.answer = loop.call_later(ANSWER_SECONDS, self._ask_again, board)
        frame: dict[str, Any] = {"action": "subscribe", "boards": [board]}
        # The whole board says when its season ends.
        if topic.replica.position and topic.replica.is_told:
            frame["versions"] = {board: topic.replica.position._asdict()}
        self._background.start(self._send(self.connection_id, frame))

    def ping(self) -> None:
        """Ask whether a board has moved on unseen, as every client does every few minutes."""
        if self.connection_id is not None:
            held = {board: replica.position for board, replica in self.replicas.items() if replica.position}
            versions = {board: position._asdict() for board, position in held.items()}
            frame: dict[str, Any] = {"action": "ping", "versions": versions}
            self._background.start(self._send(self.connection_id, frame))

    def receive(self, frame: dict[str, Any]) -> None:
        """Take a frame from the server."""
        if self._is_asleep:
            self._unread.append(frame)
            return
        if "now" in frame:
            self._clock.heard(frame["now"])
        if frame["type"] == "current":
            self._answered(frame["board"])
        elif frame["type"] == "snapshot":
            self._take_snapshot(Snapshot.model_validate(frame))
        elif frame["type"] == "diff":
            self._look()
            self._take_diff(Diff.model_validate(frame))
        self._look()

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        topic = self._topics[snapshot.board]
        season = None
        if snapshot.season is not None:
            assert snapshot.starts_at is not None
            assert snapshot.ends_at is not None
            assert snapshot.spread is not None
            topic.spread = snapshot.spread
            season = Season(snapshot.season, snapshot.starts_at, snapshot.ends_at)
        before = topic.replica.season
        position = Position(snapshot.epoch, snapshot.version)
        outcome = topic.replica.snapshot(position, snapshot.entries, snapshot.tiebreak, season)
        if outcome is Outcome.APPLIED:
            topic.has_gap = False
        self._check(snapshot.board, before)
        self._answered(snapshot.board)

    def _take_diff(self, diff: Diff) -> None:
        topic = self._topics[diff.board]
        replica, before, season = topic.replica, topic.replica.position, topic.replica.season
        outcome = replica.diff(diff.epoch, diff.from_, diff.to, diff.changes, diff.season)
        if diff.season is not None and season is not None and diff.season < season:
            assert outcome is Outcome.IGNORED, "a frame of a season that is over was taken"
        if outcome is Outcome.APPLIED:
            assert before is not None
            if replica.season == season:
                assert replica.position == before._replace(version=before.version + 1), (
                    "a version was skipped"
                )
            topic.has_gap = False
        self._check(diff.board, season)
        if outcome is Outcome.RESYNC and not replica.turning:
            self.subscribe(diff.board)
        elif outcome is Outcome.RESYNC:
            topic.has_gap = True
            self._plan(diff.board)

    def _check(self, board: str, season: int | None) -> None:
        """Check that the screen shows what was published as that version, to the letter."""
        replica = self._topics[board].replica
        if replica.position is None:
            return
        key = (board, replica.position)
        if replica.season is not None:
            assert season is None or replica.season >= season, "a season that was over came back"
            if replica.position.version == 0:
                assert replica.entries == ()
                return
            assert replica.season == self._history.seasons[key]
        assert replica.entries == self._history.entries[key]

    def _answered(self, board: str) -> None:
        topic = self._topics[board]
        topic.in_vain = topic.answer is not None
        _cancel(topic.answer)
        topic.answer = None
        if topic.replica.behind and not topic.replica.turning:
            self.subscribe(board)
        self._plan(board)

    def _ask_again(self, board: str) -> None:
        self._topics[board].answer = None
        self.subscribe(board)

    def _look(self) -> None:
        """Turn the boards whose season has ended by now, and look again when the next one ends."""
        now = self._clock.now()
        if self._is_asleep or now is None:
            return
        for board, topic in self._topics.items():
            before = topic.replica.season
            if topic.replica.turn(now):
                topic.has_gap = False
                self._check(board, before)
                self._plan(board)
        ends = [replica.ends_at for replica in self.replicas.values() if replica.ends_at is not None]
        _cancel(self._alarm)
        self._alarm = None
        if ends:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(max(0.001, (min(ends) - now) / 1000), self._look)

    def _plan(self, board: str) -> None:
        """Wait before asking for what every client misses at a turn, or no longer where it has come."""
        topic, now = self._topics[board], self._clock.now()
        if topic.answer is not None or self.connection_id is None or now is None:
            return
        _cancel(topic.wait)
        topic.wait = None
        if not topic.has_gap and topic.replica.is_told:
            topic.in_vain = False
            return
        spread = topic.spread * 1000
        starts_at = topic.replica.starts_at
        pushed = 0.0 if topic.has_gap or starts_at is None else starts_at + PUBLISH_MS + 2 * spread - now
        delay = max(0, pushed, spread if topic.in_vain else 0) + self._chance.random() * spread
        topic.wait = asyncio.get_running_loop().call_later(delay / 1000, self._waited, board)

    def _waited(self, board: str) -> None:
        self._topics[board].wait = None
        self.subscribe(board)


def _monotonic() -> float:
    return asyncio.get_running_loop().time() * 1000


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
