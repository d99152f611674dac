"""The needs of a module of ours, found by reading sources: nothing is imported for it.

Imports inside functions count, as they may run; those for type checkers alone do not.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

# Python 3.11 before 3.11.8 counts in one place how deep `ast.parse` is, and threads that parse at once
# disturb each other's count: https://github.com/python/cpython/issues/106905. Packages are made in threads.
# They read in turn: that is 0.2 s of the 11 s that all packages take on two cores.
_parsing = Lock()


class SourceError(Exception):
    """A source does something whose needs cannot be read from it; the message names the place."""


@dataclass
class Needs:
    """The needs of a module, with all that it imports.

    files: our own modules, and the data files that lie beside them; paths relative to the checkout.
    libraries: top-level modules that are neither ours nor in the standard library.
    services: the AWS services, as botocore calls them, that clients are made of.
    """

    files: set[Path] = field(default_factory=set)
    libraries: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)


def needs_of(checkout: Path, module: str) -> Needs:
    """Return what a module of ours needs; several threads may ask at once. Raises SourceError."""
    if not (checkout / module.replace(".", "/")).with_suffix(".py").is_file():
        raise SourceError(f"there is no module {module} in {checkout}")
    needs = Needs()
    pending = [module]
    while pending:
        name = pending.pop()
        found = list(_files(checkout, name))
        if not found:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names:
                needs.libraries.add(top)
        for file in found:
            if file not in needs.files:
                needs.files.add(file)
                reader = _Reader(file)
                reader.visit(_parsed(checkout, file))
                pending += reader.imports
                needs.services |= reader.services
    needs.files |= set(_data(checkout, {file.parent for file in needs.files}))
    return needs


def _parsed(checkout: Path, file: Path) -> ast.Module:
    source = (checkout / file).read_text(encoding="utf-8")
    with _parsing:
        return ast.parse(source, str(file))


def _files(checkout: Path, name: str) -> Iterator[Path]:
    """Yield the files behind a dotted name: every package on the way, and the module, where it is one."""
    path = Path()
    for part in name.split("."):
        path /= part
        for file in (path / "__init__.py", path.with_suffix(".py")):
            if (checkout / file).is_file():
                yield file


def _data(checkout: Path, folders: set[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in (checkout / folder).iterdir():
            if path.is_file() and path.suffix != ".py" and not path.name.startswith("."):
                yield path.relative_to(checkout)


class _Reader(ast.NodeVisitor):
    """Collects a source's imports as dotted names, and the services that it makes clients of."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.imports: list[str] = []
        self.services: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test).rpartition(".")[2] == "TYPE_CHECKING":
            for branch in node.orelse:
                self.visit(branch)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.imports += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module is None:
            raise SourceError(f"{self._file}:{node.lineno}: a relative import")
        # A name may be a module of the package, or something in it.
        self.imports += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            if node.func.attr in {"import_module", "resource"}:
                raise SourceError(f"{self._file}:{node.lineno}: {node.func.attr}() hides what it needs")
            if node.func.attr in {"client", "create_client"}:
                self.services.add(self._service(node))
        self.generic_visit(node)

    def _service(self, node: ast.Call) -> str:
        match node.args:
            case [ast.Constant(value=str(service)), *_]:
                return service
        raise SourceError(f"{self._file}:{node.lineno}: the service's name must be a string literal")
