"""Made once for a session: the emulator, to which an environment points the SDK, and the functions' zip."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from infra.packaging.bundle import HOST, Bundle, build
from local.emulator import Emulator
from tests.integration.emulators import EmulatorFactory

_accounts = itertools.count(100_000_000_001)


@pytest.fixture(scope="session")
def emulator(
    tmp_path_factory: pytest.TempPathFactory, unused_tcp_port_factory: Callable[[], int]
) -> Iterator[Emulator]:
    """One running emulator for the whole session; see `aws_environment` for what keeps tests apart."""
    instance = Emulator(port=unused_tcp_port_factory(), data_dir=tmp_path_factory.mktemp("emulator"))
    asyncio.run(instance.start())
    yield instance
    asyncio.run(instance.stop())


@pytest.fixture
async def make_emulator(
    tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[EmulatorFactory]:
    """Makes emulators of the test's own, and leaves none behind."""
    factory = EmulatorFactory(tmp_path / "data", unused_tcp_port_factory)
    yield factory
    await factory.stop_all()


@pytest.fixture
def aws_environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Point every SDK client of the test at the emulator, and return the account.

    The emulator takes a 12-digit access key for the account, and every test gets one of its own: tables and
    buckets of one test are invisible to the next. Calls without a signature (Cognito's SignUp and
    InitiateAuth, the JWKS) always land in the default account; a test that makes them sets
    AWS_ACCESS_KEY_ID to "test" and names its pool uniquely.
    """
    account = str(next(_accounts))
    for name, value in {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": emulator.credentials["AWS_SECRET_ACCESS_KEY"],
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return account


@pytest.fixture(scope="session")
def bundle(notes: list[str], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return the Lambda functions' zip, for this machine; its size is told at the end of the session."""
    made = build(HOST, tmp_path_factory.mktemp("bundle"))
    notes.append(f"{made.zip.name}: {made.sizes}")
    return made
