"""The generated files are those that the code makes."""

from typing import get_args

import pytest

from local import javascript
from local.reference import pages
from local.settings import CHECKOUT
from realtime import protocol


@pytest.mark.parametrize(("path", "text"), (pages() | javascript.modules()).items())
def test_page_is_up_to_date(path: str, text: str) -> None:
    assert (CHECKOUT / path).read_text(encoding="utf-8") == text, "run `make docs`"


def test_every_frame_and_route_has_a_heading() -> None:
    made = pages()
    assert made["docs/frames.md"].count("\n### ") >= (
        len(get_args(protocol.ClientFrame)) + len(get_args(protocol.ServerFrame))
    )
    for route in ("POST /score", "GET /leaderboard/me", "DELETE /profile", "POST /avatar/presign"):
        assert f"\n## {route}\n" in made["docs/rest-api.md"]


def test_every_reference_leads_to_a_heading() -> None:
    for text in pages().values():
        headings = {line.lstrip("# ").lower() for line in text.splitlines() if line.startswith("#")}
        targets = {part.partition(")")[0] for part in text.split("](#")[1:]}
        assert targets <= headings
