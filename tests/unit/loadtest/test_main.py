"""The command as typed, and what a person sees meanwhile."""

import pytest

from loadtest.run import main
from loadtest.view import show
from tests.unit.loadtest.test_recorder import play, recorder, tick


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--players", "0", "--rate", "x"), ["--players: ", "--rate: "]),
        (("--target", "http://127.0.0.1:1/client-config.json"), ["No backend answers at http://127.0.0.1:1"]),
    ],
)
def test_wrong_input_is_explained_with_status_2(
    arguments: tuple[str, ...], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments]) == 2
    said = capsys.readouterr()
    assert all(sentence in said.err for sentence in told)
    assert "Traceback" not in said.err


def test_line_about_the_play_comes_every_five_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    book = recorder()
    book.hear(0, tick(1, counts={"frames": 9_000, "bytes": 20_480, "gaps": 5}, errors={"connect: no": 3}))
    play(book, scheduled=1.25, shown_at=1.75)
    for second in range(1, 6):
        show(book, second, 220)
    assert capsys.readouterr().out == (
        "5 s: clients 3 of 220 connected, scores 0.5/s, 0.5/s improved, boards 0.5 versions/s,"
        " frames 4,500/s, 10 KB/s, score to screen p50 502, p90 502, p99 502, max 502 ms,"
        " resyncs 2.5/s, 0.0 reconnects/s, errors 3, 0 promises broken, tester 0.10 cores\n"
    )
