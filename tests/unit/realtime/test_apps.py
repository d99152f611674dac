"""The Lambda entries of live connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from realtime import app, authorizer_app
from realtime.authorizer import authorize
from realtime.routes import Live
from runtime.tokens import TokenVerifier
from store import connections
from tests.unit.events import recorded
from tests.unit.realtime.lambda_container import container_of, fake_context
from tests.unit.realtime.live_scene import CALLER, catalogue_of, live_scene
from tests.unit.realtime.user_pool import CLIENT_ID, ISSUER, KEY_SET_URL, key_set, token


def test_recorded_message_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[dict[str, Any]] = []

    @asynccontextmanager
    async def open_live() -> AsyncIterator[Live]:
        async with live_scene(catalogue_of(1)) as scene:
            yield scene.live
            frames.extend(scene.push.sent_to(CALLER))

    event = recorded("websocket_message") | {"body": '{"action":"subscribe","boards":["area-1"]}'}
    with container_of(monkeypatch, app, open_live):
        assert app.handler(event, fake_context()) == {"statusCode": 200}
        assert app.handler(event, fake_context()) == {"statusCode": 200}
    assert [frame["type"] for frame in frames] == ["snapshot", "snapshot"]


def test_outcome_of_a_portrait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[dict[str, Any]] = []

    @asynccontextmanager
    async def open_live() -> AsyncIterator[Live]:
        async with live_scene(catalogue_of(1)) as scene:
            await connections.open_connection(scene.live.db, CALLER, "ada", scene.live.now_ms())
            yield scene.live
            frames.extend(scene.push.sent_to(CALLER))

    record = {
        "requestContext": {"condition": "Success"},
        "requestPayload": {"userId": "ada", "key": "uploads/ada/one", "background": "none"},
        "responsePayload": {"avatar": "avatars/ada/one", "face": True},
    }
    with container_of(monkeypatch, app, open_live):
        app.avatar_handler(record, fake_context())
    assert frames == [{"type": "avatar", "key": "uploads/ada/one", "avatar": "avatars/ada/one", "face": True}]


@pytest.mark.usefixtures("_token_time")
def test_authorizer_lets_in_and_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetch(_: str) -> Any:
        return key_set("key-1")

    @asynccontextmanager
    async def open_authorizer() -> AsyncIterator[authorizer_app.Authorizer]:
        verifier = TokenVerifier(issuer=ISSUER, client_id=CLIENT_ID, key_set_url=KEY_SET_URL, fetch=fetch)
        yield partial(authorize, verifier)

    event = recorded("websocket_authorizer")
    with container_of(monkeypatch, authorizer_app, open_authorizer):
        answer = authorizer_app.handler(event | {"queryStringParameters": {"token": token()}}, fake_context())
        assert answer["policyDocument"]["Statement"][0]["Effect"] == "Allow"
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            authorizer_app.handler(event, fake_context())


def test_missing_setting_of_the_routes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PODIUM_CONNECTIONS_URL", raising=False)
    with (
        container_of(monkeypatch, app, app._open_live),
        pytest.raises(ValidationError, match="PODIUM_CONNECTIONS_URL"),
    ):
        app.handler(recorded("websocket_message"), fake_context())


def test_missing_settings_of_the_authorizer_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN_ISSUER", "TOKEN_CLIENT_ID", "KEY_SET_URL"):
        monkeypatch.delenv(f"PODIUM_{name}", raising=False)
    with (
        container_of(monkeypatch, authorizer_app, authorizer_app._open_authorizer),
        pytest.raises(
            ValidationError, match=r"(?s)PODIUM_TOKEN_ISSUER.*PODIUM_TOKEN_CLIENT_ID.*PODIUM_KEY_SET_URL"
        ),
    ):
        authorizer_app.handler(recorded("websocket_authorizer"), fake_context())
