"""Writes `release-0.1.0.json`: the rows that release 0.1.0 wrote on a laptop while three players played.

git worktree add /tmp/podium-0.1.0 9a9bd3d
cp tests/unit/ops/earlier/make.py /tmp/podium-0.1.0/
cd /tmp/podium-0.1.0
export PODIUM_HTTP_PORT=8700 PODIUM_WS_PORT=8701 PODIUM_EMULATOR_PORT=8702
export PODIUM_DATA_DIR=/tmp/podium-0.1.0/data
make run &
.venvs/dev/bin/python make.py > release-0.1.0.json
"""

import json
import os
import sys
import uuid
from pathlib import Path
from typing import Any

import boto3
import httpx

from local.emulator import read_credentials

REST = f"http://127.0.0.1:{os.environ['PODIUM_HTTP_PORT']}"
EMULATOR = f"http://127.0.0.1:{os.environ['PODIUM_EMULATOR_PORT']}"
TABLES = ("UserProfiles", "UserProgress", "Scores", "Leaderboards", "Idempotency", "Players")
PASSWORD = "Correct-horse-1"


def sign_up(http: httpx.Client, config: dict[str, Any], name: str) -> dict[str, str]:
    """Return the headers of a new player."""

    def cognito(action: str, **body: Any) -> dict[str, Any]:
        answer = http.post(
            config["cognitoEndpoint"],
            headers={
                "X-Amz-Target": f"AWSCognitoIdentityProviderService.{action}",
                "Content-Type": "application/x-amz-json-1.1",
            },
            content=json.dumps({"ClientId": config["userPoolClientId"], **body}),
        )
        answer.raise_for_status()
        tokens: dict[str, Any] = answer.json()
        return tokens

    login = f"{name.lower()}-{uuid.uuid4().hex[:8]}"
    attributes = [{"Name": "name", "Value": name}]
    cognito("SignUp", Username=login, Password=PASSWORD, UserAttributes=attributes)
    cognito("ConfirmSignUp", Username=login, ConfirmationCode="123456")
    parameters = {"USERNAME": login, "PASSWORD": PASSWORD}
    answer = cognito("InitiateAuth", AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters)
    return {"Authorization": f"Bearer {answer['AuthenticationResult']['IdToken']}"}


def play() -> None:
    """Ada plays everything and takes a name; Bob plays a little; Cyd is deleted."""
    with httpx.Client(base_url=REST, trust_env=False, timeout=60) as http:
        config = http.get("/client-config.json").json()
        ada, bob, cyd = (sign_up(http, config, name) for name in ("Ada", "Bob", "Cyd"))

        def do(headers: dict[str, str], method: str, path: str, body: Any = None, key: str = "") -> None:
            more = {"Idempotency-Key": key} if key else {}
            http.request(method, path, json=body, headers=headers | more).raise_for_status()

        for headers, area, points in (
            (ada, "forest", 40),
            (ada, "forest", 60),
            (ada, "desert", 7),
            (ada, "sprint", 61_250),
            (bob, "forest", 55),
            (cyd, "desert", 9),
        ):
            do(headers, "POST", "/score", {"gameArea": area, "score": points})
        do(ada, "PUT", "/profile", {"name": "Lovelace"})
        do(ada, "POST", "/progress", {"level": 1, "xp": 50, "checkpoint": {"at": [1.5, None]}, "version": 0})
        do(ada, "POST", "/task/complete", {"taskId": "first-score"}, "quest")
        do(cyd, "DELETE", "/profile")


def dump() -> dict[str, list[dict[str, Any]]]:
    """Return every row, as DynamoDB has it."""
    # The emulator takes what is signed with the credentials of its run.
    os.environ.update(read_credentials(Path(os.environ["PODIUM_DATA_DIR"])))
    client = boto3.client("dynamodb", endpoint_url=EMULATOR, region_name="us-east-1")
    return {table: client.scan(TableName=table)["Items"] for table in TABLES}


if __name__ == "__main__":
    play()
    json.dump(dump(), sys.stdout, indent=1, sort_keys=True)
