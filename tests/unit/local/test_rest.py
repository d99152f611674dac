"""The local REST server in front of the routes: methods, bodies, and the page with its headers."""

import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from api.backend import Backend
from game.client_config import Deployment
from local.page_headers import page_headers
from local.rest import PAYLOAD_LIMIT, RestServer
from local.stack import PAGES
from runtime.tokens import TokenVerifier
from tests.unit.api.rest_scene import DEPLOYMENT

LOCAL = DEPLOYMENT.model_copy(
    update={
        "rest_url": "http://127.0.0.1:8000",
        "web_socket_url": "ws://127.0.0.1:8001/local",
        "cognito_endpoint": "http://127.0.0.1:4566",
    }
)
HEADERS = page_headers(LOCAL, "http://127.0.0.1:4566")


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    # None of what is asked for here looks at what is behind the routes.
    fields: dict[str, Any] = {field.name: None for field in dataclasses.fields(Backend)}
    server = RestServer(Backend(**fields), cast(TokenVerifier, None), PAGES, HEADERS)
    transport = httpx.ASGITransport(server)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/", "/index.html", "/nowhere"])
async def test_head_is_answered_as_get_without_the_body(http: httpx.AsyncClient, path: str) -> None:
    got, headed = await http.get(path), await http.head(path)
    assert headed.status_code == got.status_code
    assert headed.headers.items() == got.headers.items()
    assert (headed.content, bool(got.content)) == (b"", True)


async def test_head_where_there_is_no_get_is_404(http: httpx.AsyncClient) -> None:
    assert (await http.head("/score")).status_code == 404


async def test_body_that_is_announced_as_too_long_is_refused_before_it_is_read(
    http: httpx.AsyncClient,
) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append("x")
        yield b"x"

    answer = await http.post("/score", content=body(), headers={"Content-Length": str(PAYLOAD_LIMIT + 1)})
    assert answer.status_code == 413
    assert read == []


@pytest.mark.parametrize("path", ["/", "/index.html", "/demo.js", "/style.css", "/podium/connection.js"])
async def test_every_file_of_the_page_has_its_headers(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert answer.status_code == 200
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def directives(headers: dict[str, str]) -> dict[str, list[str]]:
    parts = [part.split() for part in headers["Content-Security-Policy"].split("; ")]
    return {name: sources for name, *sources in parts}


def test_page_may_run_its_own_scripts_only_and_speak_to_its_backend_only() -> None:
    policy = directives(HEADERS)
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == ["'self'"]
    assert policy["connect-src"] == [
        "'self'",
        "http://127.0.0.1:8000",
        "ws://127.0.0.1:8001",
        "http://127.0.0.1:4566",
        "http://podium-avatars.127.0.0.1:4566",
    ]
    assert not any("unsafe" in source or "*" in source for sources in policy.values() for source in sources)
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Referrer-Policy"] == "no-referrer"


def test_backend_with_addresses_of_its_own_is_allowed() -> None:
    hosted = "https://podium-example.auth.eu-west-1.amazoncognito.com"
    changes = {"cognito_endpoint": None, "hosted_ui_url": hosted}
    deployment: Deployment = LOCAL.model_copy(update=changes)
    policy = directives(page_headers(deployment, "https://s3.eu-west-1.amazonaws.com"))
    bucket = "https://podium-avatars.s3.eu-west-1.amazonaws.com"
    assert bucket in policy["img-src"]
    assert policy["connect-src"] == [
        "'self'",
        "http://127.0.0.1:8000",
        "ws://127.0.0.1:8001",
        hosted,
        "https://s3.eu-west-1.amazonaws.com",
        bucket,
    ]


@pytest.mark.parametrize(
    "file", sorted(PAGES.rglob("*.html")) + sorted(PAGES.rglob("*.js")), ids=lambda f: f.name
)
def test_page_has_no_inline_scripts_or_styles(file: Path) -> None:
    """So that it works under this policy wherever it is served."""
    text = file.read_text()
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=\"|javascript:", text) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)", text) == []
