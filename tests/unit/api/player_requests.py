"""Requests of any method with a body and a key, and what a player needs first."""

import json
from typing import Any

from tests.unit.api.rest_scene import PLAYER, Answer, RestScene, request_event

Body = dict[str, Any] | str | None


def send(
    rest: RestScene,
    method: str,
    path: str,
    body: Body = None,
    *,
    player: str | None = PLAYER,
    **headers: str,
) -> Answer:
    """A request; headers by their names with underscores."""
    event = request_event(method, path, player=player)
    event["body"] = body if body is None or isinstance(body, str) else json.dumps(body)
    for name, value in headers.items():
        event["headers"][name.replace("_", "-")] = value
        event["multiValueHeaders"][name.replace("_", "-")] = [value]
    return rest.invoke(event)


def post(rest: RestScene, path: str, body: Body, **headers: str) -> Answer:
    return send(rest, "POST", path, body, **headers)


def progress_of(rest: RestScene) -> dict[str, Any]:
    """`GET /progress` of the player."""
    answer = rest.get("/progress", player=PLAYER)
    assert answer.status == 200
    progress: dict[str, Any] = answer.json
    return progress


def prepare(rest: RestScene, *steps: tuple[str, dict[str, Any]]) -> None:
    """Requests that must succeed."""
    for path, body in steps:
        answer = post(rest, path, body)
        assert answer.status == 200, answer.text
