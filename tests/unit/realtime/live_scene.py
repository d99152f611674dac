"""The WebSocket routes over moto's tables and a recording push client."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from game.catalogue import Catalogue
from game.groups import ADMINS
from realtime.routes import Live, Response, handle
from store import connections
from store.boards import PublishedBoard
from store.database import Database, to_item
from store.profiles import Profile
from store.schema import CONNECTIONS
from store.submission import submit
from tests.unit.events import recorded
from tests.unit.realtime.fakes import NOW, RecordingPush, clock, recorded_database

PLAYER = "87313b53-604d-4405-b676-4eb8a21c5969"
USERNAME = "ada"
CALLER = "UcX1kd3noAMCJ4g="


def catalogue_of(areas: int) -> Catalogue:
    """`area-1`, `area-2`, …, with boards of three."""
    area = {"title": "A", "order": "desc", "min": 0, "max": 100, "top": 3}
    return Catalogue.model_validate(
        {
            "boards": {"global": {"title": "All", "top": 3, "areas": ["area-1"]}},
            "areas": {f"area-{number}": area for number in range(1, areas + 1)},
        }
    )


@dataclass
class Members:
    """The user pool: who is in a group now, as (user name, `sub`, group); or why it does not say."""

    there: set[tuple[str, str, str]] = field(default_factory=lambda: {(USERNAME, PLAYER, ADMINS)})
    error: Exception | None = None
    asked: int = 0

    async def __call__(self, username: str, user_id: str, group: str) -> bool:
        self.asked += 1
        if self.error:
            raise self.error
        return (username, user_id, group) in self.there


@dataclass
class LiveScene:
    """`log` has every request and push since the scene began, in order."""

    live: Live
    push: RecordingPush
    direct: Database
    log: list[str]
    members: Members
    throttled: set[str]
    """Operations that DynamoDB has no room for."""

    async def event(self, route: str, **changes: Any) -> Response:
        """Let the routes handle the recorded event, with another route key and other fields.

        `groups` are of the token; `authorizer` has further fields of the authorizer's context. `spectator`:
        the connection came without a token.
        """
        event = recorded("websocket_message")
        event["requestContext"]["routeKey"] = route
        if changes.pop("spectator", False):
            event["requestContext"]["authorizer"] = {"spectator": "true", "principalId": "spectator"}
            self.log.clear()
            return await handle(self.live, event | changes)
        context = event["requestContext"]["authorizer"]
        groups = changes.pop("groups", "")
        context |= {"groups": groups} | ({"username": USERNAME} if groups else {})
        context |= changes.pop("authorizer", {})
        self.log.clear()
        return await handle(self.live, event | changes)

    async def ask(self, frame: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
        """Return the frames that answer a client's frame."""
        return await self.ask_text(json.dumps(frame), route=frame["action"], **changes)

    async def ask_text(self, body: str, *, route: str = "$default", **changes: Any) -> list[dict[str, Any]]:
        before = len(self.push.sent_to(CALLER))
        assert await self.event(route, body=body, **changes) == {"statusCode": 200}
        return self.push.sent_to(CALLER)[before:]

    async def score(self, player: str, area: str, points: int) -> None:
        """A score that the broadcaster has not seen."""
        await submit(self.direct, self.live.catalogue, Profile(user_id=player, name="Ada"), area, points, NOW)

    async def channels(self, connection_id: str = CALLER) -> set[str]:
        return set(await connections.channels(self.direct, connection_id))

    async def subscribe(self, connection_id: str, channel: str) -> None:
        await connections.subscribe(self.direct, connection_id, [channel], "stranger", NOW)

    async def row(self, channel: str, connection_id: str = CALLER) -> dict[str, Any]:
        stored = connections.stored_channel(channel, connection_id)
        answer = await self.direct.client.get_item(
            TableName=CONNECTIONS.name, Key=to_item({"channel": stored, "connectionId": connection_id})
        )
        return dict(answer["Item"])


@asynccontextmanager
async def live_scene(catalogue: Catalogue) -> AsyncIterator[LiveScene]:
    async with recorded_database() as tables:
        push, members = RecordingPush(tables.log), Members()
        live = Live(tables.db, catalogue, push, clock, members)
        yield LiveScene(live, push, tables.direct, tables.log, members, tables.throttled)


def position(published: PublishedBoard) -> dict[str, int]:
    """Return a board's position as clients send it."""
    return published.position._asdict()
