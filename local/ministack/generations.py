"""The emulator's state on the disk: each save is a file of its own, and the one before is kept.

    state/00000012.state    the newest
        {"podium": 1, "saved": "2025-11-28T12:03:11+00:00"}
        {"service": "dynamodb", "version": 2, "state": {…}}       one line per service
        {"sha256": "…"}                                           of all lines above
    state/00000011.state    the one before

A save is written under another name, brought to the disk, and renamed. So a file with a number is whole, all
services in it belong together, and a process that dies while it saves leaves the saves before as they were.
A file that is not whole was damaged from outside: it is refused by name, never skipped in silence (which
would be a step back in time) and never written to (the next save has the next number).
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

_FORMAT = 1
_KEPT = 2
_NAME = re.compile(r"(\d{8,})\.state")


class StateError(Exception):
    """A save cannot be read; the message says which file, what is wrong, and what to do."""


class ServiceState(NamedTuple):
    """The state of one service of the emulator, as `state` in the format `version` of that service."""

    service: str
    version: int
    state: Any


def write(folder: Path, states: Iterable[ServiceState], encode: Callable[[Any], Any], now: datetime) -> None:
    """Save all services as the newest generation, and keep the one before.

    encode: see `default` of `json.dumps`. Raises OSError, or TypeError or ValueError for what cannot be
    encoded; then nothing has changed, and no new file is left.
    """
    numbers = _numbers(folder)
    path = _path(folder, max(numbers, default=0) + 1)
    new = path.with_suffix(".state.new")
    try:
        with new.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.writelines(_lines(states, encode, now))
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    fsync(folder)
    for number in sorted(numbers)[: 1 - _KEPT]:
        with suppress(OSError):
            _path(folder, number).unlink()


class Generation(NamedTuple):
    """A save that was read, and the files of those before it, oldest first."""

    path: Path
    states: list[ServiceState]
    before: list[Path]


def read(folder: Path, decode: Callable[[dict[str, Any]], Any]) -> Generation | None:
    """Return the newest generation; None when there is none.

    decode: see `object_hook` of `json.loads`. Raises StateError when the newest cannot be read.
    """
    numbers = sorted(_numbers(folder))
    if not numbers:
        return None
    *before, path = (_path(folder, number) for number in numbers)
    try:
        return Generation(path, _read(path, decode), before)
    except _UnreadableError as error:
        raise StateError(refusal(path, str(error), before)) from error


def last_saved(folder: Path) -> datetime | None:
    """Return when the newest generation was written, in local time; None when there is none."""
    numbers = _numbers(folder) if folder.is_dir() else []
    return _written(_path(folder, max(numbers))) if numbers else None


def refusal(path: Path, problem: str, before: Sequence[Path] = ()) -> str:
    """Return the sentence about a file of the state that cannot be read; `before` are earlier saves."""
    if before:
        remedy = (
            f"The save before it is {before[-1]}, of {_written(before[-1]):%Y-%m-%d %H:%M:%S}: "
            f"to go back to it, move {path.name} away and start again."
        )
    else:
        remedy = (
            "No save before it is kept: put a copy of it in its place, "
            "or set PODIUM_DATA_DIR to another folder to begin without data."
        )
    return f"The saved state {path} cannot be read: {problem}. Nothing was overwritten. {remedy}"


def fsync(path: Path) -> None:
    """Bring a file's content, or the names in a folder, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _UnreadableError(Exception):
    """The fault of a file, as a clause."""


def _numbers(folder: Path) -> list[int]:
    return [int(match[1]) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.state"


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).astimezone()


def _lines(states: Iterable[ServiceState], encode: Callable[[Any], Any], now: datetime) -> Iterator[bytes]:
    checksum = hashlib.sha256()
    header = {"podium": _FORMAT, "saved": now.astimezone(UTC).isoformat(timespec="seconds")}
    for content in (header, *(state._asdict() for state in states)):
        line = json.dumps(content, default=encode).encode() + b"\n"
        checksum.update(line)
        yield line
    yield json.dumps({"sha256": checksum.hexdigest()}).encode() + b"\n"


def _read(path: Path, decode: Callable[[dict[str, Any]], Any]) -> list[ServiceState]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _UnreadableError(str(error.strerror)) from error
    if not content:
        raise _UnreadableError("it is empty")
    body, end, last = content[:-1].rpartition(b"\n")
    match = re.fullmatch(rb'\{"sha256": "([0-9a-f]{64})"\}', last)
    if match is None or not content.endswith(b"\n"):
        raise _UnreadableError("it is cut short, or something else was written over it")
    if hashlib.sha256(body + end).hexdigest().encode() != match[1]:
        raise _UnreadableError("it was changed after it was written (its checksum differs)")
    header, *lines = body.split(b"\n")
    if (found := json.loads(header)["podium"]) > _FORMAT:
        raise _UnreadableError(
            f"it has the format {found} of a newer Podium, and this one knows formats up to {_FORMAT}"
        )
    return [ServiceState(**json.loads(line, object_hook=decode)) for line in lines]
