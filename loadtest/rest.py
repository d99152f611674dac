"""The routes of the REST API that a simulated player uses."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
from pydantic import Field, ValidationError

from game.board import Entry
from game.catalogue import TOP_LIMIT
from game.headers import RETRY_AFTER
from game.model import Model
from game.prizes import Prize

TIMEOUT_SECONDS = 30.0
"""No answer within this is a failure. API Gateway itself gives up after 29."""

ATTEMPTS = 3
"""How often in all a busy server is asked for a read or a deletion."""
LONGEST_WAIT_SECONDS = 10
"""A longer `Retry-After` is not waited for."""
_BUSY = (429, 503)

_ModelT = TypeVar("_ModelT", bound=Model)


Sleep = Callable[[float], Awaitable[None]]


class RestError(Exception):
    """A request failed; the message names the route and the status, the same for the same failure.

    status: None where there was no answer. problem: the members of the answer, where it was a problem.
    """

    def __init__(self, message: str, status: int | None = None, problem: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.status = status
        self.problem = problem or {}

    @property
    def code(self) -> str | None:
        """The word by which clients tell refusals apart."""
        code = self.problem.get("code")
        return code if isinstance(code, str) else None

    @property
    def is_refusal(self) -> bool:
        """Whether the server says that nothing was done. What has no answer may have been done."""
        return self.status is not None and self.status < HTTPStatus.INTERNAL_SERVER_ERROR


class Counted(Model, extra="ignore"):
    """The points that a player has on a board now. season: the one that the score counted for, if any."""

    board: str = Field(alias="gameArea")
    season: int | None = None
    points: int
    improved: bool


class ScoreAnswer(Model, extra="ignore"):
    """The player's best in the area now, and whether the score made it; the same on each board it feeds."""

    best: int
    improved: bool
    boards: tuple[Counted, ...] = ()


class Run(Model, extra="ignore"):
    """A run: its ticket, and when it began and expires, in milliseconds since the epoch."""

    run: str
    started_at: int
    expires_at: int


class Page(Model, extra="ignore"):
    """A part of a board. `version` is that of the live board. season: where the board has seasons."""

    version: int
    season: int | None = None
    entries: tuple[Entry, ...]
    next_cursor: str | None


class SeasonTime(Model, extra="ignore"):
    """A season, and when it begins and ends, in milliseconds since the epoch."""

    season: int
    starts_at: int
    ends_at: int


class Seasons(Model, extra="ignore"):
    """The seasons of a board that can be read, the newest first."""

    current: int
    seasons: tuple[SeasonTime, ...]


class Won(Model, extra="ignore"):
    """A prize that was given for a season."""

    rank: int
    of: int
    prize: Prize


class Progress(Model, extra="ignore"):
    """What a player has: the bests by area, and the money."""

    bests: dict[str, int]
    money: int = 0


def open_http() -> aiohttp.ClientSession:
    """Return an HTTP client whose requests never wait for one another."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    )


class Rest:
    """A client of the API at `url`. Every method raises RestError.

    Where the server is busy (429, 503) a read or a deletion is repeated after what `Retry-After` asks for and
    up to a second more. A score is not: how many are refused is what a load test measures.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, sleep: Sleep = asyncio.sleep) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._sleep = sleep

    async def post_score(self, token: str, area: str, points: int, run: str | None = None) -> ScoreAnswer:
        """Submit a score, of this run if it is of one."""
        body = {"gameArea": area, "score": points} | ({"run": run} if run else {})
        return await self._ask(ScoreAnswer, "POST", "/score", 201, token=token, json=body)

    async def begin_run(self, token: str, area: str) -> Run:
        """Begin a run."""
        return await self._ask(Run, "POST", "/run", 201, token=token, json={"gameArea": area})

    async def claim(self, token: str, board: str, season: int) -> Won:
        """Claim the prize of a season."""
        body = {"gameArea": board, "season": season}
        return await self._ask(Won, "POST", "/rewards/claim", 200, token=token, json=body)

    async def progress(self, token: str) -> Progress:
        """Return what the player has."""
        return await self._ask(Progress, "GET", "/progress", 200, token=token)

    async def bests(self, token: str) -> dict[str, int]:
        """Return the player's bests, by area."""
        return (await self.progress(token)).bests

    async def seasons(self, board: str) -> Seasons:
        """Return the seasons of a board that can be read."""
        return await self._ask(Seasons, "GET", "/seasons", 200, params={"gameArea": board})

    async def delete_profile(self, token: str) -> None:
        """Delete the player, with the account."""
        await self._request("DELETE", "/profile", 204, token=token)

    async def top(self, board: str, size: int, season: int | None = None) -> Page:
        """Return the first `size` entries of a board, of a length that may take several pages to read.

        season: by default the one that is open, where the board has any.
        """
        entries: list[Entry] = []
        cursor: str | None = ""
        while cursor is not None and len(entries) < size:
            limit = min(TOP_LIMIT, size - len(entries))
            query = {"gameArea": board, "limit": str(limit)} | ({"cursor": cursor} if cursor else {})
            query |= {} if season is None else {"season": str(season)}
            page = await self._ask(Page, "GET", "/leaderboard", 200, params=query)
            entries.extend(page.entries)
            cursor = page.next_cursor
        return page.model_copy(update={"entries": tuple(entries)})

    async def _ask(self, answer: type[_ModelT], method: str, path: str, status: int, **more: Any) -> _ModelT:
        text = await self._request(method, path, status, **more)
        try:
            return answer.model_validate_json(text)
        except ValidationError as error:
            raise RestError(f"{method} {path}: an answer that is not in the API's description") from error

    async def _request(
        self, method: str, path: str, status: int, *, token: str | None = None, **more: Any
    ) -> bytes:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        for left in reversed(range(ATTEMPTS if method != "POST" else 1)):
            try:
                url = f"{self._url}{path}"
                async with self._http.request(method, url, headers=headers, **more) as response:
                    text = await response.read()
            except TimeoutError as error:
                raise RestError(f"{method} {path}: no answer") from error
            except aiohttp.ClientError as error:
                raise RestError(f"{method} {path}: {type(error).__name__}") from error
            if response.status == status:
                return text
            delay = _seconds(response.headers.get(RETRY_AFTER))
            if response.status not in _BUSY or delay > LONGEST_WAIT_SECONDS or not left:
                break
            await self._sleep(delay + random.random())
        problem = _problem(text)
        code = f" {problem['code']}" if problem.get("code") else ""
        raise RestError(f"{method} {path}: {response.status}{code}", response.status, problem)


def _problem(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _seconds(retry_after: str | None) -> int:
    return int(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else 0
