"""The files of the emulator's saves: whole or refused by name, and the one before is there."""

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.ministack import generations
from local.ministack.generations import ServiceState, StateError

NOW = datetime(2025, 11, 28, 12, 3, 11, tzinfo=UTC)


def state(value: object) -> list[ServiceState]:
    return [ServiceState("dynamodb", 2, {"rows": value}), ServiceState("cognito", 3, {})]


def save(folder: Path, value: object) -> Path:
    generations.write(folder, state(value), _no_encoder, NOW)
    return newest(folder)


def newest(folder: Path) -> Path:
    return max(folder.glob("*.state"))


def read(folder: Path) -> object:
    found = generations.read(folder, dict)
    assert found is not None
    return found.states[0].state["rows"]


def _no_encoder(value: Any) -> Any:
    raise TypeError(f"{value!r} is no JSON")


def test_newest_save_is_read(tmp_path: Path) -> None:
    for value in (1, 2, 3):
        save(tmp_path, value)
    found = generations.read(tmp_path, dict)
    assert found is not None
    assert found.states == state(3)


def test_folder_without_saves_has_none(tmp_path: Path) -> None:
    (tmp_path / "dynamodb.json").write_text("{}")
    assert generations.read(tmp_path, dict) is None
    assert generations.last_saved(tmp_path) is None
    assert generations.last_saved(tmp_path / "missing") is None


def test_save_keeps_the_one_before_and_no_more(tmp_path: Path) -> None:
    for value in (1, 2, 3):
        save(tmp_path, value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000002.state", "00000003.state"]
    newest(tmp_path).unlink()
    assert read(tmp_path) == 2


def test_save_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    assert save(tmp_path, 1).stat().st_mode & 0o777 == 0o600


def test_damaged_save_is_named_with_the_one_before_and_what_to_do(tmp_path: Path) -> None:
    before, path = save(tmp_path, 1), save(tmp_path, 2)
    path.write_bytes(b"")
    with pytest.raises(StateError) as refused:
        generations.read(tmp_path, dict)
    assert str(refused.value).startswith(f"The saved state {path} cannot be read: it is empty.")
    assert f"The save before it is {before}" in str(refused.value)
    assert f"move {path.name} away and start again" in str(refused.value)
    path.rename(tmp_path / "aside")
    assert read(tmp_path) == 1


def test_damaged_save_without_one_before_says_so(tmp_path: Path) -> None:
    save(tmp_path, 1).write_bytes(b"\0" * 100)
    with pytest.raises(StateError, match=r"No save before it is kept.*PODIUM_DATA_DIR"):
        generations.read(tmp_path, dict)


def test_save_that_may_not_be_opened_is_named(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    path.unlink()
    path.mkdir()
    with pytest.raises(StateError, match=rf"{path} cannot be read: Is a directory"):
        generations.read(tmp_path, dict)


def test_save_of_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(generations, "_FORMAT", 2)
        path = save(tmp_path, 1)
    with pytest.raises(StateError, match=rf"{path.name} cannot be read: it has the format 2 of a newer"):
        generations.read(tmp_path, dict)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("whole"), ["a row", "another one"])


@given(data=st.data())
def test_save_that_is_cut_anywhere_is_refused(whole: Path, data: st.DataObject) -> None:
    content = whole.read_bytes()
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    _assert_refused(whole, cut)


@given(data=st.data())
def test_save_with_a_changed_byte_is_refused(whole: Path, data: st.DataObject) -> None:
    content = bytearray(whole.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    _assert_refused(whole, bytes(content))


def _assert_refused(whole: Path, damaged: bytes) -> None:
    content = whole.read_bytes()
    whole.write_bytes(damaged)
    try:
        with pytest.raises(StateError):
            generations.read(whole.parent, dict)
        assert whole.read_bytes() == damaged
    finally:
        whole.write_bytes(content)


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_full_disk_leaves_the_saves_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    save(tmp_path, 1)
    before = _contents(tmp_path)
    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left on device"):
        save(tmp_path, 2)
    assert _contents(tmp_path) == before


def test_state_that_is_no_json_leaves_the_saves_as_they_were(tmp_path: Path) -> None:
    save(tmp_path, 1)
    before = _contents(tmp_path)
    with pytest.raises(TypeError, match="is no JSON"):
        save(tmp_path, object())
    assert _contents(tmp_path) == before


def test_rest_of_a_killed_save_is_no_save(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    (tmp_path / "00000002.state.new").write_bytes(path.read_bytes()[:50])
    assert read(tmp_path) == 1
    assert save(tmp_path, 2).name == "00000002.state"
    assert read(tmp_path) == 2


def test_lines_are_the_services(tmp_path: Path) -> None:
    header, *services, _ = map(json.loads, save(tmp_path, 1).read_text().splitlines())
    assert header == {"podium": 1, "saved": "2025-11-28T12:03:11+00:00"}
    assert services == [line._asdict() for line in state(1)]


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
