"""Whatever is logged or said, a terminal gets only what it prints."""

import logging
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.console import complain, say, set_up_logging

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\n12:00:00 INFO forged\x9b1m\u202e\u2028\ud800\x00"
# Those of RichHandler's own layout.
_LAYOUT = "\n"


@pytest.fixture
def _terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    # Where the entry of a function was imported, Powertools writes its lines, too.
    monkeypatch.setattr(logging.getLogger("podium"), "handlers", [])
    monkeypatch.setenv("COLUMNS", "4000")
    monkeypatch.setattr(logging, "raiseExceptions", True)
    set_up_logging()
    yield
    root.handlers[:] = before
    root.setLevel(level)


def assert_harmless(text: str) -> None:
    bad = {one for one in text if unicodedata.category(one)[0] == "C" or one in "\u2028\u2029"} - set(_LAYOUT)
    assert bad == set()


@pytest.mark.usefixtures("_terminal")
def test_log_line_holds_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("podium.rest").info("GET %s", HOSTILE)
    logging.getLogger("another.library").warning("says %s" % HOSTILE)  # noqa: UP031
    said = capsys.readouterr().err
    assert_harmless(said)
    lines = said.rstrip("\n").splitlines()
    assert len(lines) == 2, "a client cannot add a line"
    for line in lines:
        assert r"\x1b]0;owned\x07\x1b[2J\r\n12:00:00 INFO forged\x9b1m\u202e\u2028\ud800\x00" in line


@pytest.mark.usefixtures("_terminal")
def test_traceback_holds_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logging.getLogger("podium").exception("failed", stack_info=True)
    said = capsys.readouterr().err
    assert_harmless(said)
    assert "Traceback" in said
    assert r"\x1b]0;owned" in said


@pytest.mark.usefixtures("_terminal")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters()))
def test_any_text_can_be_logged_and_said(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("podium").info("%s", text)
    say(text)
    complain(text)
    said = capsys.readouterr()
    assert_harmless(said.out + said.err)
    assert "Logging error" not in said.err


@pytest.mark.usefixtures("_terminal")
def test_names_of_any_script_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    name = "Żółw 忍者 😀 ملك"
    logging.getLogger("podium").info(name)
    say(f"one\n{name}")
    said = capsys.readouterr()
    assert name in said.err
    assert said.out == f"one\n{name}\n"
