"""The janitor: finishes new names, portraits, merges and deletions whose process died, or ran out of time.

The index `byPending` of `Players` has those players. Each is worked on for a bounded time, some side by side,
in random order: one whose rows cannot be read, or who has very many, holds up no other for good. What fails
is logged and comes again with the next run.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import get_args

from game.catalogue import Catalogue
from store import appearance, deletion, merge, players
from store.database import Database
from store.deletion import DeleteUser, HangUp
from store.players import DeletedError, Pending, Player
from store.portraits import PortraitBucket

OLD_MS = 60 * 1000
"""What is pending for less is still being worked on: API Gateway ends a request after 29 seconds."""
PLAYERS_AT_ONCE = 10
PLAYER_SECONDS = 240.0
"""How long a run works on one player. A rename or deletion of 2,500 rows takes seconds."""

logger = logging.getLogger("podium.janitor")


@dataclass
class Done:
    """How many players were finished, and how many could not be."""

    finished: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Janitor:
    """Finishes what is pending. `now_ms` gives milliseconds since the epoch."""

    db: Database
    catalogue: Catalogue
    portraits: PortraitBucket
    now_ms: Callable[[], int]
    hang_up: HangUp
    delete_user: DeleteUser

    async def run(self, seconds: float) -> Done:
        """Finish what has been pending for OLD_MS, for `seconds` at most; the next run has the rest."""
        found = [user_id for kind in get_args(Pending) for user_id in await players.pending(self.db, kind)]
        random.shuffle(found)
        done, turn = Done(), asyncio.Semaphore(PLAYERS_AT_ONCE)

        async def finish(user_id: str) -> None:
            async with turn:
                try:
                    async with asyncio.timeout(PLAYER_SECONDS):
                        finished = await self._finish(user_id)
                    done.finished += finished  # read after the wait: others have counted meanwhile
                except Exception:
                    logger.exception("what is pending of player %s cannot be finished", user_id)
                    done.failed += 1

        tasks = [asyncio.ensure_future(finish(user_id)) for user_id in found]
        if tasks:
            try:
                await asyncio.wait(tasks, timeout=seconds)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        return done

    async def _finish(self, user_id: str) -> bool:
        player = await players.load_own(self.db, user_id)
        if player.pending is None or player.pending_since > self.now_ms() - OLD_MS:
            return False
        try:
            await self._steps[player.pending](player)
        except DeletedError:
            # Since then. The deletion is pending, too.
            return False
        return True

    async def _show(self, player: Player) -> None:
        await appearance.finish(self.db, player.user_id, self.now_ms())

    async def _merge(self, player: Player) -> None:
        await merge.finish(
            self.db,
            self.portraits,
            self.catalogue,
            player.user_id,
            self.now_ms(),
            hang_up=self.hang_up,
            delete_user=self.delete_user,
        )

    async def _erase(self, player: Player) -> None:
        await deletion.finish(
            self.db,
            self.portraits,
            player.user_id,
            self.now_ms(),
            username=player.username,
            hang_up=self.hang_up,
            delete_user=self.delete_user,
        )

    @property
    def _steps(self) -> dict[Pending, Callable[[Player], Awaitable[None]]]:
        return {"look": self._show, "merge": self._merge, "erase": self._erase}
