"""The REST API behind its Lambda entry, over moto's tables."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest
from aiobotocore.config import AioConfig

from api import app
from api.backend import Backend
from game.catalogue import load_catalogue
from game.client_config import Deployment
from game.run_ticket import Key
from runtime.container import Container
from runtime.run_keys import RunKeys
from runtime.token_kinds import ID_TOKEN
from runtime.tokens import TokenVerifier
from store.database import Database
from store.portraits import PortraitBucket
from store.profiles import Profile
from store.submission import submit
from tests.simulation.aws import answered_client, ask_moto, shared_session
from tests.unit.events import recorded
from tests.unit.realtime import user_pool
from tests.unit.realtime.fakes import NOW, RecordedDatabase, clock, recorded_database
from tests.unit.realtime.lambda_container import container_of, fake_context

T = TypeVar("T")

PLAYER = "87313b53-604d-4405-b676-4eb8a21c5969"
DEPLOYMENT = Deployment(
    region="us-east-1",
    rest_url="https://rest.example.com/prod",
    web_socket_url="wss://live.example.com/prod",
    user_pool_id="us-east-1_Podium123",
    user_pool_client_id="4h57k5example",
    avatar_bucket="podium-avatars",
)


TOKEN_VARIABLES = {
    "PODIUM_TOKEN_ISSUER": user_pool.ISSUER,
    "PODIUM_TOKEN_CLIENT_ID": user_pool.CLIENT_ID,
    "PODIUM_KEY_SET_URL": user_pool.KEY_SET_URL,
}
"""What the function's environment says of tokens."""


@dataclass
class Answer:
    """A response as API Gateway gets it."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    def problem(self, status: int) -> dict[str, Any]:
        """Return the body, which must be a problem of this status."""
        assert self.status == status, self.text
        assert self.headers["Content-Type"] == "application/problem+json"
        problem: dict[str, Any] = self.json
        assert problem.keys() - {"errors", "code", "rule", "resetsAt", "season"} == {
            "type",
            "title",
            "status",
            "detail",
        }
        assert problem["status"] == status
        return problem


@dataclass
class RestScene:
    """`log` has every request to the tables; `throttled` the operations that they have no room for."""

    container: Container[Backend]
    log: list[str] = field(default_factory=list)
    throttled: set[str] = field(default_factory=set)

    def invoke(self, event: dict[str, Any]) -> Answer:
        answer = app.handler(event, fake_context())
        headers = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
        return Answer(answer["statusCode"], headers, answer["body"])

    def get(self, path: str, query: dict[str, Any] | None = None, *, player: str | None = None) -> Answer:
        """Send a request; a value that is a list is a repeated parameter."""
        many = {
            name: value if isinstance(value, list) else [str(value)] for name, value in (query or {}).items()
        }
        event = request_event("GET", path, player=player) | {
            "queryStringParameters": {name: values[-1] for name, values in many.items()} or None,
            "multiValueQueryStringParameters": many or None,
        }
        return self.invoke(event)

    def post(
        self, path: str, body: str | None, *, player: str | None = PLAYER, content_type: str | None = None
    ) -> Answer:
        event = request_event("POST", path, player=player) | {"body": body}
        if content_type is not None:
            event["headers"]["Content-Type"] = content_type
            event["multiValueHeaders"]["Content-Type"] = [content_type]
        return self.invoke(event)

    def score(self, player: str, points: int, area: str = "forest", *, at: int = NOW) -> None:
        async def work(backend: Backend) -> object:
            return await submit(
                backend.db, backend.catalogue, Profile(user_id=player, name=player.title()), area, points, at
            )

        self.container.run(work)

    def replace(self, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
        """Put other parts into the backend."""
        backend = self.container._resources
        assert backend is not None
        monkeypatch.setattr(self.container, "_resources", replace(backend, **changes))

    def run(self, work: Callable[[Database], Awaitable[T]]) -> T:
        """Something done to the tables directly."""
        return self.container.run(lambda backend: work(backend.db))


def request_event(method: str, path: str, *, player: str | None) -> dict[str, Any]:
    """Return the recorded event as another request."""
    event = recorded("rest_score") | {"httpMethod": method, "path": path, "resource": path, "body": None}
    event["requestContext"] |= {"httpMethod": method, "resourcePath": path, "path": f"/prod{path}"}
    if player is None:
        del event["requestContext"]["authorizer"]
    else:
        event["requestContext"]["authorizer"]["claims"]["sub"] = player
    return event


PROCESSED: list[tuple[str, str, str]] = []


CLOSED: list[str] = []


async def hang_up(connection_id: str) -> None:
    """Takes note of the connections to be closed."""
    CLOSED.append(connection_id)


DELETED_USERS: list[tuple[str, str]] = []


async def delete_user(username: str, user_id: str) -> None:
    """Takes note of the users to be deleted from the pool."""
    DELETED_USERS.append((username, user_id))


GUESTS: set[tuple[str, str]] = set()
"""Name and `sub` of the users who are guests."""


async def is_guest(username: str, user_id: str) -> bool:
    """Stand in for the user pool."""
    return (username, user_id) in GUESTS


MEMBERS: set[tuple[str, str]] = set()
"""`sub` and group of the users who are in one."""


async def is_member(username: str, user_id: str, group: str) -> bool:
    """Stand in for the user pool."""
    return username != "" and (user_id, group) in MEMBERS


async def describe_user(username: str, user_id: str) -> dict[str, str]:
    """Stand in for the user pool."""
    return {"sub": user_id, "username": username, "email": f"{username}@example.org"}


async def verify(token: str) -> Mapping[str, Any]:
    """Verify as the deployed function does, against keys that are at hand."""
    verifier = TokenVerifier(
        issuer=user_pool.ISSUER, client_id=user_pool.CLIENT_ID, key_set_url="", fetch=fetch_keys
    )
    return await verifier.verify(token, uses=ID_TOKEN)


async def fetch_keys(_: str) -> Any:
    return user_pool.key_set("key-1")


async def read_run_keys() -> list[Key]:
    """Stand in for the secret."""
    return [Key("key-1", b"secret")]


async def process_portrait(user_id: str, key: str, background: str) -> None:
    """Takes note of the portraits asked for."""
    PROCESSED.append((user_id, key, background))


@contextmanager
def rest_scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[RestScene]:
    opened: list[RecordedDatabase] = []

    @asynccontextmanager
    async def open_backend() -> AsyncIterator[Backend]:
        config = AioConfig(signature_version="s3v4")
        async with (
            recorded_database() as tables,
            answered_client(shared_session(), "s3", ask_moto, config=config) as s3,
        ):
            tables.log.append("open")
            opened.append(tables)
            yield Backend(
                tables.db,
                load_catalogue(),
                DEPLOYMENT,
                clock,
                PortraitBucket(s3, DEPLOYMENT.avatar_bucket),
                process_portrait,
                hang_up,
                delete_user,
                is_guest,
                is_member,
                describe_user,
                verify,
                RunKeys(read_run_keys, lambda: NOW / 1000),
                app.count,
            )

    async def nothing(_: Backend) -> None:
        """The first invocation opens the tables."""

    with container_of(monkeypatch, app, open_backend) as container:
        container.run(nothing)
        tables = opened[0]
        tables.log.clear()
        yield RestScene(container, tables.log, tables.throttled)
