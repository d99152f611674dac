"""The command line of a restore as docs/deploy.md has it, on tables in moto."""

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from game.catalogue import load_catalogue
from game.scoring import encode
from ops.restore import RESTORED, main
from store.board_rules import settle
from store.database import Database
from store.schema import IDEMPOTENCY, LEADERBOARDS, PLAYERS, SCORES, Table, create_request
from tests.simulation.aws import REGION, answered_client, ask_moto, shared_session

LIVE, RESTORED_PREFIX = "podium-prod-", "podium-prod-restored-"


def documented() -> list[list[str]]:
    """Return the arguments of each call on the page, for the stage `prod`."""
    page = (Path(__file__).parents[3] / "docs" / "deploy.md").read_text(encoding="utf-8")
    calls = [line.partition("python -m ops.restore ")[2] for line in page.splitlines()]
    return [shlex.split(call.replace("$stage", "prod"), comments=True) for call in calls if call]


LOOK, APPLY = documented()


class Tables:
    """A deployment's tables and those restored from them, with two players' rows in each."""

    def __init__(self) -> None:
        dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].reset()
        for table in (PLAYERS, LEADERBOARDS):
            self.ask("create_table", **create_request(table, f"{LIVE}{table.name}"))
        for table in RESTORED:
            self.ask("create_table", **create_request(table, f"{LIVE}{table.name}"))
            for player in ("ada", "bob"):
                self.put(LIVE, table, player)
            self.ask(
                "restore_table_to_point_in_time",
                SourceTableName=f"{LIVE}{table.name}",
                TargetTableName=f"{RESTORED_PREFIX}{table.name}",
                UseLatestRestorableTime=True,
            )

    def ask(self, operation: str, **parameters: Any) -> Any:
        """Return moto's answer."""

        async def ask() -> Any:
            async with answered_client(shared_session(), "dynamodb", ask_moto) as client:
                return await getattr(client, operation)(**parameters)

        return asyncio.run(ask())

    def put(self, prefix: str, table: Table, player: str, name: str = "as it was") -> None:
        keys = {key: {"S": player} for key in table.keys}
        self.ask("put_item", TableName=f"{prefix}{table.name}", Item={**keys, "name": {"S": name}})

    def empty(self, prefix: str, table: Table) -> None:
        self.ask("delete_table", TableName=f"{prefix}{table.name}")
        self.ask("create_table", **create_request(table, f"{prefix}{table.name}"))

    def rows(self, prefix: str) -> dict[str, dict[str, str]]:
        """Return the name in each player's row of each table."""
        return {
            table.name: {
                item[table.partition_key]["S"]: item["name"]["S"]
                for item in self.ask("scan", TableName=f"{prefix}{table.name}")["Items"]
            }
            for table in RESTORED
        }

    def mishap(self) -> None:
        """In each table a row changes, and one comes."""
        for table in RESTORED:
            self.put(LIVE, table, "ada", "spoilt")
            self.put(LIVE, table, "mallory")


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    @asynccontextmanager
    async def open_database(_: object, prefix: str) -> AsyncIterator[Database]:
        async with answered_client(shared_session(), "dynamodb", ask_moto) as client:
            yield Database(client, prefix)

    monkeypatch.setattr("ops.restore.open_database", open_database)
    return Tables()


def refusal(tables: Tables, *arguments: str) -> str:
    """Why nothing is done: not a row is another than before."""
    before = tables.ask("list_tables")["TableNames"]
    rows = [tables.ask("scan", TableName=name)["Items"] for name in before]
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert [tables.ask("scan", TableName=name)["Items"] for name in before] == rows
    message = refused.value.code
    assert isinstance(message, str)  # Python prints it to standard error, with exit status 1.
    assert message.endswith("\nNothing was changed.")
    return message.removesuffix("\nNothing was changed.")


