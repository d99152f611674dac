"""The REST API and the demo page on this machine: what API Gateway does in front of the routes on AWS."""

import contextvars
import logging
import stat
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.http_resolver import HttpResolverLocal
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from api.application import CORS, configure, serialize
from api.backend import Backend
from api.problems import CONTENT_TYPE, ProblemError, to_response
from game.headers import RESPONSE_HEADERS
from local.http_server import BodyTooLargeError, ClientLeftError, Message, Receive, Scope, Send, read_body
from runtime.token_kinds import ID_TOKEN, KeySetError, TokenError
from runtime.tokens import TokenVerifier

logger = logging.getLogger("podium.rest")

# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
PAYLOAD_LIMIT = 10 * 1024 * 1024
"""Bytes of a request's body that API Gateway takes."""

_authorizer: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("authorizer")


class _Resolver(HttpResolverLocal):
    """Powertools' ASGI resolver, with the request context that API Gateway would give."""

    def _to_proxy_event(self, event: dict[str, Any]) -> Any:
        event["requestContext"] |= {"requestId": str(uuid.uuid4()), "authorizer": _authorizer.get()}
        return super()._to_proxy_event(event)


class RestServer:
    """An ASGI application: the files of the demo page, and everything else the API's.

    It verifies ID tokens as API Gateway's Cognito authorizer does, and hands their claims to the routes. A
    HEAD is answered as a GET is, without the body. `page_headers` go with every file of the page.
    """

    def __init__(
        self, backend: Backend, verifier: TokenVerifier, pages: Path, page_headers: Mapping[str, str]
    ) -> None:
        self._verifier = verifier
        self._page_headers = page_headers
        self._pages = StaticFiles(directory=pages, html=True)
        self._api = _Resolver(cors=CORS, serializer=serialize)
        self._api.append_context(backend=backend)  # type: ignore[no-untyped-call]
        configure(self._api)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; what goes wrong is a problem+json answer."""
        if scope["method"] in {"GET", "HEAD"} and self._is_page(scope):
            await self._serve_page(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        head = scope["method"] == "HEAD"

        async def watch(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send({**message, "body": b""} if head and "body" in message else message)

        try:
            await self._serve_api({**scope, "method": "GET"} if head else scope, receive, watch)
        except ProblemError as error:
            await _problem(error)(scope, receive, watch)
        except ClientLeftError:
            logger.info("%s %s: the client left", scope["method"], scope["path"])
            return
        except Exception:
            logger.exception("%s %s failed", scope["method"], scope["path"])
            if status:
                raise  # too late for another answer
            await _problem(ProblemError(500, "something went wrong on our side; it is logged"))(
                scope, receive, watch
            )
        milliseconds = (time.perf_counter() - started) * 1000
        logger.info("%s %s %d, %.0f ms", scope["method"], scope["path"], status, milliseconds)

    def _is_page(self, scope: Scope) -> bool:
        try:
            _, found = self._pages.lookup_path(self._pages.get_path(scope))
        except (OSError, ValueError):  # a name too long for a file, or with a NUL in it
            return False
        return scope["path"] == "/" or (found is not None and stat.S_ISREG(found.st_mode))

    async def _serve_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._pages.get_response(self._pages.get_path(scope), scope)
        response.headers.update(self._page_headers)
        await response(scope, receive, send)

    async def _serve_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(scope, receive)
        _authorizer.set(await self._authorize(scope))

        async def receive_body() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._api(_decodable(scope), receive_body, send)

    async def _authorize(self, scope: Scope) -> dict[str, Any]:
        scheme, _, token = Request(scope).headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return {}
        try:
            return {"claims": await self._verifier.verify(token.strip(), uses=ID_TOKEN)}
        except TokenError as error:
            return {"error": f"Authorization: {error}"}
        except KeySetError as error:
            logger.error("%s", error)
            raise ProblemError(503, "tokens cannot be checked at the moment; try again") from error


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    try:
        body = await read_body(scope, receive, PAYLOAD_LIMIT)
    except BodyTooLargeError:
        raise ProblemError(413, f"body: must be at most {PAYLOAD_LIMIT} bytes") from None
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise ProblemError(400, f"body: not UTF-8 at byte {error.start}") from error
    return body


def _decodable(scope: Scope) -> Scope:
    """Return the scope with its Latin-1 headers and query as UTF-8, which the resolver takes them for."""
    headers = [(name, value.decode("latin-1").encode()) for name, value in scope["headers"]]
    query = scope["query_string"].decode("latin-1").encode()
    return {**scope, "headers": headers, "query_string": query}


def _problem(error: ProblemError) -> Response:
    answer = to_response(error.problem)
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": ",".join(RESPONSE_HEADERS),
    }
    headers |= {name: str(value) for name, value in answer.headers.items()}
    return Response(answer.body, answer.status_code, headers)
