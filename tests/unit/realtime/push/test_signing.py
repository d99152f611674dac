"""Signatures, checked against botocore's own."""

import datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from hypothesis import example, given
from hypothesis import strategies as st

from realtime.push.endpoint import parse_url
from realtime.push.signing import ConnectionsSigner, Credentials, Method, Payload, encode_id

_MODEL = ServiceModel(Loader().load_service_model("apigatewaymanagementapi", "service-2"))
_SERIALIZER = create_serializer("rest-json")

# Characters that an HTTP header can carry, and that botocore does not fold.
_TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80)
_SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=100)
_CREDENTIALS = st.builds(Credentials, _TOKENS, _SECRETS, st.none() | _TOKENS)
_IDS = st.one_of(
    st.from_regex(r"[A-Za-z0-9+/_-]{1,20}={0,2}", fullmatch=True),
    st.text(st.sampled_from("aZ09+/=%~._-@:?#& \\é€𝄞\n"), min_size=1),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
).filter(lambda one: one not in {".", ".."})
_URLS = st.sampled_from(
    [
        "https://abc123.execute-api.eu-central-1.amazonaws.com/prod",
        "https://abc123.execute-api.eu-central-1.amazonaws.com/prod/",
        "https://ABC123.execute-api.eu-central-1.amazonaws.com:443/prod",
        "https://example.com:8443",
        "http://127.0.0.1:8001",
        "http://127.0.0.1:80/a/b~c/d@e",
        "http://[::1]:8001/_aws/execute-api/x/y%20z",
    ]
)
_MOMENTS = st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2100, 1, 1))  # noqa: DTZ001 - made UTC below


def by_botocore(
    url: str, method: Method, connection_id: str, body: bytes, credentials: Credentials, region: str, now: Any
) -> AWSRequest:
    """Return the request that botocore's client for the service would send, signed."""
    operation = _MODEL.operation_model("PostToConnection" if method == "POST" else "DeleteConnection")
    parameters = {"ConnectionId": connection_id} | ({"Data": body} if method == "POST" else {})
    serialized = _SERIALIZER.serialize_to_request(parameters, operation)
    request = AWSRequest(method, url.rstrip("/") + serialized["url_path"], data=serialized["body"])
    signer = SigV4Auth(ReadOnlyCredentials(*credentials), _MODEL.signing_name, region)
    with patch("botocore.auth.get_current_datetime", lambda: now):
        signer.add_auth(request)
    return request


def parse(request: bytes) -> tuple[str, str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, version = first.split(" ")
    assert version == "HTTP/1.1"
    return method, target, dict(line.split(": ", 1) for line in lines), body


@given(
    url=_URLS,
    method=st.sampled_from(["POST", "DELETE"]),
    connection_id=_IDS,
    body=st.binary(max_size=300),
    credentials=_CREDENTIALS,
    region=st.sampled_from(["us-east-1", "eu-central-1", "ap-southeast-2"]),
    moment=_MOMENTS,
    fraction=st.floats(0, 0.999),
)
@example(
    url="https://abc123.execute-api.eu-central-1.amazonaws.com/prod",
    method="POST",
    connection_id="L0SM9cOFvHcCIhw=",
    body=b"frame",
    credentials=Credentials("AKIDEXAMPLE", "s" * 64, "t" * 1000),
    region="us-east-1",
    moment=datetime.datetime(2026, 11, 22),  # noqa: DTZ001
    fraction=0.5,
)
def test_request_is_the_one_that_botocore_signs(
    url: str,
    method: Method,
    connection_id: str,
    body: bytes,
    credentials: Credentials,
    region: str,
    moment: datetime.datetime,
    fraction: float,
) -> None:
    if method == "DELETE":
        body = b""
    now = moment.replace(microsecond=0, tzinfo=datetime.UTC)
    theirs = by_botocore(url, method, connection_id, body, credentials, region, now)
    signer = ConnectionsSigner(parse_url(url).endpoint, region)
    stamp = signer.stamp(credentials, now.timestamp() + fraction)
    sent_method, target, headers, sent_body = parse(
        stamp.template(Payload(method, body)).request(connection_id)
    )
    assert sent_method == method
    assert target == urlsplit(theirs.url).path
    assert sent_body == body
    assert headers["Authorization"] == theirs.headers["Authorization"]
    assert headers["X-Amz-Date"] == theirs.headers["X-Amz-Date"]
    assert headers.get("X-Amz-Security-Token") == theirs.headers.get("X-Amz-Security-Token")
    assert headers.get("Content-Length") == (str(len(body)) if method == "POST" else None)


@given(st.lists(st.tuples(_CREDENTIALS, _MOMENTS), min_size=2, max_size=4))
def test_one_signer_keeps_days_and_credentials_apart(
    uses: list[tuple[Credentials, datetime.datetime]],
) -> None:
    endpoint = parse_url("https://example.com/prod").endpoint
    shared = ConnectionsSigner(endpoint, "us-east-1")
    payload = Payload("POST", b"frame")
    for credentials, moment in [*uses, *uses]:
        now = moment.replace(tzinfo=datetime.UTC).timestamp()
        requests = {
            signer.stamp(credentials, now).template(payload).request("one")
            for signer in (shared, ConnectionsSigner(endpoint, "us-east-1"))
        }
        assert len(requests) == 1


@pytest.mark.parametrize("bad", ["", ".", "..", "\ud800", "a\udfff="])
def test_id_that_no_path_can_name_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match=r"no connection|surrogates"):
        encode_id(bad)


def test_id_of_api_gateway_is_encoded() -> None:
    assert encode_id("L0SM9+O/vHcCIhw=") == "L0SM9%2BO%2FvHcCIhw%3D"
