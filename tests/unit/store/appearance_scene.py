"""Two players on three areas, and what the tables say of them."""

import json
from typing import Any

from game.catalogue import GLOBAL_BOARD, Catalogue
from store import appearance, connections, profiles, progress
from store.actions import act
from store.database import Database
from store.profiles import Profile
from store.schema import PLAYERS, SCORES
from store.submission import submit
from streams.report import Report
from tests.simulation import aws
from tests.unit.realtime.fakes import NOW, RecordingPush, broadcaster
from tests.unit.store.bookkeeping import ADA, EARN
from tests.unit.store.interrupted import InterruptedDatabase

_AREA = {"title": "A", "order": "desc", "min": 0, "max": 100, "top": 3, "counts": True}
CATALOGUE = Catalogue.model_validate(
    {
        "global": {"title": "All", "top": 3},
        "areas": {
            "forest": _AREA,
            "desert": _AREA,
            "sprint": _AREA | {"order": "asc", "counts": False},
        },
    }
)
BOB = "bob"
TOKEN = Profile(user_id=ADA, name="From the token")
POINTS = {"forest": 40, "sprint": 7, GLOBAL_BOARD: 40}
REQUESTS = 2
"""Read and write: what a change costs when nobody is in its way."""


async def rename(db: Database, name: str, *, at: int = NOW) -> Profile:
    return await appearance.change(db, TOKEN, lambda profile: profile.model_copy(update={"name": name}), at)


async def show(db: Database, avatar: str) -> Profile:
    return await appearance.change(
        db, TOKEN, lambda profile: profile.model_copy(update={"avatar": avatar}), NOW
    )


async def erase(db: Database) -> list[str]:
    """The connections that were closed."""
    closed: list[str] = []

    async def hang_up(connection_id: str) -> None:
        closed.append(connection_id)

    await appearance.erase(db, ADA, hang_up)
    return closed


async def score(db: Database, area: str, points: int, profile: Profile = TOKEN, *, at: int = NOW) -> None:
    await submit(db, CATALOGUE, profile, area, points, at)


async def score_everywhere(db: Database) -> None:
    await score(db, "forest", 40, at=NOW - 2)
    await score(db, "sprint", 7, at=NOW - 1)


async def shown(tables: InterruptedDatabase, user_id: str = ADA) -> dict[str, tuple[int, str, str | None]]:
    """The points, name and portrait on every board; one row on each at the most."""
    rows = [row for row in (await tables.rows())[SCORES.name] if row["userId"] == user_id]
    found = {row["gameArea"]: (int(row["points"]), row["name"], row.get("avatar")) for row in rows}
    assert len(found) == len(rows)
    return found


async def assert_consistent(tables: InterruptedDatabase) -> None:
    """The boards show what the profile says, and the points that the progress has; the sum is right."""
    profile = await profiles.load(tables.direct, ADA) or TOKEN
    bests = {board: best.points for board, best in (await progress.load(tables.direct, ADA)).bests.items()}
    assert await shown(tables) == {
        board: (points, profile.name, profile.avatar) for board, points in bests.items()
    }
    counting = [bests[area] for area in CATALOGUE.counting_areas if area in bests]
    assert bests.get(GLOBAL_BOARD) == (sum(counting) if counting else None)


async def fill(tables: InterruptedDatabase, requests: int = 1) -> None:
    """Something of Ada's in every table, and something of Bob's."""
    db = tables.direct
    for user_id in (ADA, BOB):
        profile = Profile(user_id=user_id, name=user_id[:20])
        for area in ("forest", "desert", "sprint"):
            await score(db, area, 10, profile)
        await appearance.change(db, profile, lambda old: old, NOW)
        for number in range(requests):
            await act(db, user_id, EARN.decide(), EARN.key(str(number), user_id), NOW)
        await connections.open_connection(db, f"{user_id}-phone", user_id, NOW)
        await connections.subscribe(db, f"{user_id}-phone", ["forest"], user_id, NOW)
    await publish(tables)
    rows = await tables.rows()
    assert all(
        ADA in json.dumps(found, default=str) for name, found in rows.items() if name != PLAYERS.name
    ), "a table is missed"


async def publish(tables: InterruptedDatabase) -> None:
    """What the stream has by now reaches the boards."""
    live = broadcaster(tables.direct, CATALOGUE, RecordingPush())
    assert await live.process(aws.score_records(), Report()) == []


def by_text(rows: Any) -> list[str]:
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
