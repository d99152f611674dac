"""The operators' commands on boards, on tables in moto."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from game.catalogue import load_catalogue
from local.provision import create_tables
from ops import boards, command
from store import conversion
from store.board_rules import settle
from store.database import Database
from store.profiles import Profile
from store.submission import submit
from tests.simulation.aws import REGION, answered_client, ask_moto, shared_session
from tests.support.catalogues import edited

PREFIX = "podium-prod-"
CATALOGUE = load_catalogue()

Work = Callable[[Database], Awaitable[Any]]


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Empty moto; the Regions that the commands ask."""
    asked: list[str | None] = []

    @asynccontextmanager
    async def open_database(session: Any, prefix: str) -> AsyncIterator[Database]:
        asked.append(session.region_name)
        async with database(prefix) as db:
            yield db

    dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].reset()
    monkeypatch.setattr(command, "open_database", open_database)
    return asked


@asynccontextmanager
async def database(prefix: str) -> AsyncIterator[Database]:
    async with answered_client(shared_session(), "dynamodb", ask_moto) as client:
        yield Database(client, prefix)


def play(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ada has a score in the forest; then the designer flips its order."""

    async def work() -> None:
        async with database(PREFIX) as db:
            await create_tables(db)
            await conversion.require(db)
            await settle(db, CATALOGUE)
            await submit(db, CATALOGUE, Profile(user_id="ada", name="Ada"), "forest", 7, 1000)

    asyncio.run(work())
    flipped = edited(CATALOGUE, areas={"forest": {"order": "asc"}}, boards={"global": {"areas": ["desert"]}})
    monkeypatch.setattr(boards, "load_catalogue", lambda: flipped)


DROPPED = "forest-week: 1 rows {0}\nglobal: 1 rows {0}\nforest: 1 rows {0}\n"


def refusal(*arguments: str) -> str:
    with pytest.raises(SystemExit) as exited:
        boards.main(arguments)
    return str(exited.value)


def test_first_deployment_has_no_rows_to_break(
    regions: list[str | None], capsys: pytest.CaptureFixture[str]
) -> None:
    boards.main(["check", "--region", "eu-west-1", PREFIX])
    assert "no tables podium-prod-*" in capsys.readouterr().out
    assert regions == ["eu-west-1"]


@pytest.mark.usefixtures("regions")
def test_deployment_is_refused_by_name_until_the_rows_are_dropped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    play(monkeypatch)
    forest, total, end = refusal("check", PREFIX).splitlines()
    assert forest == (
        'board forest: its rows were written under "desc", and areas.forest.order is "asc". Set it back, or '
        "drop the rows: `python -m ops.boards drop podium-prod- forest` says what it would do."
    )
    assert total.startswith("board global: its rows were written under a sum over desert, forest, and ")
    assert end == "Nothing was deployed."
    boards.main(["drop", PREFIX, "forest"])
    assert capsys.readouterr().out == DROPPED.format("to be deleted")
    assert refusal("check", PREFIX).splitlines()[-1] == end
    boards.main(["drop", PREFIX, "forest", "--apply"])
    assert capsys.readouterr().out == DROPPED.format("deleted")
    boards.main(["check", PREFIX])
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("regions")
def test_what_is_in_the_way_of_a_drop_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal("drop", PREFIX, "forest") == "There are no tables podium-prod-*: is the Region right?"
    play(monkeypatch)
    assert "'forrest'; there are desert, forest" in refusal("drop", PREFIX, "forrest")


def test_service_that_refuses_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def open_database(_: Any, prefix: str) -> AsyncIterator[Database]:
        async def refuse(_: Any) -> tuple[int, bytes]:
            return 400, b'{"__type": "AccessDeniedException", "message": "not yours"}'

        async with answered_client(shared_session(), "dynamodb", refuse) as client:
            yield Database(client, prefix)

    monkeypatch.setattr(command, "open_database", open_database)
    assert "not yours" in refusal("check", PREFIX)
