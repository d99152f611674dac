"""The JavaScript modules that are generated from the code: facts that the web client and the server share.

clients/web/podium/constants.js   limits and names of game/
clients/web/demo/catalogue.js     what the demo page shows of game/catalogue.toml
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from game.catalogue import load_catalogue
from game.headers import IDEMPOTENCY_KEY, RETRY_AFTER
from game.live import PING_SECONDS, SUBPROTOCOL
from game.pictures import MIN_SIDE

Export = tuple[str, str, Any]
"""A constant: its name, what it is, and its value."""

_CONSTANTS: tuple[Export, ...] = (
    (
        "PING_MS",
        "Milliseconds from ping to ping: half of API Gateway's idle limit of 10 minutes.",
        PING_SECONDS * 1000,
    ),
    ("SUBPROTOCOL", "The WebSocket subprotocol; the token travels beside it.", SUBPROTOCOL),
    ("IDEMPOTENCY_KEY", "The header of an action's key: the same key, the same action.", IDEMPOTENCY_KEY),
    ("RETRY_AFTER", "The header that says when to come back, in seconds.", RETRY_AFTER),
    ("MIN_SIDE", "Pixels that each side of a picture must have.", MIN_SIDE),
)


def modules() -> dict[str, str]:
    """Return the text of each module by its path in the checkout."""
    return {
        "clients/web/podium/constants.js": _module("game/", _CONSTANTS),
        "clients/web/demo/catalogue.js": _module("game/catalogue.toml", tuple(_catalogue())),
    }


def _catalogue() -> Iterator[Export]:
    catalogue = load_catalogue()
    yield (
        "LEVEL_XP",
        "The xp with which level 1, level 2, … begins. No route tells what is here: a game knows its own.",
        catalogue.levels.xp,
    )
    for name, what, table in (
        ("TASKS", "What there is to do.", catalogue.tasks),
        ("UNLOCKS", "What there is to open.", catalogue.unlocks),
    ):
        rows = [{"id": key, **row.model_dump(by_alias=True, exclude_none=True)} for key, row in table.items()]
        yield name, what, rows
    limit = catalogue.money["pickup"].per_request
    yield "PICKUP_LIMIT", "The money that may be added for `pickup` in one request.", limit


def _module(source: str, exports: Sequence[Export]) -> str:
    lines = [f"/** Generated from {source} by `make docs`: do not edit. */"]
    for name, what, value in exports:
        lines += ["", f"/** {what} */", f"export const {name} = {_literal(value)};"]
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(["[", *(f"  {json.dumps(row, ensure_ascii=False)}," for row in value), "]"])
    return json.dumps(value, ensure_ascii=False)
