"""Clients of the SDK whose failures are the store's own errors."""

import inspect
from collections.abc import Awaitable
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from store.errors import NoTableError, RequestError

ClientT = TypeVar("ClientT")


class _Client:
    """A client of the SDK: what it raises becomes a RequestError."""

    def __init__(self, client: Any) -> None:
        self.sdk = client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.sdk, name)
        if not callable(found):
            return found

        def call(*arguments: Any, **parameters: Any) -> Any:
            answer = found(*arguments, **parameters)
            return _translated(answer) if inspect.isawaitable(answer) else answer

        return call


async def _translated(answer: Awaitable[Any]) -> Any:
    try:
        return await answer
    except (ClientError, BotoCoreError) as error:
        made = RequestError(error)
        raise (NoTableError(error) if made.code == "ResourceNotFoundException" else made) from error


def translating(client: ClientT) -> ClientT:
    """Return a client that raises RequestError for the SDK's errors; such a client is returned as it is."""
    return client if isinstance(client, _Client) else _Client(client)  # type: ignore[return-value]
