"""Which Pythons the functions are packed for, which files are packed, and how sizes are printed."""

import re
from pathlib import Path, PurePosixPath

import pytest
from aws_cdk import aws_lambda as lambda_

from infra.packaging.bundle import (
    ARM64,
    CHECKOUT,
    FOLDERS,
    HOST,
    RUNTIMES,
    SERVICES,
    X86_64,
    Bundle,
    BundleError,
    Target,
    build,
    may_run,
)


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
        build(target, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_this_machine_may_have_any_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Target, "python", "3.99")
    HOST.require_runtime()


def test_sizes_are_printed_in_megabytes(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "module.py").write_bytes(bytes(2_340_000))
    (tmp_path / "files.zip").write_bytes(bytes(1_060_000))
    assert Bundle(tmp_path / "files", tmp_path / "files.zip").sizes == "1.1 MB, 2.3 MB unpacked"


def test_only_files_that_may_run_are_packed() -> None:
    kept = [
        "botocore/data/dynamodb/2012-08-10/service-2.json.gz",
        "botocore/data/endpoints.json",
        "botocore/data/sts/2011-06-15/service-2.json.gz",
        "botocore/session.py",
        "game/catalogue.toml",
        "six.py",
    ]
    dropped = [
        ".lock",
        "bin/jp.py",
        "boto3/data/s3/2006-03-01/resources-1.json",
        "botocore-1.40.dist-info/METADATA",
        "botocore/__pycache__/session.cpython-313.pyc",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "botocore/loop.pyx",
        "botocore/py.typed",
        "game/.notes",
    ]
    assert [file for file in kept + dropped if may_run(PurePosixPath(file))] == kept


def test_descriptions_of_services_are_packed_that_sources_make_clients_of() -> None:
    sources = [path.read_text() for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py")]
    made = {name for source in sources for name in re.findall(r'client\(\s*"([a-z0-9-]+)"', source)}
    assert {"dynamodb", "cognito-idp"} <= made
    # The rest is for botocore's credential chain.
    assert SERVICES - {"sso", "sso-oidc", "sts"} == made
