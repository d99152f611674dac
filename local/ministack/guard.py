"""The emulator's door: what comes in is signed with the secret of this run, or is public on AWS too.

Every web page that is open on this machine can send requests to its ports, and one whose host name resolves
to 127.0.0.1 can even read the answers. ministack would serve them: it verifies hardly any signature, and its
own routes (`/_ministack/reset`) take none. So a request passes when its Host is this machine's, and it is

- signed with the secret, as all are that our processes send, and not sent by a page (Origin)
- an operation of Cognito that AWS takes unsigned: signing up and in, and what an access token allows
- for a user pool's public keys
- for an object of S3, with an address or a form that was signed with the secret
- a browser's question whether it may send one of these (a preflight), which does nothing

All else is 403, without the headers that would let a page read it. Signatures are computed, not only looked
for: a presigned address tells every player the id of the key.
"""

import base64
import json
import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from botocore.loaders import Loader

from local.ministack.asgi import App, Message, Receive, Scope, Send
from local.ministack.signatures import BadSignatureError, Request, Verifier

BODY_BYTES = 32 * 1024 * 1024
"""The most bytes of a body that a signature needs. DynamoDB's largest request has 16 MB."""

_COGNITO = "AWSCognitoIdentityProviderService"
_PUBLIC_KEYS = re.compile(r"/[\w-]+/\.well-known/(jwks\.json|openid-configuration)")
_BUCKET = re.compile(r"/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/?")


class _RequestRefusedError(Exception):
    """Why a request does not pass, as a sentence."""


_UNSIGNED = (
    "The emulator takes requests that are signed with the credentials of this run. "
    "They are in the file `credentials` in the folder of the data (docs/one-machine.md)."
)


class Guard:
    """An ASGI application in front of another one.

    secret: the secret key that requests are signed with.
    hosts: what a request may have as its Host.
    form_fields: takes the fields of a form, by their lower-case names, from its content type and body.
    """

    def __init__(
        self,
        app: App,
        *,
        secret: str,
        hosts: Collection[str],
        form_fields: Callable[[str, bytes], Mapping[str, str]],
    ) -> None:
        self._app = app
        self._verifier = Verifier(secret)
        self._hosts = hosts
        self._form_fields = form_fields
        self._public = _public_operations()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif scope["type"] != "http":
            await self._app(scope, receive, send)
        else:
            request = _request(scope)
            try:
                receive = await self._admit(request, receive)
            except _RequestRefusedError as error:
                await _refuse(request, str(error), send)
            except BadSignatureError:
                await _refuse(request, f"The signature is not right. {_UNSIGNED}", send)
            else:
                await self._app(scope, receive, send)

    async def _admit(self, request: Request, receive: Receive) -> Receive:
        """Return what to receive the body of an admitted request from; raise what keeps it out otherwise."""
        self._check_host(request)
        if request.values("authorization"):
            if request.values("origin"):
                raise _RequestRefusedError("The emulator takes no signed requests from web pages.")
            body, again = await _body(receive) if self._verifier.needs_body(request) else (b"", receive)
            self._verifier.check_headers(request, body)
            return again
        if any(name == "X-Amz-Signature" for name, _ in request.parameters()):
            self._verifier.check_address(request)
            return receive
        if _has_form(request):
            body, again = await _body(receive)
            self._check_form(request, body)
            return again
        if _is_preflight(request) or self._is_public(request):
            return receive
        raise _RequestRefusedError(_UNSIGNED)

    def _check_host(self, request: Request) -> None:
        hosts = request.values("host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise _RequestRefusedError(
                f"Host {', '.join(hosts)!r} is not the emulator's: use {' or '.join(sorted(self._hosts))}."
            )

    def _check_form(self, request: Request, body: bytes) -> None:
        fields = self._form_fields(request.values("content-type")[0], body)
        self._verifier.check_form(request, fields)
        bucket = _BUCKET.fullmatch(request.path)
        if request.query or bucket is None or bucket[1] not in _buckets(fields["policy"]):
            raise _RequestRefusedError("The form is signed for another bucket.")

    def _is_public(self, request: Request) -> bool:
        targets = request.values("x-amz-target")
        if request.query:
            return False
        if request.method == "POST":
            return request.path == "/" and len(targets) == 1 and targets[0] in self._public
        return request.method == "GET" and not targets and bool(_PUBLIC_KEYS.fullmatch(request.path))


@cache
def _public_operations() -> frozenset[str]:
    """Return the targets of Cognito's operations that need no signature, by AWS's description of its API."""
    model = Loader().load_service_model("cognito-idp", "service-2")
    operations = model["operations"].items()
    return frozenset(f"{_COGNITO}.{name}" for name, found in operations if found.get("authtype") == "none")


def _request(scope: Scope) -> Request:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    return Request(scope["method"], path, query, headers)


def _is_preflight(request: Request) -> bool:
    """Return whether this is a preflight; not for ministack's own routes: some of them ask for no method."""
    asked = request.values("origin") and request.values("access-control-request-method")
    return request.method == "OPTIONS" and bool(asked) and not request.path.startswith("/_")


def _has_form(request: Request) -> bool:
    types = request.values("content-type")
    return request.method == "POST" and len(types) == 1 and types[0].lower().startswith("multipart/form-data")


def _buckets(policy: str) -> list[str]:
    conditions: list[Any] = json.loads(base64.b64decode(policy))["conditions"]
    return [
        condition["bucket"]
        for condition in conditions
        if isinstance(condition, dict) and "bucket" in condition
    ]


async def _body(receive: Receive) -> tuple[bytes, Receive]:
    """Return the body, and what to receive it from once more."""
    messages: list[Message] = []
    size, more = 0, True
    while more:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > BODY_BYTES:
            raise _RequestRefusedError(f"The body has more than {BODY_BYTES} bytes.")
        more = message["type"] == "http.request" and message.get("more_body", False)
    body = b"".join(message.get("body", b"") for message in messages)

    async def again() -> Message:
        return messages.pop(0) if messages else await receive()

    return body, again


async def _refuse(request: Request, sentence: str, send: Send) -> None:
    if request.values("x-amz-target"):
        content, kind = json.dumps({"__type": "AccessDeniedException", "message": sentence}), "json"
    else:
        content, kind = (
            f"<Error><Code>AccessDenied</Code><Message>{escape(sentence)}</Message></Error>",
            "xml",
        )
    headers = [
        (b"content-type", f"application/{kind}".encode()),
        (b"content-length", b"%d" % len(content.encode())),
    ]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": content.encode()})
