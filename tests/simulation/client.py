"""A game client that keeps to the frame rules, and checks everything it is told."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from game.board import Entry, Position
from game.catalogue import Catalogue
from realtime.protocol import Diff, Snapshot
from realtime.replica import Outcome, Replica
from tests.simulation.background import Background

ANSWER_SECONDS = 10
"""A subscription unanswered for this long is asked for again."""

Send = Callable[[str, dict[str, Any]], Coroutine[Any, Any, None]]
History = dict[tuple[str, Position], tuple[Entry, ...]]


class SimulatedClient:
    """One player's screen, over any number of connections. `history` is every board ever published."""

    def __init__(
        self,
        catalogue: Catalogue,
        boards: list[str],
        send: Send,
        history: History,
        background: Background,
    ) -> None:
        self.connection_id: str | None = None
        self.replicas = {board: Replica(catalogue.boards[board].order) for board in boards}
        self._send = send
        self._background = background
        self._history = history
        self._unanswered: dict[str, asyncio.TimerHandle] = {}

    def connected(self, connection_id: str) -> None:
        """A connection is open: ask for every board, saying what is held."""
        self.connection_id = connection_id
        for board in self.replicas:
            self.subscribe(board)

    def disconnected(self) -> None:
        """The connection is gone."""
        self.connection_id = None
        for timer in self._unanswered.values():
            timer.cancel()
        self._unanswered.clear()

    def subscribe(self, board: str) -> None:
        """Ask for a board; once at a time, and again when there is no answer."""
        if self.connection_id is None or board in self._unanswered:
            return
        loop = asyncio.get_running_loop()
        self._unanswered[board] = loop.call_later(ANSWER_SECONDS, self._ask_again, board)
        frame: dict[str, Any] = {"action": "subscribe", "boards": [board]}
        position = self.replicas[board].position
        if position:
            frame["versions"] = {board: position._asdict()}
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
        if frame["type"] == "current":
            self._answered(frame["board"])
        elif frame["type"] == "snapshot":
            snapshot = Snapshot.model_validate(frame)
            replica = self.replicas[snapshot.board]
            position = Position(snapshot.epoch, snapshot.version)
            replica.snapshot(position, snapshot.entries, snapshot.tiebreak)
            self._check(snapshot.board)
            self._answered(snapshot.board)
        elif frame["type"] == "diff":
            self._take(Diff.model_validate(frame))

    def _take(self, diff: Diff) -> None:
        replica = self.replicas[diff.board]
        before = replica.position
        outcome = replica.diff(diff.epoch, diff.from_, diff.to, diff.changes)
        if outcome is Outcome.APPLIED:
            assert before is not None
            assert replica.position == before._replace(version=before.version + 1), "a version was skipped"
            self._check(diff.board)
        elif outcome is Outcome.RESYNC:
            self.subscribe(diff.board)

    def _check(self, board: str) -> None:
        """Check that the screen shows what was published as that version, to the letter."""
        replica = self.replicas[board]
        assert replica.position is not None
        assert replica.entries == self._history[board, replica.position]

    def _answered(self, board: str) -> None:
        timer = self._unanswered.pop(board, None)
        if timer:
            timer.cancel()
        if self.replicas[board].behind:
            self.subscribe(board)

    def _ask_again(self, board: str) -> None:
        del self._unanswered[board]
        self.subscribe(board)
