"""Which portraits wait for their turn on a laptop."""

import asyncio
import json
from typing import Any, cast

import pytest

from local.portraits import PortraitWorkers
from store.database import Database
from tests.unit.realtime.fakes import RecordingPush, recorded_database

KEY = "uploads/ada/one"


class Workers(PortraitWorkers):
    """Takes note of the events, and works on each until it is told to go on."""

    def __init__(self, db: Database) -> None:
        super().__init__(db, RecordingPush(), "bucket")
        self.events: list[dict[str, Any]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Semaphore(0)

    async def _run(self, event: dict[str, Any]) -> dict[str, Any]:
        self.events.append(event)
        self.begun.set()
        await self.gate.acquire()
        return {"avatar": f"avatars/ada/{len(self.events)}"}


@pytest.mark.parametrize(("again", "runs"), [(("ada", KEY, "none"), 2), (("ada", KEY, "blur"), 3)])
async def test_upload_is_worked_on_again_unless_the_same_is_waiting(
    again: tuple[str, str, str], runs: int
) -> None:
    """One that is under way has been read: another picture may have come to its key since."""
    async with recorded_database() as tables:
        workers = Workers(tables.db)
        await workers.start("ada", KEY, "none")
        await workers.begun.wait()
        await workers.start("ada", KEY, "none")
        await workers.start(*again)
        for _ in range(runs):
            workers.gate.release()
        await asyncio.gather(*workers._tasks)
        push = cast(RecordingPush, workers._push)
        assert push.frames == []
    assert [json.dumps(event) for event in workers.events] == [
        json.dumps({"userId": "ada", "key": KEY, "background": background})
        for background in ("none", "none", "blur")[:runs]
    ]
