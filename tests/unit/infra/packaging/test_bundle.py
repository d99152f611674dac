"""Which Pythons the functions are packed for, and how their sizes are printed."""

from pathlib import Path

import pytest
from aws_cdk import aws_lambda as lambda_

from game.functions import AUTHORIZER_PACKAGE
from infra.packaging.bundle import ARM64, HOST, RUNTIMES, X86_64, Bundle, BundleError, Target, build


def test_runtimes_are_those_that_the_cdk_knows_and_we_run_on() -> None:
    known = [one.name for one in lambda_.Runtime.ALL if one.family == lambda_.RuntimeFamily.PYTHON]
    versions = [name.removeprefix("python") for name in known]
    assert tuple(one for one in versions if tuple(map(int, one.split("."))) >= (3, 11)) == RUNTIMES


@pytest.mark.parametrize("target", [ARM64, X86_64], ids=["arm64", "x86_64"])
@pytest.mark.parametrize("python", ["3.10", "3.99"])
def test_python_that_lambda_lacks_is_refused_for_lambda(
    target: Target, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "python", python)
    with pytest.raises(
        BundleError, match=rf"no runtime for Python {python}, but for {', '.join(RUNTIMES)}\."
    ):
        build(AUTHORIZER_PACKAGE, target, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_this_machine_may_have_any_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Target, "python", "3.99")
    HOST.require_runtime()


def test_sizes_are_printed_in_megabytes(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "module.py").write_bytes(bytes(2_340_000))
    (tmp_path / "files.zip").write_bytes(bytes(1_060_000))
    assert Bundle(tmp_path / "files", tmp_path / "files.zip").sizes == "1.1 MB, 2.3 MB unpacked"
