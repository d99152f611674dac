"""A user pool's public keys: fetched when they are needed, kept for an hour, in an outage a while longer.

    key is there and under an hour old  -> that one
    it is older, or there is no such key -> fetch the set, one request at a time
    the set cannot be fetched            -> the keys go on for six hours; no new attempt for some seconds

So a key that the pool withdraws is trusted for an hour at most, as long as the pool answers, and for six in
any case. Time is the wall clock's: a frozen Lambda container's other clocks may stand still.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import jwt

from runtime.token_kinds import KeySetError

KEPT_SECONDS = 60 * 60
"""The age at which keys are fetched again."""
OUTAGE_SECONDS = 6 * 60 * 60
"""The age beyond which keys are not used, though no newer ones can be fetched."""
REFRESH_SECONDS = 10
"""The least time between two fetches: a made-up key id must not make us fetch the set each time."""
FAILURE_SECONDS = 5
"""The same after a fetch that failed."""
FETCH_TIMEOUT_SECONDS = 5

FetchJson = Callable[[str], Awaitable[Any]]

logger = logging.getLogger("podium.tokens")

_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, jwt.PyJWTError)


async def fetch_json(url: str) -> Any:
    """Return the JSON behind a URL. Raises aiohttp.ClientError or TimeoutError."""
    timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_SECONDS)
    # aiohttp's own context trusts no server in a function: see infra/packaging/entry.py.
    trusted = ssl.create_default_context()
    async with aiohttp.request("GET", url, timeout=timeout, raise_for_status=True, ssl=trusted) as response:
        return await response.json(content_type=None)


class KeySet:
    """The RSA keys behind a URL. A malformed one is left out, and the others are good."""

    def __init__(self, url: str, fetch: FetchJson, now_s: Callable[[], float]) -> None:
        self._url = url
        self._fetch = fetch
        self._now_s = now_s
        self._keys: dict[str, jwt.PyJWK] = {}
        self._malformed: frozenset[str] = frozenset()
        self._fetched_at = -float("inf")
        self._tried_at = -float("inf")
        self._failure: str | None = None
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return the key of this id, or None if the set has none.

        Raises KeySetError where that cannot be told.
        """
        if self._fresh(key_id):
            return self._keys[key_id]
        # While another token waits for the set, those whose key is known go on with it.
        if not (self._lock.locked() and key_id in self._keys and self._younger(OUTAGE_SECONDS)):
            async with self._lock:
                if not self._fresh(key_id):
                    await self._refresh()
        if self._younger(OUTAGE_SECONDS):
            if key_id in self._keys:
                return self._keys[key_id]
            if key_id in self._malformed:
                raise KeySetError(f"the user pool's key {key_id!r:.100} is malformed")
            if self._failure is None:
                return None
        raise KeySetError(f"the user pool's keys cannot be read: {self._failure or 'they are too old'}")

    def _fresh(self, key_id: str) -> bool:
        return key_id in self._keys and self._younger(KEPT_SECONDS)

    def _younger(self, seconds: float) -> bool:
        # A clock that was set back tells nothing of an age.
        return 0 <= self._now_s() - self._fetched_at < seconds

    async def _refresh(self) -> None:
        """Fetch the set, unless that was tried a moment ago."""
        started = self._now_s()
        if 0 <= started - self._tried_at < (REFRESH_SECONDS if self._failure is None else FAILURE_SECONDS):
            return
        try:
            keys, malformed = _read(await self._fetch(self._url))
        except (aiohttp.ClientError, TimeoutError, *_MALFORMED) as error:
            self._failure = f"{type(error).__name__}: {error}"
            logger.warning("the user pool's keys cannot be read: %s", self._failure)
        else:
            self._keys, self._malformed = keys, malformed
            self._fetched_at, self._failure = started, None
        self._tried_at = self._now_s()


def _read(key_set: Any) -> tuple[dict[str, jwt.PyJWK], frozenset[str]]:
    """Return the keys that can be used, and the ids of those that should be and cannot.

    Raises one of _MALFORMED where there is none of the first.
    """
    keys, malformed = {}, set()
    for key in key_set["keys"]:
        try:
            if key.get("kty") == "RSA" and key.get("use", "sig") == "sig":
                keys[key["kid"]] = jwt.PyJWK.from_dict(key, algorithm="RS256")
        except _MALFORMED as error:
            key_id = str(key.get("kid")) if isinstance(key, dict) else "None"
            logger.warning("the user pool's key %.100r is left out: %s", key_id, error)
            malformed.add(key_id)
    if not keys:
        raise ValueError("there is no key that can be used")
    return keys, frozenset(malformed - keys.keys())
