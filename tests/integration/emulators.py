"""Emulators of a test's own, and clients of theirs."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aioboto3

from local.emulator import PYTHON, Emulator, EmulatorError, Tls
from local.settings import REGION


class EmulatorFactory:
    """Builds emulators on free ports, all with one folder of data."""

    def __init__(self, data_dir: Path, unused_port: Callable[[], int]) -> None:
        self.data_dir = data_dir
        self._unused_port = unused_port
        self._made: list[Emulator] = []

    def __call__(
        self,
        *,
        port: int | None = None,
        python: Path = PYTHON,
        stop_timeout: float = 60,
        tls: Tls | None = None,
        guests_per_minute: int | None = None,
    ) -> Emulator:
        """An emulator that is not started yet; see `Emulator`."""
        emulator = Emulator(
            port=port or self._unused_port(),
            data_dir=self.data_dir,
            python=python,
            stop_timeout=stop_timeout,
            # Tests wait for saves.
            save_seconds=0.2,
            tls=tls,
            guests_per_minute=guests_per_minute,
        )
        self._made.append(emulator)
        return emulator

    async def stop_all(self) -> None:
        """Leave no process behind."""
        for emulator in self._made:
            # A test may have killed it, or have filled its disk.
            with suppress(EmulatorError):
                await emulator.stop()


def client_of(emulator: Emulator, service: str, **options: Any) -> Any:
    """A client of the SDK for an emulator's account, to be entered; `options` of aioboto3's `client`."""
    key, secret = emulator.credentials.values()
    session: Any = aioboto3.Session(key, secret, region_name=REGION)
    return session.client(service, endpoint_url=emulator.url, **options)
