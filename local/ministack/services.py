"""The state of ministack's services, in and out of its memory, by its own functions.

ministack's own saving is switched off (PERSIST_STATE=0): it writes a file per service when it is stopped,
takes a file that it cannot read for "no data", and only logs what it could not write.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from ministack.app import _build_persistence_save_dict, _ErrorModule, _get_module, _state_map
from ministack.core.persistence import _json_default, _json_object_hook, _state_format_version

from local.ministack import generations
from local.ministack.generations import ServiceState, StateError

encode = _json_default
decode = _json_object_hook

# Where the state files of a Podium before 0.2.0, ministack's own, are put once their content is in a save.
_EARLIER = "earlier"


def restore(folder: Path) -> bool:
    """Take the newest save into memory, or else the files that an earlier Podium left in the folder.

    Returns whether what is in memory now is in a save. Raises StateError, naming the file, when something is
    there that cannot be read.
    """
    _check_keys(folder)
    newest = generations.read(folder, decode)
    if newest is None:
        for path in _earlier_files(folder):
            _take(_read_earlier(path), path)
    else:
        for state in newest.states:
            _take(state, newest.path, newest.before)
    return newest is not None


def snapshot() -> Iterator[ServiceState]:
    """Return the state of every service that is in use."""
    for service, get_state in _build_persistence_save_dict().items():
        # None: its module could not be loaded. `restore` refuses to start without one that has state.
        if (state := get_state()) is not None:
            yield ServiceState(service, _state_format_version(service), state)


def put_earlier_files_aside(folder: Path) -> None:
    """Move what an earlier Podium left to a folder of its own; a save has its content now."""
    for path in _earlier_files(folder):
        aside = folder / _EARLIER
        aside.mkdir(exist_ok=True)
        path.rename(aside / path.name)


def _take(state: ServiceState, source: Path, before: Sequence[Path] = ()) -> None:
    service, version, content = state
    known = _state_format_version(service)
    if service not in _state_map:
        raise _refused(source, f"this emulator has no service {service}", before)
    if version > known:
        raise _refused(
            source, f"{service} has the format {version}, and this emulator reads up to {known}", before
        )
    module = _get_module(_state_map[service])
    if isinstance(module, _ErrorModule):
        raise _refused(source, f"the emulator's module for {service} cannot be loaded", before)
    try:
        module.load_persisted_state(content)
    except Exception as error:
        problem = f"{service} does not understand its content ({type(error).__name__}: {error})"
        raise _refused(source, problem, before) from error


def _earlier_files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*.json")) if path.stem in _state_map]


def _read_earlier(path: Path) -> ServiceState:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refused(path, str(error.strerror)) from error
    if not content:
        raise _refused(path, "it is empty")
    try:
        wrapped: Any = json.loads(content, object_hook=decode)
    except ValueError as error:
        raise _refused(path, f"it is cut short, or no JSON ({error})") from error
    version = wrapped.get("__ministack_format__", 1) if isinstance(wrapped, dict) else None
    state = wrapped.get("payload", wrapped) if isinstance(wrapped, dict) else None
    if not isinstance(version, int) or not isinstance(state, dict):
        raise _refused(path, "it has no state of the emulator")
    return ServiceState(path.stem, version, state)


def _check_keys(folder: Path) -> None:
    """Refuse a key that cannot be read: ministack would make a new one, and write it over the old."""
    for path in sorted(folder.rglob("cognito-*/*.pem")) + sorted(folder.glob("cognito-*.pem")):
        try:
            load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            problem = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "no key"
            raise StateError(
                f"The key {path}, which signs players' tokens, cannot be read: {problem}. "
                "Nothing was overwritten. Put a copy of it in its place, or move it away: "
                "a new one is made then, and players sign in again."
            ) from error


def _refused(path: Path, problem: str, before: Sequence[Path] = ()) -> StateError:
    return StateError(generations.refusal(path, problem, before))
