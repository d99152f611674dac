"""The module that Lambda imports first, run with a module of handlers that notes what it finds."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.packaging.entry import source

SHOP = """
import gc, os
seen = (gc.isenabled(), os.environ.get("SSL_CERT_FILE"))
def handler(): ...
def sweep_handler(): ...
"""
SHOW = """
import gc, os, sys
sys.path.insert(0, sys.argv[1])
import entry, shop
assert (entry.handler, entry.sweep_handler) == (shop.handler, shop.sweep_handler)
print(shop.seen, (gc.isenabled(), os.environ.get("SSL_CERT_FILE")), gc.get_freeze_count() > 0)
"""


def imported(folder: Path, environment: dict[str, str]) -> str:
    """Return what the import saw, what holds after it, and whether what it made is out of the way."""
    (folder / "entry.py").write_text(source("shop", ["handler", "sweep_handler"]))
    (folder / "shop.py").write_text(SHOP)
    command = [sys.executable, "-I", "-S", "-B", "-c", SHOW, str(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("own", [None, "/own/certificates.pem"])
def test_import_goes_without_collector_and_certificates_and_both_come_back(
    tmp_path: Path, own: str | None
) -> None:
    environment = {} if own is None else {"SSL_CERT_FILE": own}
    assert imported(tmp_path, environment) == f"(False, '/dev/null') (True, {own!r}) True"
