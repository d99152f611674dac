"""A player and a live connection, as any game client is one: over plain HTTP and WebSocket."""

import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self

import httpx
import jwt
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from game.board import Entry, Position
from game.catalogue import Catalogue
from game.groups import ADMINS
from realtime.protocol import Diff, Snapshot
from realtime.replica import Outcome, Replica
from tests.e2e.backend import Backend
from tests.support.clients import connect
from tests.support.waiting import patience

PASSWORD = "Correct-horse-1"

Frame = dict[str, Any]


class Player:
    """A player who has signed in. `id_token` and `access_token` are those of the last sign-in."""

    def __init__(self, backend: Backend, http: httpx.AsyncClient, username: str) -> None:
        self.config = backend.config()
        self.username = username
        self.id_token = ""
        self.access_token = ""
        self._catalogue = backend.catalogue()
        self._trusts = backend.trusts
        self._http = http

    @classmethod
    async def sign_up(cls, backend: Backend, http: httpx.AsyncClient, name: str) -> Self:
        """Return a new player of this display name, signed in."""
        player = cls(backend, http, f"{name.lower()}-{uuid.uuid4().hex[:8]}")
        await player.register(name)
        await player.sign_in()
        return player

    @classmethod
    async def begin_as_guest(cls, backend: Backend, http: httpx.AsyncClient) -> Self:
        """Return a new guest, signed in without any confirmation."""
        player = cls(backend, http, f"guest-{uuid.uuid4()}")
        assert await player.ask_to_join()
        await player.sign_in()
        return player

    async def ask_to_join(self, attributes: Sequence[Mapping[str, str]] = ()) -> bool:
        """Make a user of the player's username; return whether they need no confirmation."""
        request = {"Username": self.username, "Password": PASSWORD, "UserAttributes": list(attributes)}
        answer = await self._cognito("SignUp", **request)
        return bool(answer["UserConfirmed"])

    async def add_address(self, address: str) -> None:
        """Add an e-mail address, with the code that is sent there."""
        given = [{"Name": "email", "Value": address}]
        await self._cognito("UpdateUserAttributes", AccessToken=self.access_token, UserAttributes=given)
        await self._cognito(
            "VerifyUserAttribute", AccessToken=self.access_token, AttributeName="email", Code="123456"
        )

    async def register(self, name: str) -> None:
        """Make a user of the player's username, with this display name."""
        await self.ask_to_join([{"Name": "name", "Value": name}])
        await self._cognito("ConfirmSignUp", Username=self.username, ConfirmationCode="123456")

    async def sign_in(self, name: str | None = None) -> None:
        """Get new tokens, by the player's username or another name of theirs."""
        parameters = {"USERNAME": name or self.username, "PASSWORD": PASSWORD}
        answer = await self._cognito("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
        self.id_token = answer["AuthenticationResult"]["IdToken"]
        self.access_token = answer["AuthenticationResult"]["AccessToken"]

    @property
    def user_id(self) -> str:
        """The player's `sub`."""
        claims: dict[str, str] = jwt.decode(self.id_token, options={"verify_signature": False})
        return claims["sub"]

    async def post_score(self, area: str, points: int, **run: object) -> httpx.Response:
        """`POST /score`, whatever the answer; `run` has its tie-break and metadata."""
        body = {"gameArea": area, "score": points, **run}
        return await self._http.post("/score", json=body, headers=bearer(self.id_token))

    async def begin_run(self, area: str) -> str:
        """Begin a run; its ticket."""
        return str((await self.ask("POST", "/run", 201, {"gameArea": area}))["run"])

    async def submit(self, area: str, points: int, **run: object) -> dict[str, Any]:
        """Submit a score that must be accepted; the answer."""
        answer = await self.post_score(area, points, **run)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def ask(
        self, method: str, path: str, status: int, body: object = None, *, key: str | None = None
    ) -> Any:
        """Send a request that must be answered with this status; the answer's content, None without any.

        key: the request's `Idempotency-Key`.
        """
        headers = bearer(self.id_token) | ({"Idempotency-Key": key} if key else {})
        answer = await self._http.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def get(self, path: str, **query: object) -> httpx.Response:
        """`GET` with the player's token."""
        parameters = {name: str(value) for name, value in query.items()}
        return await self._http.get(path, params=parameters, headers=bearer(self.id_token))

    async def top(self, area: str) -> tuple[Entry, ...]:
        """Return the top K of a board, as REST has it."""
        answer = await self.get("/leaderboard", gameArea=area, limit=self._catalogue.boards[area].top)
        assert answer.status_code == 200, answer.text
        return tuple(Entry.model_validate(entry) for entry in answer.json()["entries"])

    @asynccontextmanager
    async def watch(self, *boards: str) -> AsyncIterator["LiveClient"]:
        """Yield a spectator's connection, without this player's token or any, as `live` does."""
        async with self._following([Subprotocol("podium")], boards) as client:
            yield client

    @asynccontextmanager
    async def live(self, *boards: str) -> AsyncIterator["LiveClient"]:
        """Yield a live connection that has subscribed to these boards and has their snapshots."""
        async with self._following([Subprotocol("podium"), Subprotocol(self.id_token)], boards) as client:
            yield client

    @asynccontextmanager
    async def _following(
        self, protocols: Sequence[Subprotocol], boards: Sequence[str]
    ) -> AsyncIterator["LiveClient"]:
        async with self.connect(subprotocols=protocols) as socket:
            client = LiveClient(socket, self._catalogue)
            if boards:
                await client.subscribe(*boards)
            yield client

    def connect(self, query: str = "", **options: Any) -> AbstractAsyncContextManager[ClientConnection]:
        """Return a live connection to be entered; `options` of the library's `connect`."""
        return connect(self.config["webSocketUrl"] + query, ssl=self._trusts, **options)

    async def _cognito(self, operation: str, **request: object) -> dict[str, Any]:
        answer = await self._http.post(
            self.config["cognitoEndpoint"],
            content=json.dumps({"ClientId": self.config["userPoolClientId"], **request}),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
            },
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


class LiveClient:
    """A live connection that keeps its boards by the client's rules. `frames` is all that it received."""

    def __init__(self, socket: ClientConnection, catalogue: Catalogue) -> None:
        self.socket = socket
        self.frames: list[Frame] = []
        self.replicas: dict[str, Replica] = {}
        self._catalogue = catalogue

    async def subscribe(self, *boards: str) -> None:
        """Subscribe and wait for every snapshot."""
        await self.send("subscribe", boards=list(boards))
        for _ in boards:
            frame = await self.receive()
            assert frame["type"] == "snapshot", frame

    async def send(self, action: str, **fields: object) -> None:
        """Send one frame."""
        await self.socket.send(json.dumps({"action": action, **fields}))

    async def receive(self) -> Frame:
        """Return the next frame, with the replica of its board brought up to it."""
        async with patience():
            frame: Frame = json.loads(await self.socket.recv())
        self.frames.append(frame)
        if frame["type"] == "snapshot":
            await self._take(Snapshot.model_validate(frame))
        elif frame["type"] == "diff":
            assert frame["to"] == frame["from"] + 1
            await self._take(Diff.model_validate(frame))
        return frame

    async def next(self, kind: str) -> Frame:
        """Receive until a frame of this type comes."""
        async with patience():
            while (frame := await self.receive())["type"] != kind:
                pass
        return frame

    async def ask(self, action: str, **fields: object) -> Frame:
        """Send a frame; the next frame that comes."""
        await self.send(action, **fields)
        return await self.receive()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Receive until it holds; fails with the frames that came."""
        try:
            async with patience():
                while not holds():
                    await self.receive()
        except TimeoutError:
            raise AssertionError(f"did not come true after {self.frames[-20:]}") from None

    async def follows(self, board: str, entries: tuple[Entry, ...]) -> None:
        """Receive until the board as held has exactly these entries."""
        await self.until(lambda: self.replicas[board].entries == entries)

    def position(self, board: str) -> Position:
        """Return where the board as held stands."""
        position = self.replicas[board].position
        assert position is not None
        return position

    async def _take(self, frame: Snapshot | Diff) -> None:
        board = frame.board
        replica = self.replicas.setdefault(board, Replica(self._catalogue.boards[board].order))
        if replica.take(frame) is Outcome.RESYNC:
            await self.send("subscribe", boards=[board])


def bearer(token: str) -> dict[str, str]:
    """Return the header that says who is calling."""
    return {"Authorization": f"Bearer {token}"}


async def make_admin(backend: Backend, player: Player) -> None:
    """Put a player into the group `admins`, and sign them in again so that their tokens say so."""
    await put_into(backend, player, ADMINS)


async def put_into(backend: Backend, player: Player, group: str) -> None:
    """Put a player into a group, and sign them in again so that their tokens say so."""
    async with backend.client("cognito-idp") as cognito:
        await cognito.admin_add_user_to_group(
            UserPoolId=player.config["userPoolId"], Username=player.username, GroupName=group
        )
    await player.sign_in()


def assert_problem(answer: httpx.Response, status: int, mention: str) -> None:
    """The answer is problem+json of this status, and mentions what is wrong (a 422: as a field)."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
        answer.text
    )
    problem = answer.json()
    assert problem["status"] == status
    assert mention in problem["detail"]
    if status == 422:
        assert any(mention in error["field"] for error in problem["errors"]), problem
