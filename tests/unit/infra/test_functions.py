"""The table of functions, checked against the modules that have handlers."""

import ast
from pathlib import Path

from game.functions import FUNCTIONS, MODULES, handlers_of

ROOT = Path(__file__).parents[3]
# The portrait container is an image, not in the zip.
FOLDERS = ("api", "realtime", "streams")


def handlers_in_sources() -> dict[str, set[str]]:
    """Return every public function named like a handler, by the module that has it."""
    found: dict[str, set[str]] = {}
    for path in (path for folder in FOLDERS for path in (ROOT / folder).glob("*app.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        found[f"{path.parent.name}.{path.stem}"] = {name for name in names if name.endswith("handler")}
    return found


def test_every_handler_is_one_function() -> None:
    assert {module: set(handlers_of(module)) for module in MODULES} == handlers_in_sources()
    assert len({function.name for function in FUNCTIONS}) == len(FUNCTIONS)
    assert len({(function.module, function.entry) for function in FUNCTIONS}) == len(FUNCTIONS)
