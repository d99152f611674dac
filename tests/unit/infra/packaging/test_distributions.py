"""Which distributions a package needs, and which of their files."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.packaging.distributions import DistributionError, Distributions

ENVIRONMENT = {"python_version": "3.13", "sys_platform": "linux"}


def install(folder: Path, name: str, files: Sequence[str], requires: Sequence[str] = ()) -> None:
    """Leave behind what installing a wheel leaves behind."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    lines = [f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {requirement}" for requirement in requires)]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in [*files, f"{info.name}/METADATA"]))


@pytest.fixture
def installed(tmp_path: Path) -> Distributions:
    """`Web.Client`, which needs `sockets` and, for its extra, `crypto`."""
    install(
        tmp_path,
        "Web.Client",
        ["webclient/__init__.py"],
        [
            "sockets>=1",
            'crypto; extra == "tls"',
            'winloop; sys_platform == "win32"',
            'tomli; python_version < "3.11"',
        ],
    )
    install(tmp_path, "sockets", ["_sockets.cpython-313-aarch64-linux-gnu.so"], ["web-client"])
    install(tmp_path, "crypto", ["crypto.py"])
    install(tmp_path, "other", ["other.py"])
    return Distributions(tmp_path, ENVIRONMENT)


def test_libraries_come_with_what_they_require(installed: Distributions) -> None:
    assert installed.needed(["webclient"], []) == {"web-client", "sockets"}


def test_extra_that_we_ask_for_comes_too(installed: Distributions) -> None:
    direct = [Requirement("web_client[tls]>=1"), Requirement("other")]
    assert installed.needed(["webclient"], direct) == {"web-client", "sockets", "crypto"}


def test_extension_module_is_provided(installed: Distributions) -> None:
    assert "sockets" in installed.needed(["_sockets"], [])


def test_unknown_library_is_refused(installed: Distributions) -> None:
    with pytest.raises(DistributionError, match="requests"):
        installed.needed(["requests"], [])


def test_requirement_that_is_not_installed_is_named(tmp_path: Path) -> None:
    install(tmp_path, "web", ["web.py"], ["sockets"])
    with pytest.raises(DistributionError, match="sockets"):
        Distributions(tmp_path, ENVIRONMENT).needed(["web"], [])


def test_only_files_that_may_run_are_packed(tmp_path: Path) -> None:
    kept = [
        "botocore/data/dynamodb/2012-08-10/service-2.json.gz",
        "botocore/data/endpoints.json",
        "botocore/data/sts/2011-06-15/service-2.json.gz",
        "botocore/session.py",
    ]
    dropped = [
        "../../bin/jp",
        "bin/jp.py",
        "boto3/data/s3/2006-03-01/resources-1.json",
        "botocore/__pycache__/session.cpython-313.pyc",
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "botocore/loop.pyx",
        "botocore/py.typed",
    ]
    install(tmp_path, "botocore", kept + dropped)
    files = Distributions(tmp_path, ENVIRONMENT).files(canonicalize_name("botocore"), {"dynamodb"})
    assert sorted(map(str, files)) == kept
