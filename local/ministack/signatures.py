"""Signature Version 4, verified with the SDK's own code: of headers, of addresses, and of forms.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<credential>[^,\s]+),\s*"
    r"SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
# Key's id, day, Region, service.
_CREDENTIAL = re.compile(r"[^/]+/\d{8}/([^/]+)/([^/]+)/aws4_request")
_CONTENT_HASH = "x-amz-content-sha256"


class BadSignatureError(Exception):
    """The request is not signed with the secret."""


@dataclass(frozen=True)
class Request:
    """The parts that a signature may cover: `path` and `query` as sent, `headers` by lower-case names."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]

    def values(self, header: str) -> list[str]:
        """Return every value that was sent for a header."""
        return [value for name, value in self.headers if name == header]

    def parameters(self) -> list[tuple[str, str]]:
        """Return the query's names and values, as they were sent."""
        pairs = (pair.partition("=") for pair in self.query.split("&") if pair)
        return [(name, value) for name, _, value in pairs]


class Verifier:
    """Verifies what is signed with one secret, whatever the id of its key."""

    def __init__(self, secret: str) -> None:
        self._credentials = Credentials("any", secret)

    def needs_body(self, request: Request) -> bool:
        """Return whether `check_headers` needs the body: not where its hash is among the headers."""
        return not request.values(_CONTENT_HASH)

    def check_headers(self, request: Request, body: bytes) -> None:
        """Raise BadSignatureError for a request whose `Authorization` is not right."""
        match = _AUTHORIZATION.fullmatch(_only(request.values("authorization")))
        if match is None:
            raise BadSignatureError
        region, service = _scope(match["credential"])
        kind = S3SigV4Auth if service == "s3" else SigV4Auth
        signed = self._request(request, match["headers"], _only(request.values("x-amz-date")), body)
        self._compare(kind(self._credentials, service, region), signed, match["signature"])

    def check_address(self, request: Request) -> None:
        """Raise BadSignatureError for a request that is not as its presigned address of S3 says."""
        signature = _parameter(request, "X-Amz-Signature")
        region, service = _scope(_parameter(request, "X-Amz-Credential"))
        headers = _parameter(request, "X-Amz-SignedHeaders")
        unsigned = _unsigned(request, headers.split(";"))
        if service != "s3" or unsigned:
            raise BadSignatureError
        rest = "&".join(pair for pair in request.query.split("&") if not pair.startswith("X-Amz-Signature="))
        as_signed = Request(request.method, request.path, rest, request.headers)
        signed = self._request(as_signed, headers, _parameter(request, "X-Amz-Date"), b"")
        self._compare(S3SigV4QueryAuth(self._credentials, service, region), signed, signature)

    def check_form(self, request: Request, fields: Mapping[str, str]) -> None:
        """Raise BadSignatureError for a form of S3 whose policy is not signed, or that sends more headers."""
        region, service = _scope(fields.get("x-amz-credential", ""))
        if service != "s3" or _unsigned(request, ()):
            raise BadSignatureError
        signed = AWSRequest()
        signed.context["timestamp"] = fields.get("x-amz-date", "")
        right = SigV4Auth(self._credentials, service, region).signature(fields.get("policy", ""), signed)
        _compare(right, fields.get("x-amz-signature", ""))

    def _request(self, request: Request, headers: str, timestamp: str, body: bytes) -> Any:
        names = headers.split(";")
        if "host" not in names:
            raise BadSignatureError
        url = f"http://{_only(request.values('host'))}{request.path}"
        signed = AWSRequest(request.method, f"{url}?{request.query}" if request.query else url, data=body)
        for name, value in request.headers:
            if name in names:
                signed.headers[name] = value
        signed.context["timestamp"] = timestamp
        return signed

    def _compare(self, auth: Any, signed: Any, signature: str) -> None:
        text = auth.string_to_sign(signed, auth.canonical_request(signed))
        _compare(auth.signature(text, signed), signature)


def _compare(right: str, signature: str) -> None:
    if not hmac.compare_digest(right.encode(), signature.encode()):
        raise BadSignatureError


def _scope(credential: str) -> tuple[str, str]:
    match = _CREDENTIAL.fullmatch(credential)
    if match is None:
        raise BadSignatureError
    return match[1], match[2]


def _parameter(request: Request, name: str) -> str:
    return unquote(_only([value for found, value in request.parameters() if found == name]))


def _only(values: Sequence[str]) -> str:
    if len(values) != 1:
        raise BadSignatureError
    return values[0]


def _unsigned(request: Request, signed: Iterable[str]) -> list[str]:
    """Return the headers that S3 refuses in a presigned request; ministack would obey them."""
    return [name for name, _ in request.headers if name.startswith("x-amz-") and name not in signed]
