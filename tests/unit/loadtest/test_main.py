"""The commands as typed, and what a person sees meanwhile."""

import io

import pytest
from rich.console import Console

from loadtest.__main__ import main
from loadtest.view import Glance, LiveView, PlainView, View


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--players", "0", "--rate", "x"), ["--players: ", "--rate: "]),
        (("--target", "http://127.0.0.1:1/client-config.json"), ["No backend answers at http://127.0.0.1:1"]),
        (("--target", "http://192.0.2.7/client-config.json"), ["192.0.2.7 is not this machine"]),
        (("--target", "/nowhere.json"), ["--target: /nowhere.json"]),
    ],
)
def test_wrong_input_is_explained_with_status_2(
    arguments: tuple[str, ...], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments]) == 2
    said = capsys.readouterr()
    assert all(sentence in said.err for sentence in told)
    assert "Traceback" not in said.err


@pytest.mark.parametrize("arguments", [["fly"], ["--wings", "2"]])
def test_unknown_argument_prints_the_usage_with_status_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m loadtest" in capsys.readouterr().err


def glance(second: int) -> Glance:
    return Glance(
        second=second,
        live=219,
        clients=220,
        rates={"improved": 4.0, "kept": 1.0, "versions": 3.5, "frames": 1234.0, "bytes": 2048.0, "gaps": 0.5},
        recent={"p50": 55.0, "p99": 120.0},
        errors={"connect: no answer": 3, "POST /score: 503": 1},
        broken=1,
        cpu=0.25,
    )


FACTS = (
    *("219 of 220 connected", "5.0/s, 4.0/s improved", "3.5 versions/s", "1,234/s, 2 KB/s"),
    *("p50 55, p99 120 ms", "0.5/s", "4, 1 promises broken", "0.25 cores"),
)


def show(view: View) -> None:
    view.phase("accounts to sign in", 220)
    view.advance(100)
    view.phase("seconds of play", 10)
    for second in range(1, 6):
        view.glance(glance(second))
    view.say("The promise held.")


def test_without_a_terminal_there_is_a_line_now_and_then() -> None:
    text = io.StringIO()
    show(PlainView(Console(file=text)))
    lines = text.getvalue().splitlines()
    assert lines[:2] == ["accounts to sign in: 220", "seconds of play: 10"]
    assert lines[2].startswith("5 s: ")
    assert all(fact in lines[2] for fact in FACTS)
    assert lines[3:] == ["The promise held."]


def test_on_a_terminal_there_is_a_bar_with_rates_and_errors() -> None:
    text = io.StringIO()
    view = LiveView(Console(file=text, force_terminal=True, width=100, legacy_windows=False))
    with view.live:
        show(view)
        view.live.refresh()
    shown = text.getvalue()
    assert all(fact in shown for fact in FACTS)
    assert "5 / 10" in shown
    assert "POST /score: 503" in shown
    assert "The promise held." in shown
