"""The REST API with rules for some areas, and a clock that a test moves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from game.catalogue import Catalogue
from store.database import from_item
from store.schema import Table
from tests.unit.api.rest_scene import MEMBERS, PLAYER, Answer, RestScene, request_event
from tests.unit.realtime.fakes import NOW

BOB = "11111111-604d-4405-b676-4eb8a21c5969"
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000

_AREA = {"title": "T", "order": "desc", "min": 0, "max": 1_000_000, "top": 5}
_RUN = {"run": "required", "min_time": "20s", "pace": 150}


def area(**rules: Any) -> dict[str, Any]:
    """Return an area with these rules."""
    return _AREA | {"rules": rules}


CATALOGUE = Catalogue.model_validate(
    {
        "areas": {
            "open": _AREA,
            "gauntlet": area(**_RUN),
            "other": area(**_RUN),
            "arena": area(run="required", attempts="3/season"),
            "daily": area(run="required", attempts="2/1d"),
            "busy": area(submits="3/1m"),
            "doubt": area(**_RUN, on_doubt="hold"),
            "vault": area(write="server"),
            "mood": _AREA | {"keep": "latest"},
            "added": _AREA | {"keep": "sum", "rules": {"run": "optional"}},
        },
        "series": {"level": area(**_RUN) | {"title": "Level {n}", "count": 2}},
        "seasons": {"weekly": {"start": "2025-11-03T00:00:00Z", "every": "7d", "grace": "10m"}},
        "boards": {
            "arena-week": {"title": "W", "areas": ["arena"], "top": 5, "season": "weekly"},
        },
    }
)


@dataclass
class RunScene:
    """`now` is the server's clock, in milliseconds."""

    rest: RestScene
    now: int = NOW
    groups: dict[str, str] = field(default_factory=dict)

    def send(
        self, method: str, path: str, body: Any = None, *, player: str = PLAYER, **options: Any
    ) -> Answer:
        """Send a request with a token that names the groups of the player."""
        event = request_event(method, path, player=player)
        if body is not None:
            event["body"] = json.dumps(body)
        if query := options.get("query"):
            event["queryStringParameters"] = {name: str(value) for name, value in query.items()}
            event["multiValueQueryStringParameters"] = {name: [str(value)] for name, value in query.items()}
        if key := options.get("key"):
            event["headers"]["Idempotency-Key"] = key
            event["multiValueHeaders"]["Idempotency-Key"] = [key]
        if groups := self.groups.get(player):
            event["requestContext"]["authorizer"]["claims"]["cognito:groups"] = groups
        return self.rest.invoke(event)

    def begin(self, name: str = "gauntlet", *, player: str = PLAYER) -> dict[str, Any]:
        """Begin a run."""
        answer = self.send("POST", "/run", {"gameArea": name}, player=player)
        assert answer.status == 201, answer.text
        run: dict[str, Any] = answer.json
        return run

    def score(
        self, name: str, points: int, run: str | None = None, *, player: str = PLAYER, **options: Any
    ) -> Answer:
        """Submit a score."""
        body = {"gameArea": name, "score": points} | ({} if run is None else {"run": run})
        return self.send("POST", "/score", body, player=player, **options)

    def play(self, name: str, points: int, *, lasting: int = 20 * SECOND, player: str = PLAYER) -> Answer:
        """Begin a run, let it last, and submit its score."""
        run = self.begin(name, player=player)["run"]
        self.now += lasting
        return self.score(name, points, run, player=player)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """Return every row of a table."""

        async def scan(db: Any) -> list[dict[str, Any]]:
            return [from_item(item) for item in (await db.client.scan(TableName=table.name))["Items"]]

        return self.rest.run(scan)

    def writes(self) -> list[str]:
        """Return the requests since the log was cleared that write something."""
        reading = ("BatchGetItem", "GetItem", "Query", "Scan")
        return [line for line in self.rest.log if not line.startswith(reading)]

    def joins(self, player: str, *groups: str) -> None:
        """Put a user into groups of the pool; tokens name them."""
        self.groups[player] = ",".join(groups)
        MEMBERS.update((player, group) for group in groups)


@contextmanager
def run_scene(rest: RestScene, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunScene]:
    """Yield the API with CATALOGUE."""
    scene = RunScene(rest)
    rest.replace(monkeypatch, catalogue=CATALOGUE, now_ms=lambda: scene.now)
    yield scene
    MEMBERS.clear()
