"""What every test shares."""

import os
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings

from bench.ports import kept_ports

# As on every function: Powertools reads it once, when the entries are imported.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Podium/tests")

# CI tries the same examples every time, so that a change is judged by what it changes.
settings.register_profile("podium", deadline=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("podium")


# What tests have to tell at the end of a session, passed or not.
_NOTES = pytest.StashKey[list[str]]()

_DEPLOYED = "deployed"
# Folders whose tests share what takes long to make, once a session: a backend, packages, templates.
_TOGETHER = ("tests/e2e/", "tests/integration/", "tests/unit/infra/")
# What takes longest comes first, so that no process has it left when the others are done.
_LONG = ("tests/unit/cv/test_hostile.py", "tests/unit/streams/test_promise.py")
_FIRST = (_DEPLOYED, *_TOGETHER, *_LONG)


def _group(test: str) -> str:
    """Return what a test shares with others: the deployed stacks, its folder, or nothing beyond its file."""
    file, _, name = test.partition("::")
    if _DEPLOYED in name.partition("[")[2].removesuffix("]").split("-"):
        return _DEPLOYED
    return next((folder for folder in _TOGETHER if file.startswith(folder)), file)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where tests run in several processes, put the long ones first."""
    if hasattr(config, "workerinput"):
        rank = {group: place for place, group in enumerate(_FIRST)}
        items.sort(key=lambda item: rank.get(_group(item.nodeid), len(rank)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Where tests run in several processes, what shares something that takes long to make stays in one."""
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    class Together(LoadScopeScheduling):  # type: ignore[misc]  # has no types
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    return Together(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what was captured or compared where it is no UTF-8: half a surrogate pair would end the session.

    A worker process hands its reports over as UTF-8.
    """
    report = yield
    report.sections = [(title, _utf8(text)) for title, text in report.sections]
    if report.longrepr is not None and _utf8(report.longreprtext) != report.longreprtext:
        report.longrepr = _utf8(report.longreprtext)
    return report


def _utf8(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def pytest_configure(config: pytest.Config) -> None:
    """Create the list of notes."""
    config.stash[_NOTES] = []


@pytest.fixture(scope="session")
def notes(pytestconfig: pytest.Config) -> list[str]:
    """Return the list of lines to print at the end of the session."""
    return pytestconfig.stash[_NOTES]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the notes of one of several processes to the one that prints them."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["notes"] = session.config.stash[_NOTES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect the notes of a worker."""
    node.config.stash[_NOTES] += getattr(node, "workeroutput", {}).get("notes", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the notes."""
    if config.stash[_NOTES]:
        terminalreporter.section("Notes", sep="-")
    for line in config.stash[_NOTES]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def unused_tcp_port_factory() -> Iterator[Callable[[], int]]:
    """Chooses ports that nothing else uses, in the place of pytest-asyncio's, which only finds them free."""
    with kept_ports() as ports:
        yield ports


@pytest.fixture
def unused_tcp_port(unused_tcp_port_factory: Callable[[], int]) -> int:
    """One such port."""
    return unused_tcp_port_factory()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of `make test args=…`."""
    parser.addoption(
        "--promise-runs",
        type=int,
        help="how many random plans test_promise.py tries, instead of its fixed ones",
    )
    parser.addoption("--screenshots", help="a folder where the browser tests leave their pictures")
