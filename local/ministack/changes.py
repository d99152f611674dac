"""Counts the requests that may have changed the emulator's state."""

import re

from local.ministack.asgi import App, Receive, Scope, Send

# By AWS's names of operations. One that only reads and is missed here costs a save that was not needed.
_READING = re.compile(
    rb"""
    DynamoDBStreams_ .*
    | [^.]+ \. (
        (BatchGet | TransactGet | Describe | List) .* | Query | Scan
        | Get (?! TokensFromRefreshToken | UserAttributeVerificationCode ) .*
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Changes:
    """An ASGI application around another one."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.count = 0
        """How many requests that may have changed something have been answered, or have failed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and count afterwards: what is saved before it is counted is saved once more."""
        try:
            await self._app(scope, receive, send)
        finally:
            if scope["type"] == "http" and not _only_reads(scope):
                self.count += 1


def _only_reads(scope: Scope) -> bool:
    if scope["method"] in _READING_METHODS:
        return True
    targets = [value for name, value in scope["headers"] if name == b"x-amz-target"]
    return bool(targets) and all(_READING.fullmatch(target) for target in targets)
