"""The routes of the REST API that a simulated player uses."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import aiohttp
from pydantic import ValidationError

from game.board import Entry
from game.catalogue import TOP_LIMIT
from game.headers import RETRY_AFTER
from game.model import Model

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
    """A request failed; the message names the route and the status, the same for the same failure."""


class ScoreAnswer(Model, extra="ignore"):
    """The player's best in the area now, and whether the score made it."""

    best: int
    improved: bool


class Page(Model, extra="ignore"):
    """A part of a board. `version` is that of the live board."""

    version: int
    entries: tuple[Entry, ...]
    next_cursor: str | None


class _Progress(Model, extra="ignore"):
    bests: dict[str, int]


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

    async def post_score(self, token: str, area: str, points: int) -> ScoreAnswer:
        """Submit a score."""
        body = {"gameArea": area, "score": points}
        return await self._ask(ScoreAnswer, "POST", "/score", 201, token=token, json=body)

    async def bests(self, token: str) -> dict[str, int]:
        """Return the player's bests, by area."""
        return (await self._ask(_Progress, "GET", "/progress", 200, token=token)).bests

    async def delete_profile(self, token: str) -> None:
        """Delete the player, with the account."""
        await self._request("DELETE", "/profile", 204, token=token)

    async def top(self, board: str, size: int) -> Page:
        """Return the first `size` entries of a board, of a length that may take several pages to read."""
        entries: list[Entry] = []
        cursor: str | None = ""
        while cursor is not None and len(entries) < size:
            limit = min(TOP_LIMIT, size - len(entries))
            query = {"gameArea": board, "limit": str(limit)} | ({"cursor": cursor} if cursor else {})
            page = await self._ask(Page, "GET", "/leaderboard", 200, params=query)
            entries.extend(page.entries)
            cursor = page.next_cursor
        return Page(version=page.version, entries=tuple(entries), next_cursor=cursor)

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
        raise RestError(f"{method} {path}: {response.status}")


def _seconds(retry_after: str | None) -> int:
    return int(retry_after) if retry_after and retry_after.isascii() and retry_after.isdigit() else 0
