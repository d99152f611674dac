"""A stand-in for what players call over HTTP: Cognito's JSON protocol, and the REST API.

It does as it is told: `failures` has the answers that an operation (`SignUp`, `POST /score`, …) gives before
it works (with `retry_after`, if any; None: it works once), and `hold` keeps it from answering.
"""

import asyncio
import base64
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from game.catalogue import load_catalogue
from game.headers import RETRY_AFTER
from game.scoring import better
from loadtest.target import TargetBoard, TargetConfig

CATALOGUE = load_catalogue()


class Gate:
    """What holds requests back. `reached`: there is one."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()


class StandIn:
    """The backend. Users are known by their names, and their token says who they are."""

    def __init__(self) -> None:
        self.url = ""
        self.users: dict[str, str] = {}
        self.unconfirmed: set[str] = set()
        self.bests: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.boards: dict[str, list[dict[str, Any]]] = {}
        self.seasons: dict[str, int] = {}
        """The open season of boards that have any; `boards` may have others as `forest#3`."""
        self.money = 0
        self.run_ms = 7_200_000
        self.spent: dict[str, dict[str, Any]] = {}
        """The answers to the scores of runs."""
        self.calls: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.failures: defaultdict[str, deque[tuple[int, Any] | None]] = defaultdict(deque)
        self.retry_after: str | None = None
        self._gates: dict[str, Gate] = {}
        self.expires_in = 3600

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["StandIn"]:
        """Yield a stand-in on a free port."""
        stand_in = cls()
        app = web.Application()
        app.router.add_post("/cognito", stand_in._cognito)
        app.router.add_route("*", "/{path:.*}", stand_in._rest)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        stand_in.url = f"http://{host}:{port}"
        try:
            yield stand_in
        finally:
            for gate in stand_in._gates.values():
                gate.open.set()
            await runner.cleanup()

    def config(self, *, on_aws: bool = False) -> TargetConfig:
        """Return what a client reads. On AWS there is no Cognito of one's own."""
        return TargetConfig(
            region="us-east-1",
            rest_url=self.url,
            web_socket_url="ws://127.0.0.1:1/local",
            user_pool_id="us-east-1_pool",
            user_pool_client_id="client",
            cognito_endpoint=None if on_aws else f"{self.url}/cognito",
            boards=tuple(
                TargetBoard(id=name, order=board.order, areas=board.areas)
                for name, board in CATALOGUE.boards.items()
            ),
        )

    def hold(self, operation: str) -> "Gate":
        """Answer this operation only once the gate is opened."""
        return self._gates.setdefault(operation, Gate())

    async def _cognito(self, request: web.Request) -> web.Response:
        operation = request.headers["X-Amz-Target"].partition(".")[2]
        body = json.loads(await request.text())
        self.calls.append(operation)
        self.requests.append(body)
        if failure := await self._failure(operation):
            return failure
        name = body.get("Username") or body.get("AuthParameters", {}).get("USERNAME", "")
        if operation == "SignUp":
            if name in self.users:
                return _answer(400, {"__type": "com.amazonaws#UsernameExistsException"})
            self.users[name] = body["Password"]
            self.unconfirmed.add(name)
        elif operation in ("ConfirmSignUp", "AdminConfirmSignUp"):
            self.unconfirmed.discard(name)
        elif name in self.unconfirmed or self.users.get(name) != body["AuthParameters"]["PASSWORD"]:
            return _answer(400, {"__type": "NotAuthorizedException"})
        else:
            return _answer(200, {"AuthenticationResult": self._tokens(name)})
        return _answer(200, {})

    async def _rest(self, request: web.Request) -> web.Response:
        operation = f"{request.method} {request.path}"
        self.calls.append(operation)
        if failure := await self._failure(operation):
            return failure
        if operation == "GET /leaderboard":
            return self._page(request)
        if operation == "GET /seasons":
            return self._seasons(request.query["gameArea"])
        user = _user(request)
        if operation == "POST /score":
            body = await request.json()
            self.requests.append(body)
            return _answer(201, self._score(user, **body))
        if operation == "GET /progress":
            return _answer(200, {"bests": self.bests[user], "level": 1, "money": self.money})
        if operation == "POST /run":
            body = await request.json()
            number = self.calls.count(operation)
            run = {"run": f"{body['gameArea']}-{number}", "seed": 1, "startedAt": 0}
            return _answer(201, run | {"expiresAt": self.run_ms})
        if operation == "DELETE /profile":
            self.bests.pop(user, None)
            self.users.pop(user.removeprefix("sub-"), None)
            return web.Response(status=204)
        return _answer(404, {})

    def _score(
        self,
        user: str,
        gameArea: str,  # noqa: N803 -- as in JSON
        score: int,
        run: str | None = None,
    ) -> dict[str, Any]:
        if run in self.spent:
            return self.spent[run]
        best = self.bests[user].get(gameArea)
        improved = best is None or better(CATALOGUE.areas[gameArea].order, score, best)
        if improved:
            self.bests[user][gameArea] = score
        answer = {
            "gameArea": gameArea,
            "score": score,
            "best": self.bests[user][gameArea],
            "improved": improved,
            "boards": [
                {
                    "gameArea": board.id,
                    "points": sum(self.bests[user].get(area, 0) for area in board.areas),
                    "improved": improved,
                }
                for board in CATALOGUE.boards_of(gameArea)
            ],
        }
        if run is not None:
            self.spent[run] = answer
        return answer

    def _seasons(self, board: str) -> web.Response:
        current = self.seasons[board]
        times = [
            {"season": number, "startsAt": number * 1000, "endsAt": number * 1000 + 1000, "state": "open"}
            for number in range(current, 0, -1)
        ]
        return _answer(200, {"gameArea": board, "current": current, "seasons": times})

    def _page(self, request: web.Request) -> web.Response:
        board, season = request.query["gameArea"], request.query.get("season")
        entries = self.boards.get(board if season is None else f"{board}#{season}", [])
        in_season = {"season": self.seasons[board]} if board in self.seasons else {}
        start, limit = int(request.query.get("cursor", 0)), int(request.query["limit"])
        end = start + limit
        return _answer(
            200,
            {
                "gameArea": request.query["gameArea"],
                "version": 7,
                "entries": entries[start:end],
                "nextCursor": str(end) if end < len(entries) else None,
                **in_season,
            },
        )

    def _tokens(self, name: str) -> dict[str, Any]:
        claims = base64.urlsafe_b64encode(json.dumps({"sub": f"sub-{name}"}).encode()).decode().rstrip("=")
        return {
            "IdToken": f"x.{claims}.y",
            "AccessToken": f"access-{name}",
            "ExpiresIn": self.expires_in,
        }

    async def _failure(self, operation: str) -> web.Response | None:
        if gate := self._gates.get(operation):
            gate.reached.set()
            await gate.open.wait()
        failure = self.failures[operation].popleft() if self.failures[operation] else None
        if failure is None:
            return None
        status, body = failure
        answer = _answer(status, body)
        if self.retry_after is not None:
            answer.headers[RETRY_AFTER] = self.retry_after
        return answer


def entry(rank: int, points: int) -> dict[str, Any]:
    """Return an entry of a board as REST has it."""
    return {
        "rank": rank,
        "userId": f"user-{rank}",
        "name": f"User {rank}",
        "avatar": None,
        "score": points,
        "achievedAt": rank,
    }


def _user(request: web.Request) -> str:
    claims = request.headers["Authorization"].removeprefix("Bearer ").split(".")[1]
    user: str = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
    return user


def _answer(status: int, body: Any) -> web.Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return web.Response(status=status, text=text, content_type="application/json")
