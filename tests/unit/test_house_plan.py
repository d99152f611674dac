"""The house plan: which folder may import which, held against the sources."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.schema import TABLES

ROOT = Path(__file__).parents[2]

# Folder -> what of ours it may import, beside itself. "a.b" allows that module alone.
MAY_IMPORT: dict[str, set[str]] = {
    "game": set(),
    "store": {"game"},
    "realtime": {"game", "store"},
    "streams": {"game", "store", "realtime"},
    "api": {"game", "store"},
    "cv": {"game", "store"},
    "infra": {"game", "store.schema"},
    "local": {"game", "store", "realtime", "streams", "api", "cv", "infra"},
    "loadtest": {"realtime.protocol", "game"},
    "bench": {"game", "store", "realtime", "streams", "api", "cv", "infra", "local", "loadtest"},
}
RULES_MAY_IMPORT = (set(sys.stdlib_module_names) - {"asyncio", "os", "random", "socket", "time"}) | {
    "game",
    "grapheme",
    "pydantic",
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


def upward_imports(folder: str, tree: ast.AST) -> list[str]:
    allowed = MAY_IMPORT[folder] | {folder}
    ours = {*MAY_IMPORT, "clients", "tests"}
    return [
        f"{line}: {folder} must not import {name}"
        for line, name in imports(tree)
        if name.partition(".")[0] in ours
        and not any(f"{name}.".startswith(f"{package}.") for package in allowed)
    ]


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
    assert folders - {"tests", "node_modules"} <= set(MAY_IMPORT)


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_imports_point_down_the_plan(folder: str) -> None:
    problems = [
        problem for path in sources(folder) for problem in _at(path, upward_imports(folder, _parse(path)))
    ]
    assert not problems


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


@pytest.mark.parametrize("folder", sorted(set(MAY_IMPORT) - MAY_CALL_AWS_STORAGE))
def test_only_store_knows_tables_and_storage_clients(folder: str) -> None:
    problems = [problem for path in sources(folder) for problem in _at(path, storage_uses(_parse(path)))]
    assert not problems


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("game", "import store"),
        ("game", "from store.schema import TABLES"),
        ("store", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from api.backend import Backend"),
        ("store", "def late():\n    import realtime.push"),
        ("api", "from realtime import tokens"),
        ("infra", "from store import boards"),
        ("infra", "import store"),
        ("loadtest", "from realtime.protocol_extras import x"),
        ("local", "from tests.simulation import clock"),
    ],
)
def test_upward_import_is_found(folder: str, source: str) -> None:
    assert len(upward_imports(folder, ast.parse(source))) == 1


@pytest.mark.parametrize(
    ("folder", "source"),
    [
        ("infra", "from store.schema import TABLES"),
        ("infra", "from store import schema"),
        ("loadtest", "from realtime import protocol"),
        ("game", "from game.model import Model"),
        ("store", "import boto3.dynamodb.types"),
    ],
)
def test_downward_import_is_allowed(folder: str, source: str) -> None:
    assert upward_imports(folder, ast.parse(source)) == []


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
    """`store.players` makes a player's tombstone a condition of every transaction."""
    writers = [
        str(path.relative_to(ROOT))
        for folder in MAY_IMPORT
        for path in sources(folder)
        for node in ast.walk(_parse(path))
        if isinstance(node, ast.Attribute) and node.attr == "transact_write_items"
    ]
    assert writers == ["store/players.py"]


def test_id_of_a_construct_is_no_table() -> None:
    assert storage_uses(ast.parse('cognito.UserPool(self, "Players")')) == []
