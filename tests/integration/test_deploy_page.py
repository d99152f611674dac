"""The commands of docs/deploy.md, run from top to bottom with stand-ins for the programs that they call.

What they would send to AWS is given to the real AWS CLI, which finds no server at its endpoint: it gets that
far only with what it understands, services, operations, options and the syntax of queries.
"""

import json
import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from infra import images
from infra.grants import GRANTS
from infra.packaging.bundle import CHECKOUT
from store.schema import TABLES
from tests.support.programs import Answer, Call, running
from tests.support.waiting import COMMAND_SECONDS

PAGE = CHECKOUT / "docs" / "deploy.md"
CLI = CHECKOUT / ".venvs" / "awscli" / "bin" / "python"

# What a command is given by another, where text of any kind would not do.
_ANSWERS = {
    "list-object-versions": '{"Objects": [{"Key": "a", "VersionId": "1"}]}',
    "describe-repositories": "111122223333.dkr.ecr.us-east-1.amazonaws.com/podium-dev-portraits",
    "infra.images": f"sha256:{0:064}",
}

# One process for all of them: the CLI takes half a second to start.
_REAL_CLI = """
import contextlib, io, json, sys
from awscli.clidriver import create_clidriver

driver, said = create_clidriver(), []
for arguments in json.load(sys.stdin):
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        driver.main(arguments)
    said.append(errors.getvalue())
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """Return every call of a program, in the order of the page."""
    bin_, home = tmp_path_factory.mktemp("bin"), tmp_path_factory.mktemp("home")
    text, blocks = PAGE.read_text(encoding="utf-8"), re.compile(r"^```\n(.+?)^```$", re.DOTALL | re.MULTILINE)
    in_sentences = re.findall(r"`(aws [^`]+ --[^`]+)`", blocks.sub("", text))
    # For what the reader has to fill in an ellipsis is too short: parameters have a least length. The longest
    # is a digest.
    script = "\n".join(blocks.findall(text) + in_sentences).replace("…", f"{0:064}")
    stand_ins = ("aws", "docker", "git", "make", "python", "sleep")
    for path in (".venvs/infra/bin/python", ".venvs/local/bin/python"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).symlink_to(bin_ / Path(path).name)
    with running(bin_, dict.fromkeys(stand_ins, answer)) as calls:
        subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=home,
            env={"PATH": f"{bin_}:/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=True,
        )
    return calls


def answer(call: Call) -> Answer:
    return Answer(output=next((_ANSWERS[word] for word in call.argv if word in _ANSWERS), "answered"))


def options(calls: list[Call], name: str) -> set[str]:
    """Return the values of an option, of all commands."""
    return {value for call in calls for option, value in pairwise(call.argv) if option == f"--{name}"}


def test_aws_cli_understands_every_command(calls: list[Call], unused_tcp_port: int, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("a secret")
    given = sorted({call.argv for call in calls if call.argv[0] == "aws"})
    result = subprocess.run(
        [CLI, "-c", _REAL_CLI],
        cwd=tmp_path,
        input=json.dumps([command[1:] for command in given]),
        env={
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{unused_tcp_port}",
            "AWS_ACCESS_KEY_ID": "absent",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        },
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=True,
    )
    said = dict(zip(map(shlex.join, given), json.loads(result.stdout), strict=True))
    assert {
        call: words for call, words in said.items() if "Could not connect to the endpoint" not in words
    } == {}
    assert said


def test_deploy_page_calls_build_keep_and_release_of_infra_images_in_this_order(calls: list[Call]) -> None:
    given = [call.argv[3:] for call in calls if call.argv[1:3] == ("-m", "infra.images")]
    assert [images.parser().parse_args(command).command for command in given] == ["build", "keep", "release"]


def test_names_on_the_page_are_those_of_a_stage(calls: list[Call]) -> None:
    tables = {
        name.removeprefix("podium-dev-").removeprefix("restored-") for name in options(calls, "table-name")
    }
    assert tables == {table.name for table in TABLES}
    functions = {name.removeprefix("podium-dev-") for name in options(calls, "function-name")}
    assert functions
    assert functions <= GRANTS.keys()


def test_every_make_target_on_the_page_exists(calls: list[Call]) -> None:
    targets = {call.argv[1] for call in calls if call.argv[0] == "make"}
    known = re.findall(r"^([\w-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"bootstrap", "deploy", "destroy"} <= targets
    assert targets - {".venvs/local/.synced"} <= set(known)
