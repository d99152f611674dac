"""What is packed for Lambda's processors, which are not this machine's."""

import re
from pathlib import Path

import pytest

from infra.packaging.bundle import ARM64, X86_64, Target, install

OLDEST_GLIBC = 26
"""Of 2.x: that of Amazon Linux 2, on which Lambda runs Python 3.11."""


@pytest.mark.parametrize("target", [ARM64, X86_64], ids=["arm64", "x86_64"])
def test_libraries_want_no_newer_glibc_than_lambda_has(target: Target, tmp_path: Path) -> None:
    install(target, tmp_path)
    libraries = list(tmp_path.rglob("*.so*"))
    assert libraries
    wanted = {
        library.name: max(map(int, re.findall(rb"\0GLIBC_2\.(\d+)", library.read_bytes())), default=0)
        for library in libraries
    }
    assert max(wanted.values()) > 0
    assert {name: glibc for name, glibc in wanted.items() if glibc > OLDEST_GLIBC} == {}