def test_first_call_of_the_page_says_what_would_be_done(
    tables: Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    tables.mishap()
    before = tables.rows(LIVE)
    main(LOOK)
    assert capsys.readouterr().out == "".join(
        f"{LIVE}{table.name}: 1 rows to be written, 1 to be deleted\n" for table in RESTORED
    )
    assert tables.rows(LIVE) == before


def test_second_call_of_the_page_does_it(tables: Tables, capsys: pytest.CaptureFixture[str]) -> None:
    tables.mishap()
    main(APPLY)
    assert capsys.readouterr().out == "".join(
        f"{LIVE}{table.name}: 1 rows written, 1 deleted\n" for table in RESTORED
    )
    everywhere = {"ada": "as it was", "bob": "as it was"}
    assert tables.rows(LIVE) == {table.name: everywhere for table in RESTORED}
    assert tables.rows(RESTORED_PREFIX) == tables.rows(LIVE)


@pytest.mark.parametrize("call", [LOOK, APPLY], ids=["look", "apply"])
def test_restored_table_without_rows_is_refused(tables: Tables, call: list[str]) -> None:
    tables.mishap()
    tables.empty(RESTORED_PREFIX, IDEMPOTENCY)
    lost = f"{RESTORED_PREFIX}Idempotency has no rows, and {LIVE}Idempotency would lose all of its own"
    assert refusal(tables, *call) == f"{lost}: --empty Idempotency if that is meant."


def test_table_that_is_named_may_be_emptied(tables: Tables) -> None:
    for table in (IDEMPOTENCY, SCORES):
        tables.empty(RESTORED_PREFIX, table)
    assert "restored-Scores has no rows" in refusal(tables, *APPLY, "--empty", IDEMPOTENCY.name)
    main([*APPLY, "--empty", IDEMPOTENCY.name, "--empty", SCORES.name])
    assert tables.rows(LIVE) == tables.rows(RESTORED_PREFIX)


def test_table_that_was_empty_already_needs_no_word(tables: Tables) -> None:
    for prefix in (LIVE, RESTORED_PREFIX):
        tables.empty(prefix, IDEMPOTENCY)
    main(APPLY)


def test_rows_that_the_deployed_catalogue_would_misread_are_refused(tables: Tables) -> None:
    """The forest was a time trial at that second, and its rows have been dropped since."""

    async def write_down() -> None:
        async with answered_client(shared_session(), "dynamodb", ask_moto) as client:
            await settle(Database(client, LIVE), load_catalogue())

    key = {"gameArea": {"S": "forest"}, "score": {"S": encode("asc", 5, 1000, "ada")}}
    for prefix in (LIVE, RESTORED_PREFIX):
        tables.empty(prefix, SCORES)
    asyncio.run(write_down())
    row = key | {"userId": {"S": "ada"}, "achievedAt": {"N": "1000"}}
    tables.ask("put_item", TableName=f"{RESTORED_PREFIX}{SCORES.name}", Item=row)
    assert refusal(tables, *APPLY) == (
        'board forest: its rows were written under "asc", and areas.forest.order is "desc": deploy the '
        "catalogue of that second first."
    )


def test_arguments_the_wrong_way_round_are_refused(tables: Tables) -> None:
    tables.mishap()
    assert refusal(tables, LIVE, RESTORED_PREFIX, "--apply").splitlines() == [
        f"podium-prod-restored-{table.name} was restored from podium-prod-{table.name}, "
        "not the other way round: the restored tables come first."
        for table in RESTORED
    ]


def test_tables_are_not_restored_from_themselves(tables: Tables) -> None:
    assert "begin with 'podium-prod-'" in refusal(tables, LIVE, LIVE, "--apply")


@pytest.mark.parametrize("prefix", [LIVE, RESTORED_PREFIX])
def test_tables_that_are_missing_are_found_before_the_others_are_written(tables: Tables, prefix: str) -> None:
    tables.mishap()
    missing = [f"{prefix}{table.name}" for table in RESTORED[-2:]]
    for name in missing:
        tables.ask("delete_table", TableName=name)
    assert refusal(tables, *APPLY).splitlines() == [f"There is no table {name}." for name in missing]


def test_table_that_is_still_being_restored_is_refused(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moto.dynamodb.models.table.RestoredPITTable.describe", creating, raising=True)
    assert "podium-prod-restored-Scores is not ready: CREATING." in refusal(tables, *APPLY)


def creating(_: object, base_key: str = "TableDescription") -> dict[str, Any]:
    """Return the description of a table that DynamoDB is busy making."""
    return {base_key: {"TableStatus": "CREATING", "TableArn": "arn:aws:dynamodb:us-east-1:1:table/x"}}


def test_table_that_is_not_restored_cannot_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*APPLY, "--empty", "Connections"])
    assert "invalid choice: 'Connections'" in capsys.readouterr().err
