"""What the functions are packed for: Lambda's Pythons and processors."""

import re
from pathlib import Path

import pytest
from aws_cdk import aws_lambda as lambda_

from infra.bundle import ARM64, HOST, RUNTIMES, X86_64, Bundle, BundleError, Target, build, install
from infra.functions import AUTHORIZER

OLDEST_GLIBC = 26
"""Of 2.x: that of Amazon Linux 2, on which Lambda runs Python 3.11."""

every_architecture = pytest.mark.parametrize("target", [ARM64, X86_64], ids=["arm64", "x86_64"])


def test_runtimes_are_those_that_the_cdk_knows_and_we_run_on() -> None:
    known = [one.name for one in lambda_.Runtime.ALL if one.family == lambda_.RuntimeFamily.PYTHON]
    versions = [name.removeprefix("python") for name in known]
    assert tuple(one for one in versions if tuple(map(int, one.split("."))) >= (3, 11)) == RUNTIMES


@every_architecture
@pytest.mark.parametrize("python", ["3.10", "3.99"])
def test_python_that_lambda_has_not_is_refused_for_lambda(
    target: Target, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "python", python)
    with pytest.raises(
        BundleError, match=rf"no runtime for Python {python}, but for {', '.join(RUNTIMES)}\."
    ):
        build(AUTHORIZER, target, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_this_machine_may_have_any_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Target, "python", "3.99")
    HOST.require_runtime()


@every_architecture
def test_libraries_want_no_newer_glibc_than_lambda_has(target: Target, tmp_path: Path) -> None:
    install(AUTHORIZER.requirements, target, tmp_path)
    libraries = list(tmp_path.rglob("*.so*"))
    assert libraries
    wanted = {
        library.name: max(map(int, re.findall(rb"\0GLIBC_2\.(\d+)", library.read_bytes())), default=0)
        for library in libraries
    }
    assert max(wanted.values()) > 0
    assert {name: glibc for name, glibc in wanted.items() if glibc > OLDEST_GLIBC} == {}


def test_sizes_are_told_in_megabytes(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "module.py").write_bytes(bytes(2_340_000))
    (tmp_path / "files.zip").write_bytes(bytes(1_060_000))
    assert Bundle(tmp_path / "files", tmp_path / "files.zip").sizes == "1.1 MB, 2.3 MB unpacked"
