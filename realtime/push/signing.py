"""Signature Version 4 for requests to `@connections`, at the rate of a broadcast.

A signature is over everything in the request, but of 5,000 requests with one frame only the connection id
differs. So the work is done where its input changes:

    a day      the signing key                                            ConnectionsSigner
    a second   the date, the credential scope, the host, the token        Stamp
    a frame    the hash of the body, and all headers but the signature    Template
    an id      its encoding, one SHA-256, one HMAC                        Template.request

Only what must be signed is: `host`, `x-amz-date`, and `x-amz-security-token` for temporary credentials. The
result is the same, to the byte, as that of botocore's SigV4Auth for the same headers.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

Nothing here reads a clock or looks for credentials: both are passed in.
"""

import re
import time
from hashlib import sha256
from typing import Literal, NamedTuple
from urllib.parse import quote

SERVICE = "execute-api"

Method = Literal["POST", "DELETE"]

_ALGORITHM = "AWS4-HMAC-SHA256"
# What the ids of API Gateway (Base64) are made of, and what stays as it is in a path.
_USUAL_ID = re.compile(r"[A-Za-z0-9+/=_~-]+").fullmatch
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))
_BLOCK = 64


class Credentials(NamedTuple):
    """An access key; `token` is the session token of temporary credentials."""

    access_key: str
    secret_key: str
    token: str | None = None


class Endpoint(NamedTuple):
    """The target of requests: the `Host` header and the path in front of `/@connections`, as sent."""

    host: str
    path: str = ""


class ConnectionsSigner:
    """Signs for one endpoint. Holds the signing key, which lasts for a day."""

    def __init__(self, endpoint: Endpoint, region: str) -> None:
        self._endpoint = endpoint
        self._region = region
        self._key_for: tuple[str, str] | None = None
        self._key = b""

    def stamp(self, credentials: Credentials, now: float) -> "Stamp":
        """Return what all requests of one second have in common. `now` is in seconds since the epoch."""
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        day = moment[:8]
        if self._key_for != (credentials.secret_key, day):
            key = f"AWS4{credentials.secret_key}".encode()
            for part in (day, self._region, SERVICE, "aws4_request"):
                key = Hmac(key).digest(part.encode())
            self._key_for, self._key = (credentials.secret_key, day), key
        return Stamp(
            self._endpoint,
            credentials,
            moment,
            scope=f"{day}/{self._region}/{SERVICE}/aws4_request",
            key=self._key,
        )


class Hmac:
    """HMAC-SHA256 under one key, of messages with a common beginning.

    The states of both hashes after the key (and after the beginning) are kept and copied: a third of the time
    of `hmac.digest`. https://datatracker.ietf.org/doc/html/rfc2104#section-2
    """

    def __init__(self, key: bytes, beginning: bytes = b"") -> None:
        padded = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner = sha256(padded.translate(_INNER_PAD) + beginning)
        self._outer = sha256(padded.translate(_OUTER_PAD))

    def digest(self, rest: bytes) -> bytes:
        """Return the code of the beginning and the rest together."""
        return bytes.fromhex(self.hexdigest(rest))

    def hexdigest(self, rest: bytes) -> str:
        """Return the same, in hexadecimal."""
        inner = self._inner.copy()
        inner.update(rest)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


class Payload:
    """The content of a request: its method and its body, which is hashed once."""

    def __init__(self, method: Method, body: bytes = b"") -> None:
        self.method = method
        self.body = body
        self.digest = sha256(body).hexdigest()


class Stamp:
    """The part that all requests of one second have in common."""

    def __init__(
        self, endpoint: Endpoint, credentials: Credentials, moment: str, *, scope: str, key: bytes
    ) -> None:
        self.moment = moment
        self._endpoint = endpoint
        self._credentials = credentials
        self._scope = scope
        self._hmac = Hmac(key, f"{_ALGORITHM}\n{moment}\n{scope}\n".encode())

    def template(self, payload: Payload) -> "Template":
        """Return what all requests with one payload have in common in this second."""
        host, path = self._endpoint
        token = self._credentials.token
        signed = {"host": host, "x-amz-date": self.moment} | (
            {"x-amz-security-token": token} if token else {}
        )
        names = ";".join(signed)
        headers = "".join(f"{name}:{value}\n" for name, value in signed.items())
        length = f"Content-Length: {len(payload.body)}\r\n" if payload.method == "POST" else ""
        return Template(
            # '@' goes as it is over the wire; in the canonical form everything is encoded once more.
            canonical=(
                f"{payload.method}\n{quote(path, safe='/~')}/%40connections/",
                f"\n\n{headers}\n{names}\n{payload.digest}",
            ),
            hmac=self._hmac,
            request=(
                f"{payload.method} {path}/@connections/",
                f" HTTP/1.1\r\nHost: {host}\r\nX-Amz-Date: {self.moment}\r\n"
                + (f"X-Amz-Security-Token: {token}\r\n" if token else "")
                + f"{length}Authorization: {_ALGORITHM} "
                f"Credential={self._credentials.access_key}/{self._scope}, SignedHeaders={names}, Signature=",
                b"\r\n\r\n" + payload.body,
            ),
        )


class Template:
    """A request in which only the connection id is left open."""

    def __init__(self, canonical: tuple[str, str], hmac: Hmac, request: tuple[str, str, bytes]) -> None:
        self._canonical_before, self._canonical_after = canonical
        self._sign = hmac.hexdigest
        self._before, self._after, self._body = request

    def request(self, connection_id: str) -> bytes:
        """Return the bytes to send. Raises ValueError for an id that cannot be part of a path."""
        name = encode_id(connection_id)
        canonical = f"{self._canonical_before}{name.replace('%', '%25')}{self._canonical_after}"
        signature = self._sign(sha256(canonical.encode()).hexdigest().encode())
        return f"{self._before}{name}{self._after}{signature}".encode() + self._body


def encode_id(connection_id: str) -> str:
    """Return a connection id as a segment of a path, percent-encoded as botocore does it.

    Raises ValueError for what no path can name: nothing, dots that mean a folder, and lone surrogates.
    """
    if _USUAL_ID(connection_id):
        return connection_id.replace("=", "%3D").replace("/", "%2F").replace("+", "%2B")
    if connection_id in {"", ".", ".."}:
        raise ValueError(f"no connection has the id {connection_id!r}")
    return quote(connection_id, safe="-._~")
