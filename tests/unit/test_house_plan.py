"""The part of the house plan that import-linter (pyproject.toml) cannot check."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.schema import TABLES

ROOT = Path(__file__).parents[2]
ROOMS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]

RULES_MAY_IMPORT = (set(sys.stdlib_module_names) - {"asyncio", "os", "random", "socket", "time"}) | {
    "game",
    "grapheme",
    "pydantic",
    "pydantic_core",
    "tzdata",
}
# `local` makes the tables that the CDK makes on AWS; `bench` plays the peers that know nothing of `store`.
MAY_CALL_AWS_STORAGE = {"store", "local", "bench"}
# `datetime` is welcome for its values; these read the clock.
CLOCKS = {"now", "today", "utcnow"}
STORAGE_SERVICES = {"dynamodb", "dynamodbstreams", "s3"}
STORAGE_CALLS = {
    *("get_item", "put_item", "update_item", "delete_item", "batch_get_item", "batch_write_item"),
    *("transact_get_items", "transact_write_items", "execute_statement"),
    *("get_object", "put_object", "delete_object", "generate_presigned_post", "generate_presigned_url"),
}
TABLE_NAMES = {table.name for table in TABLES}


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every import with its line, as a dotted name; those for type checkers and inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def storage_uses(tree: ast.AST) -> list[str]:
    """Lines that name a table, make a client of DynamoDB or S3, or call one."""
    found = []
    ids = _construct_ids(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in TABLE_NAMES and node not in ids:
            found.append(f"{node.lineno}: names the table {node.value}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in STORAGE_CALLS:
                found.append(f"{node.lineno}: calls {node.func.attr}")
            elif node.func.attr in {"client", "resource"} and _services(node) & STORAGE_SERVICES:
                found.append(f"{node.lineno}: makes a {node.func.attr} of DynamoDB or S3")
    return found


def _construct_ids(tree: ast.AST) -> set[ast.expr]:
    """The ids of the CDK's constructs, as in `Construct(self, "Players", …)`: one may be a table's name."""
    return {
        node.args[1]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and len(node.args) > 1 and ast.unparse(node.args[0]) == "self"
    }


def _services(call: ast.Call) -> set[object]:
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {argument.value for argument in arguments if isinstance(argument, ast.Constant)}


def _parse(path: Path) -> ast.AST:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _at(path: Path, problems: list[str]) -> list[str]:
    return [f"{path.relative_to(ROOT)}:{problem}" for problem in problems]


def test_every_folder_with_sources_is_in_the_plan() -> None:
    folders = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and not path.name.startswith(".") and any(path.rglob("*.py"))
    }
    assert folders - {"tests", "node_modules"} == set(ROOMS)


def test_rules_import_nothing_but_pure_libraries() -> None:
    problems = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in sources("game")
        for line, name in imports(_parse(path))
        if name.partition(".")[0] not in RULES_MAY_IMPORT
    ]
    assert not problems


def test_rules_read_no_clock() -> None:
    problems = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.attr}"
        for path in sources("game")
        for node in ast.walk(_parse(path))
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS
    ]
    assert not problems


@pytest.mark.parametrize("folder", sorted(set(ROOMS) - MAY_CALL_AWS_STORAGE))
def test_only_store_knows_tables_and_storage_clients(folder: str) -> None:
    problems = [problem for path in sources(folder) for problem in _at(path, storage_uses(_parse(path)))]
    assert not problems


@pytest.mark.parametrize(
    "source",
    [
        'TABLE = "Leaderboards"',
        'session.client("dynamodb")',
        'boto3.resource(service_name="s3")',
        "await db.client.update_item(Key=key)",
        'Users(scope, "Players")',
    ],
)
def test_storage_use_is_found(source: str) -> None:
    assert len(storage_uses(ast.parse(source))) == 1


def test_writes_of_players_have_one_way_in() -> None:
    """`store.players` makes a player's tombstone a condition of every transaction.

    Nodes are no player's. The conversion takes deleted players, too: the rest of their deletion finds their
    rows on the boards by the standings. Subscriptions are a connection's, and `realtime` looks at the player
    after they are written. In `store.players` itself a merge writes the tombstone.
    """
    writers = sorted(
        {
            str(path.relative_to(ROOT))
            for folder in ROOMS
            for path in sources(folder)
            for node in ast.walk(_parse(path))
            if isinstance(node, ast.Attribute) and node.attr == "transact_write_items"
        }
    )
    assert writers == [
        "store/conversion.py",
        "store/players.py",
        "store/rank_nodes.py",
        "store/subscriptions.py",
    ]


def test_id_of_a_construct_is_no_table() -> None:
    assert storage_uses(ast.parse('cognito.UserPool(self, "Players")')) == []
