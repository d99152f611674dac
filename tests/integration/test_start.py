"""What a start of `make run` asks for: as much with 2,000 boards as with four, all of which were played."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aioboto3
import pytest
from aiobotocore.httpsession import AIOHTTPSession

from game.activity import hour_of
from game.catalogue import Catalogue
from local import stack
from local.settings import LocalSettings
from runtime.clock import now_ms
from store.database import batch_write, open_database, to_item
from store.schema import LEADERBOARDS
from tests.support.waiting import patience
from tests.unit.realtime.live_scene import catalogue_of


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the requests of every client of the SDK, by what they ask for."""
    counted: Counter[str] = Counter()
    send = AIOHTTPSession.send

    async def counting(self: AIOHTTPSession, request: Any) -> Any:
        target = request.headers.get("X-Amz-Target") or f"{request.method} of S3"
        counted[target.decode() if isinstance(target, bytes) else target] += 1
        return await send(self, request)

    monkeypatch.setattr(AIOHTTPSession, "send", counting)
    return counted


async def start(settings: LocalSettings) -> None:
    """Run the backend until it is ready, and stop it."""
    ready = asyncio.Event()
    backend = asyncio.create_task(stack.serve(settings, lambda _: ready.set()))
    waiting = asyncio.create_task(ready.wait())
    async with patience():
        await asyncio.wait([backend, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    backend.cancel()
    (outcome,) = await asyncio.gather(backend, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError), outcome


async def play_all(catalogue: Catalogue) -> None:
    """An earlier run has published every board, the last time just now."""
    rows = [
        {"gameArea": name, "epoch": 1, "version": 1, "entries": "[]", "outbox": {}, "run": "an earlier one"}
        | {"activeHour": hour_of(name, now_ms())}
        for name in catalogue.boards
    ]
    async with open_database(aioboto3.Session()) as db:
        await batch_write(db, LEADERBOARDS, [{"PutRequest": {"Item": to_item(row)}} for row in rows])


@pytest.mark.usefixtures("aws_environment")
async def test_start_asks_for_no_board(
    requests: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    unused_tcp_port_factory: Callable[[], int],
) -> None:
    settings = LocalSettings(
        http_port=unused_tcp_port_factory(), ws_port=unused_tcp_port_factory(), data_dir=tmp_path
    )
    asked: list[Counter[str]] = []
    first: list[int] = []
    for areas in (4, 2000):
        catalogue = catalogue_of(areas)
        monkeypatch.setattr(stack, "load_catalogue", lambda _, catalogue=catalogue: catalogue)
        requests.clear()
        await start(settings)
        first.append(requests.total())
        await play_all(catalogue)
        requests.clear()
        await start(settings)
        asked.append(+requests)
    few, many = asked
    assert many == few
    assert few.total() > 0
    # The first start of all made the tables. That of the larger game found 1,996 boards that it did not know.
    assert first[1] <= first[0]
