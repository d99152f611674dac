"""Requests of any method with a body and a key, and one that succeeds on each route that acts."""

import json
from typing import Any, NamedTuple

from store.database import Database
from store.schema import PLAYERS, TABLES
from tests.unit.api.rest_scene import PLAYER, Answer, RestScene, request_event

Body = dict[str, Any] | str | None
Step = tuple[str, dict[str, Any]]

NEW: dict[str, Any] = {
    "level": 1,
    "xp": 0,
    "checkpoint": None,
    "version": 0,
    "unlocked": [],
    "tasks": {},
    "money": 0,
    "inventory": {},
    "bests": {},
}
"""The progress of a new player."""

SAVE = {"level": 1, "xp": 30, "checkpoint": {"at": "gate"}, "version": 0}
SCORE = ("/score", {"gameArea": "forest", "score": 7})
TASK = ("/task/complete", {"taskId": "first-score"})
PICKUP = ("/money/add", {"amount": 100, "reason": "pickup"})
LANTERN = ("/unlock", {"id": "lantern-path"})
TODAY = "2025-11-22"


class Success(NamedTuple):
    """A request, what comes before it, what it says beside the progress, and what changes in that."""

    path: str
    body: dict[str, Any]
    before: tuple[Step, ...]
    says: dict[str, Any]
    changes: dict[str, Any]


SUCCESSES = [
    Success("/progress", SAVE, (), {}, {"xp": 30, "checkpoint": {"at": "gate"}, "version": 1}),
    Success(*LANTERN, (SCORE, TASK), {"id": "lantern-path"}, {"money": 0, "unlocked": ["lantern-path"]}),
    Success(
        *TASK,
        (SCORE,),
        {"taskId": "first-score"},
        {"money": 50, "xp": 100, "level": 2, "version": 1, "tasks": {"first-score": TODAY}},
    ),
    Success(*PICKUP, (), {"amount": 100, "reason": "pickup"}, {"money": 100}),
    Success(
        "/shop/buy",
        {"itemId": "torch", "quantity": 3},
        (PICKUP,),
        {"itemId": "torch", "quantity": 3},
        {"money": 70, "inventory": {"torch": 3}},
    ),
]


def send(
    rest: RestScene,
    method: str,
    path: str,
    body: Body = None,
    *,
    player: str | None = PLAYER,
    **headers: str,
) -> Answer:
    """Send a request; headers by their names with underscores."""
    event = request_event(method, path, player=player)
    event["body"] = body if body is None or isinstance(body, str) else json.dumps(body)
    for name, value in headers.items():
        event["headers"][name.replace("_", "-")] = value
        event["multiValueHeaders"][name.replace("_", "-")] = [value]
    return rest.invoke(event)


def post(rest: RestScene, path: str, body: Body, **headers: str) -> Answer:
    return send(rest, "POST", path, body, **headers)


def progress_of(rest: RestScene) -> dict[str, Any]:
    """`GET /progress` of the player."""
    answer = rest.get("/progress", player=PLAYER)
    assert answer.status == 200
    progress: dict[str, Any] = answer.json
    return progress


def everything(rest: RestScene) -> str:
    """Return every row of every table, as text, but for tombstones."""

    async def scan(db: Database) -> str:
        answers = [await db.client.scan(TableName=table.name) for table in TABLES if table != PLAYERS]
        return json.dumps([item for answer in answers for item in answer["Items"]], default=str)

    return rest.run(scan)


def prepare(rest: RestScene, *steps: Step) -> None:
    """Requests that must succeed."""
    for path, body in steps:
        answer = post(rest, path, body)
        assert answer.status in (200, 201), answer.text
