"""Where `@connections` is, and what is needed to reach it, as the SDK's own clients have it."""

import re
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

import aioboto3
from botocore.exceptions import NoCredentialsError, NoRegionError
from botocore.httpsession import get_cert_path

from realtime.push.signing import Credentials, Endpoint

_PORTS = {"http": 80, "https": 443}
# Segments of what needs no encoding or is encoded already, none of which means a folder.
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9%._~@:!$&'()*+,;=-]+)*/?").fullmatch


class ConnectionsUrlError(ValueError):
    """The address of `@connections` cannot be used; the message says why."""


class Address(NamedTuple):
    """An endpoint's address in parts. `endpoint` is what requests say of it."""

    host: str
    port: int
    secure: bool
    endpoint: Endpoint


def parse_url(connections_url: str) -> Address:
    """Return the parts of `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.

    Raises ConnectionsUrlError.
    """
    try:
        url = urlsplit(connections_url)
        port = url.port
    except ValueError as error:
        raise ConnectionsUrlError(f"Invalid connections URL {connections_url!r}: {error}.") from error
    if url.scheme not in _PORTS:
        raise ConnectionsUrlError(f"The connections URL {connections_url!r} is neither https:// nor http://.")
    if not url.hostname:
        raise ConnectionsUrlError(f"The connections URL {connections_url!r} names no host.")
    if url.query or url.fragment or url.username is not None:
        raise ConnectionsUrlError(
            f"The connections URL {connections_url!r} has more in it than a host, a port and a path."
        )
    if not _PATH(url.path):
        raise ConnectionsUrlError(f"The connections URL {connections_url!r} has a path that cannot be sent.")
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    default_port = _PORTS[url.scheme]
    if port not in {None, default_port}:
        host = f"{host}:{port}"
    return Address(
        url.hostname, port or default_port, url.scheme == "https", Endpoint(host, url.path.rstrip("/"))
    )


def tls_context(session: aioboto3.Session) -> ssl.SSLContext:
    """Return a context that trusts `AWS_CA_BUNDLE` or the profile's `ca_bundle`, else botocore's bundle."""
    # The session underneath is botocore's, which alone knows its configuration.
    bundle = session._session.get_config_variable("ca_bundle")  # noqa: SLF001
    return ssl.create_default_context(cafile=bundle or get_cert_path(True))


def region_of(session: aioboto3.Session) -> str:
    """Return the session's Region. Raises NoRegionError."""
    if not session.region_name:
        raise NoRegionError
    return str(session.region_name)


async def credentials_of(session: aioboto3.Session) -> Credentials:
    """Return the session's credentials as they are now; those about to expire are refreshed first.

    Raises NoCredentialsError when the session finds none, and what the refresh raises.
    """
    # The stubs take it for the coroutine's result.
    found = await session.get_credentials()  # type: ignore[misc]
    if found is None:
        raise NoCredentialsError
    frozen = await found.get_frozen_credentials()
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)
