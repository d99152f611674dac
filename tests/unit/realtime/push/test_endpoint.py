"""Where `@connections` is, and with what it is reached."""

import os
import ssl
from pathlib import Path

import aioboto3
import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError

from realtime.push.client import open_push_client
from realtime.push.endpoint import Address, ConnectionsUrlError, credentials_of, parse_url, tls_context
from realtime.push.signing import Credentials, Endpoint
from tests.unit.realtime.push.hostile_server import certificate


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own configuration is found."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (
            "https://abc.execute-api.us-east-1.amazonaws.com/prod",
            Address(
                "abc.execute-api.us-east-1.amazonaws.com",
                443,
                secure=True,
                endpoint=Endpoint("abc.execute-api.us-east-1.amazonaws.com", "/prod"),
            ),
        ),
        (
            "http://127.0.0.1:8001",
            Address("127.0.0.1", 8001, secure=False, endpoint=Endpoint("127.0.0.1:8001", "")),
        ),
        ("http://LOCALHOST:80/", Address("localhost", 80, secure=False, endpoint=Endpoint("localhost", ""))),
        ("https://[::1]:8443/x/", Address("::1", 8443, secure=True, endpoint=Endpoint("[::1]:8443", "/x"))),
    ],
)
def test_url_is_split_into_its_parts(url: str, address: Address) -> None:
    assert parse_url(url) == address


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "neither"),
        ("example.com/prod", "neither"),
        ("wss://example.com/prod", "neither"),
        ("ftp://example.com", "neither"),
        ("https://", "no host"),
        ("https:///prod", "no host"),
        ("https://:8080/prod", "no host"),
        ("https://example.com:port/", "Port"),
        ("https://example.com:99999/", "Port"),
        ("https://[::1/", "Invalid"),
        ("https://example.com/prod?x=1", "more in it"),
        ("https://example.com/prod#x", "more in it"),
        ("https://me@example.com/prod", "more in it"),
        ("https://example.com/a b", "path"),
        ("https://example.com/é", "path"),
        ("https://example.com/a//b", "path"),
        ("https://example.com/../b", "path"),
        ("https://example.com/a\r\nX: y", "path"),
    ],
)
def test_bad_url_is_refused_with_a_reason(url: str, problem: str) -> None:
    with pytest.raises(ConnectionsUrlError, match=problem):
        parse_url(url)


async def test_bad_url_is_found_when_the_client_is_opened() -> None:
    with pytest.raises(ConnectionsUrlError, match="wss://"):
        async with open_push_client(aioboto3.Session(region_name="us-east-1"), "wss://example.com"):
            pass


async def test_missing_region_is_named() -> None:
    session = aioboto3.Session(aws_access_key_id="key", aws_secret_access_key="secret")
    with pytest.raises(NoRegionError, match="region"):
        async with open_push_client(session, "http://127.0.0.1:1"):
            pass


async def test_missing_credentials_are_named() -> None:
    with pytest.raises(NoCredentialsError, match="credentials"):
        async with open_push_client(aioboto3.Session(region_name="us-east-1"), "http://127.0.0.1:1"):
            pass


async def test_credentials_are_those_of_the_session() -> None:
    explicit = aioboto3.Session(
        aws_access_key_id="key", aws_secret_access_key="secret", aws_session_token="token"
    )
    assert await credentials_of(explicit) == Credentials("key", "secret", "token")


async def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert await credentials_of(aioboto3.Session()) == Credentials("key", "secret", None)


async def test_credentials_of_a_process_are_refreshed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # They expire at once: each time that they are asked for there are new ones.
    program = tmp_path / "credentials.sh"
    program.write_text(
        "#!/bin/sh\n"
        f"echo x >> {tmp_path}/calls\n"
        f'echo "{{\\"Version\\": 1, \\"AccessKeyId\\": \\"KEY$(grep -c x {tmp_path}/calls)\\", '
        '\\"SecretAccessKey\\": \\"secret\\", \\"SessionToken\\": \\"token\\", '
        '\\"Expiration\\": \\"$(date -u -d "+60 seconds" +%Y-%m-%dT%H:%M:%SZ)\\"}"\n'
    )
    program.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {program}\n")
    session = aioboto3.Session()
    keys = [(await credentials_of(session)).access_key for _ in range(3)]
    assert len(set(keys)) == 3


def test_own_authority_is_trusted_where_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = certificate(tmp_path, "example.com").authority
    assert len(tls_context(aioboto3.Session()).get_ca_certs()) > 10
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    context = tls_context(aioboto3.Session())
    assert len(context.get_ca_certs()) == 1
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_authority_named_in_the_profile_is_trusted(tmp_path: Path) -> None:
    authority = certificate(tmp_path, "example.com").authority
    (tmp_path / "config").write_text(f"[default]\nca_bundle = {authority}\n")
    assert len(tls_context(aioboto3.Session()).get_ca_certs()) == 1
