"""`make synth`, as a user without an AWS account runs it."""

import json
import os
import subprocess

from infra.packaging.bundle import CHECKOUT
from tests.support.waiting import COMMAND_SECONDS

STACKS = {"avatars", "data", "identity", "realtime", "registry", "rest", "watching"}
STAGES = {"dev": STACKS, "prod": STACKS | {"edge", "pipeline"}}


def test_synth_writes_every_stack_of_both_stages_without_an_account() -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env = variables | {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    subprocess.run(["make", "synth"], cwd=CHECKOUT, env=env, timeout=COMMAND_SECONDS, check=True)
    for stage, stacks in STAGES.items():
        written = {path.name: path for path in (CHECKOUT / "cdk.out" / stage).glob("*.template.json")}
        assert written.keys() == {f"podium-{stage}-{stack}.template.json" for stack in stacks}
        for path in written.values():
            assert json.loads(path.read_text(encoding="utf-8"))["Resources"]
