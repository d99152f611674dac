"""What every test shares."""

import os

import pytest
from hypothesis import settings

# As on every function: Powertools reads it once, when the entries are imported.
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Podium/tests")

# CI tries the same examples every time, so that a change is judged by what it changes.
settings.register_profile("podium", deadline=None, print_blob=True, derandomize="CI" in os.environ)
settings.load_profile("podium")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of `make test args=…`."""
    parser.addoption(
        "--promise-runs",
        type=int,
        help="how many random plans test_promise.py tries, instead of its fixed ones",
    )
    parser.addoption("--screenshots", help="a folder where the browser tests leave their pictures")
