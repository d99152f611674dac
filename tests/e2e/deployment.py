"""The stacks of a stage, deployed by the CDK's command line onto an emulator that is as strict as it can be.

    a copy of the checkout, with a catalogue and a stage of its own, as a studio has it
    -> `make bootstrap`, `make deploy` -> emulator: CloudFormation, IAM, Lambda, both APIs, streams, …
    -> `client-config.json`, from whose address on nothing else is known to the tests

The emulator speaks TLS, for buckets and queues refuse requests without, and gives each function the
rights of its role and no others. It knows no firewall's association and no pipeline: the stage leaves these
out, by settings that every stage has. Nor can it run an image without Docker.
"""

import asyncio
import json
import os
import shutil
import signal
import ssl
import subprocess
import traceback
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jmespath

from bench import certificate
from game.catalogue import Catalogue, load_catalogue
from game.functions import PORTRAITS
from infra.settings import StageSettings, load_settings
from local.emulator import Emulator, Tls
from local.settings import REGION
from realtime.authorizer import UnauthorizedError
from store.database import Database
from tests.e2e.backend import CHECKOUT, client_of, environment, whole_lines
from tests.support.clients import get
from tests.support.waiting import COMMAND_SECONDS

ACCOUNT = "000000000000"
STAGE = "trial"

# The last line of what Lambda logs when the authorizer refuses a token, which it does by failing.
_REFUSAL = "".join(traceback.format_exception_only(UnauthorizedError())).strip()

