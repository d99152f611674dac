"""The keys that sign the tickets of runs: two versions of one secret, of which the later one signs.

    AWSCURRENT   signs, and verifies
    AWSPREVIOUS  verifies what it signed before the key was changed

A new version becomes AWSCURRENT, and the one before AWSPREVIOUS, by themselves (docs/deploy.md). Both are
read again when they are an hour old, and when a ticket names a key that is not known, at most every ten
seconds: a made-up key id must not make us ask each time. While the secret cannot be read, the keys go on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError

from game.run_ticket import Key
from runtime.sdk import SDK_CONFIG, error_code

KEPT_SECONDS = 60 * 60
"""The age at which keys are read again."""
RELOAD_SECONDS = 10
"""The least time between two reads."""

_VERSIONS = ("AWSCURRENT", "AWSPREVIOUS")

ReadKeys = Callable[[], Awaitable[list[Key]]]
"""Reads the keys that are good now, the one that signs first."""

logger = logging.getLogger("podium.runs")


class RunKeysError(Exception):
    """The keys cannot be read, and the one in question is not known: try again."""


class RunKeys:
    """The keys as this process knows them. `now_s` gives seconds since the epoch."""

    def __init__(self, read: ReadKeys, now_s: Callable[[], float]) -> None:
        self._read = read
        self._now_s = now_s
        self._keys: list[Key] = []
        self._read_at = self._tried_at = -float("inf")
        self._lock = asyncio.Lock()

    async def signing(self) -> Key:
        """Return the key that signs. Raises RunKeysError."""
        await self._refresh(lambda: self._younger(self._read_at, KEPT_SECONDS))
        if not self._keys:
            raise RunKeysError("the keys of runs cannot be read")
        return self._keys[0]

    async def find(self, key_id: str) -> Key | None:
        """Return the key of this id, if it is good. Raises RunKeysError where that cannot be told."""
        await self._refresh(
            lambda: self._known(key_id) is not None and self._younger(self._read_at, KEPT_SECONDS)
        )
        known = self._known(key_id)
        # A key that came since then cannot be told from a made-up one.
        if known is None and self._read_at < self._tried_at:
            raise RunKeysError("the keys of runs cannot be read")
        return known

    def _known(self, key_id: str) -> Key | None:
        return next((key for key in self._keys if key.id == key_id), None)

    def _younger(self, moment: float, seconds: float) -> bool:
        # A clock that was set back tells nothing of an age.
        return 0 <= self._now_s() - moment < seconds

    async def _refresh(self, is_good: Callable[[], bool]) -> None:
        """Read the keys, unless what there is will do, or they were asked for a moment ago."""
        if is_good():
            return
        async with self._lock:
            if is_good() or self._younger(self._tried_at, RELOAD_SECONDS):
                return
            self._tried_at = self._now_s()
            try:
                self._keys = await self._read()
                self._read_at = self._now_s()
            except (ClientError, BotoCoreError, TimeoutError) as error:
                logger.error("the keys of runs cannot be read: %s", error)


def keys_of_secret(session: aioboto3.Session, secret: str) -> ReadKeys:
    """Return what reads the keys from a secret, by its name or ARN.

    The client is opened for each read: they are an hour apart, and most processes need none.
    """

    async def read() -> list[Key]:
        async with session.client("secretsmanager", config=SDK_CONFIG) as client:
            return [key for version in _VERSIONS if (key := await _version(client, secret, version))]

    return read


async def _version(client: Any, secret: str, version: str) -> Key | None:
    try:
        answer = await client.get_secret_value(SecretId=secret, VersionStage=version)
    except ClientError as error:
        # A secret that was never changed has no version before.
        if version != _VERSIONS[0] and error_code(error) == "ResourceNotFoundException":
            return None
        raise
    return Key(answer["VersionId"], answer["SecretString"].encode())