# What there may be of a stage in an account, as service, operation, and where in the answer the names are.
_KINDS = (
    ("apigateway", "get_rest_apis", "items[].name"),
    ("apigatewayv2", "get_apis", "Items[].Name"),
    ("cloudformation", "describe_stacks", "Stacks[].StackName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    ("cognito-idp", "list_user_pools", "UserPools[].Name"),
    ("dynamodb", "list_tables", "TableNames"),
    ("ecr", "describe_repositories", "repositories[].repositoryName"),
    ("events", "list_rules", "Rules[].Name"),
    ("iam", "list_roles", "Roles[].RoleName"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings[].FunctionArn"),
    ("lambda", "list_functions", "Functions[].FunctionName"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("secretsmanager", "list_secrets", "SecretList[].Name"),
    ("s3", "list_buckets", "Buckets[].Name"),
    ("sns", "list_topics", "Topics[].TopicArn"),
    ("sqs", "list_queues", "QueueUrls"),
)

_HEAVY = (".git", ".venvs", "node_modules", ".podium", "cdk.out", "__pycache__", ".*_cache", ".hypothesis")
_LINKED = (".venvs", "node_modules")

# Where Linux calls it otherwise than Lambda.
_ARCHITECTURES = {"aarch64": "arm64"}

_SETTINGS = """
architecture = "{architecture}"
log_days = 1

# With a third subscriber of a board, pushers take over: a push to two claims its part of the stage's rate.
[live]
direct_limit = 2
pushers = 2

[addresses]
rest = "https://127.0.0.1:{port}/_aws/execute-api/{{api}}/{{stage}}"
web_socket = "wss://127.0.0.1:{port}/_aws/execute-api/{{api}}/{{stage}}"
connections = "https://127.0.0.1:{port}/_aws/execute-api/{{api}}/{{stage}}"
cognito = "https://127.0.0.1:{port}"
key_set = "https://127.0.0.1:{port}/{{pool}}/.well-known/jwks.json"
"""


class Deployment:
    """One stage on one emulator. `start` deploys it, `destroy` takes it down, `stop` ends the emulator.

    folder: where everything is kept, new.
    catalogue: the content of the game's catalogue.
    variables: further variables of the emulator, which the functions inherit.
    """

    def __init__(
        self,
        folder: Path,
        unused_port: Callable[[], int],
        catalogue: str,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.data = folder / "emulator"
        # An emulator that is killed leaves there what its functions are made of: 98 MB for each process.
        self._unpacked = folder / "unpacked"
        self._unpacked.mkdir()
        self.checkout = folder / "checkout"
        self._certificate, key = certificate.make(folder)
        self.trusts: ssl.SSLContext | None = ssl.create_default_context(cafile=self._certificate)
        # The emulator's gateway does not pass on the headers that `$connect` answers with, and takes an
        # authorizer's `Unauthorized`, which is a 401 on AWS, for a failure.
        self.subprotocol: str | None = None
        self.refusal = 500
        # Each request at the same time as others has a process of its own, as each has its container on AWS.
        self.parallel_requests = 4
        self._catalogue = catalogue
        port = unused_port()
        endpoint = {
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{port}",
            "AWS_CA_BUNDLE": str(self._certificate),
        }
        self._emulator = Emulator(
            port=port,
            data_dir=self.data,
            services=(),
            save_seconds=None,
            # It has nothing to save, and waits half a minute for each connection that was not closed.
            stop_timeout=5,
            # It verifies each signature by itself, and gives credentials to the functions.
            guarded=False,
            tls=Tls(self._certificate, key, unused_port()),
            variables=endpoint
            | {
                "SSL_CERT_FILE": str(self._certificate),
                "AUTH": "true",
                "TMPDIR": str(self._unpacked),
            }
            | dict(variables or {}),
        )
        self.credentials = self._emulator.credentials | endpoint | {"AWS_DEFAULT_REGION": REGION}
        self._variables = dict(variables or {})
        self._config_url = ""
        self._read = 0
        self._judged: set[tuple[str, str]] = set()
        self._expected: list[str] = []

    @property
    def settings(self) -> StageSettings:
        """The stage's settings."""
        return load_settings(STAGE, self.checkout / "infra" / "stages")

    @property
    def rest_url(self) -> str:
        """The address of the REST API."""
        return str(self.config()["restUrl"])

    @property
    def connections_url(self) -> str:
        """Where `@connections` is."""
        return str(self.config()["webSocketUrl"]).replace("wss:", "https:")

    @property
    def api(self) -> str:
        """The id of the WebSocket API."""
        return self.connections_url.rsplit("/", 2)[1]

    def start(self) -> None:
        """Copy, bootstrap, deploy."""
        shutil.copytree(CHECKOUT, self.checkout, ignore=shutil.ignore_patterns(*_HEAVY))
        for name in _LINKED:
            (self.checkout / name).symlink_to(CHECKOUT / name)
        (self.checkout / "game" / "catalogue.toml").write_text(self._catalogue)
        settings = _SETTINGS.format(
            architecture=_ARCHITECTURES.get(os.uname().machine, os.uname().machine),
            port=self._emulator.port,
        )
        (self.checkout / "infra" / "stages" / f"{STAGE}.toml").write_text(settings)
        asyncio.run(self._emulator.start())
        self.run("make", "bootstrap", f"stage={STAGE}")
        self.run(
            "make", "deploy", f"stage={STAGE}", f"image=sha256:{0:064}", "args=--outputs-file outputs.json"
        )
        outputs = json.loads((self.checkout / "outputs.json").read_text())
        self._config_url = outputs[f"podium-{STAGE}-rest"]["ClientConfigUrl"]
        addresses = json.loads(outputs[f"podium-{STAGE}-rest"]["ClientConfig"])
        assert addresses.items() <= self.config().items()
        assert "boards" not in addresses

    def destroy(self) -> None:
        """Take every stack down, as docs/deploy.md says."""
        bucket = f"s3://{self.config()['avatarBucket']}"
        self.run(".venvs/awscli/bin/aws", "s3", "rm", "--recursive", bucket)
        self.run("make", "destroy", f"stage={STAGE}", "args=--force")

    async def resources(self) -> dict[str, list[str]]:
        """Return the account's resources of this stage: names by kind, a service and its listing call."""
        found = {}
        for service, operation, path in _KINDS:
            options = {"MaxResults": 60} if service == "cognito-idp" else {}
            async with self.client(service) as client:
                answer = await getattr(client, operation)(**options)
            names = jmespath.search(path, answer) or ()
            found[f"{service} {operation}"] = [name for name in names if STAGE in name]
        return found

    async def run_container(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Run what is in the portraits' image as the deployed function would; its result."""
        name = f"{self.settings.prefix}{PORTRAITS.name}"
        async with self.client("lambda") as functions, self.client("sts") as sts:
            function = await functions.get_function_configuration(FunctionName=name)
            role = await sts.assume_role(RoleArn=function["Role"], RoleSessionName=name)
        credentials = {
            "AWS_ACCESS_KEY_ID": role["Credentials"]["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": role["Credentials"]["SecretAccessKey"],
            "AWS_SESSION_TOKEN": role["Credentials"]["SessionToken"],
            "AWS_LAMBDA_FUNCTION_NAME": name,
        }
        made = self.run(
            *(".venvs/cv/bin/python", "-m", "local.portrait_worker"),
            variables={**function["Environment"]["Variables"], **self._variables, **credentials},
            given=json.dumps(event),
        )
        result: dict[str, Any] = json.loads(made)
        return result

    def expect(self, error: str) -> None:
        """Take no line with this text for an error from now on: a test has caused it, and may do so again."""
        self._expected.append(error)

    def new_errors(self) -> list[str]:
        """Return the errors of functions since the last call: what an invocation logged, a string each.

        A token that the authorizer refuses does not count. Where the emulator could not run a function, it
        says so.
        """
        said = whole_lines(self._emulator.log.read_text()[self._read :])
        self._read += len(said)
        emulators = [line for line in said.splitlines() if " ERROR [lambda" in line]
        return emulators + asyncio.run(self._failed_invocations())

    async def _failed_invocations(self) -> list[str]:
        invocations: dict[tuple[str, str], list[str]] = defaultdict(list)
        async with self.client("logs") as logs:
            groups = await logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{self.settings.prefix}")
            for group in groups["logGroups"]:
                name = group["logGroupName"]
                async for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                    for event in page["events"]:
                        # The emulator gives each invocation a stream of its own, and each line an event.
                        if not (_is_well(event["message"]) or self._is_expected(event["message"])):
                            invocations[name, event["logStreamName"]].append(event["message"])
        new = {
            invocation: f"{invocation[0]}:\n" + "\n".join(lines)
            for invocation, lines in invocations.items()
            if invocation not in self._judged
            and not (invocation[0].endswith("-authorizer") and lines[-1] == _REFUSAL)
        }
        self._judged |= new.keys()
        return list(new.values())

    def _is_expected(self, line: str) -> bool:
        return any(text in line for text in self._expected)

    def stop(self) -> None:
        """End the emulator, and with it the functions."""
        asyncio.run(self._emulator.stop())
        shutil.rmtree(self._unpacked, ignore_errors=True)

    def run(self, *command: str, variables: Mapping[str, str] | None = None, given: str = "") -> str:
        """Run a command in the copy of the checkout; its standard output. Fails with all that it said.

        variables: further ones of its environment; given: its standard input. When it hangs, it is killed
        with all that it has started.
        """
        ended = f"did not end within {COMMAND_SECONDS} seconds"
        with subprocess.Popen(
            command,
            cwd=self.checkout,
            env=environment()
            | self.credentials
            | {
                "AWS_REGION": REGION,
                "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
                "CI": "true",
            }
            | dict(variables or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, errors = process.communicate(given, timeout=COMMAND_SECONDS)
                ended = f"ended with {process.returncode}"
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, errors = process.communicate()
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        assert process.returncode == 0, f"{command} {ended}: {output[-3000:]}\n{errors[-6000:]}"
        return output

    def config(self) -> dict[str, Any]:
        """`client-config.json`, from the address that the deployment gave."""
        answer = get(self._config_url, verify=self.trusts or True)
        config: dict[str, Any] = answer.raise_for_status().json()
        return config

    def catalogue(self) -> Catalogue:
        """Return the catalogue that was deployed."""
        return load_catalogue(self.checkout / "game" / "catalogue.toml")

    def client(self, service: str, endpoint: str | None = None) -> Any:
        """A client of the SDK for the emulator's account, to be entered; by default of the emulator's."""
        url = endpoint or self._emulator.url
        return client_of(self.credentials, service, url, verify=str(self._certificate))

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """Yield the stage's tables."""
        async with self.client("dynamodb") as client:
            yield Database(client, self.settings.prefix)


def _is_well(line: str) -> bool:
    """Return whether a line of a function's log is Lambda's own, or one of ours that tells of no error."""
    if line.startswith(("START RequestId: ", "END RequestId: ", "REPORT RequestId: ")):
        return True
    try:
        return json.loads(line).get("level") not in ("ERROR", "CRITICAL")
    except (ValueError, AttributeError):
        return False
