"""A function as on Lambda: in a process that sees the unpacked zip and the standard library alone."""

import asyncio
import json
import sys
import sysconfig
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import Any

from tests.support.waiting import patience

LOOP = Path(__file__).with_name("lambda_loop.py")
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()

# The interpreter itself, not a virtual environment's link to it. Isolated from the environment's variables
# and the user's packages (-I) and from its own packages (-S); writes no bytecode, and its output at once.
ISOLATED_PYTHON = (str(Path(sys.executable).resolve()), "-I", "-S", "-B", "-u", "-c")

# Of one line: Lambda's own limit of an answer. The list of modules is far shorter.
_LINE_BYTES = 6 * 1024 * 1024

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_SESSION_TOKEN": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}
DEPLOYMENT = {
    "region": "us-east-1",
    "restUrl": "https://api.example.com/dev",
    "webSocketUrl": "wss://live.example.com/dev",
    "userPoolId": "us-east-1_Podium123",
    "userPoolClientId": "4h57k5example",
    "avatarBucket": "game-avatars",
}
SETTINGS = {
    "POWERTOOLS_METRICS_NAMESPACE": "Podium/dev",
    "POWERTOOLS_SERVICE_NAME": "podium",
    "PODIUM_TABLE_PREFIX": "podium-dev-",
    "PODIUM_CONNECTIONS_URL": "https://live.example.com/dev",
    "PODIUM_PORTRAIT_FUNCTION": "podium-dev-portraits",
    "PODIUM_PUSHER_FUNCTION": "podium-dev-pusher",
    "PODIUM_TOKEN_ISSUER": "https://issuer.example.com",
    "PODIUM_TOKEN_CLIENT_ID": "game",
    "PODIUM_KEY_SET_URL": "https://issuer.example.com/.well-known/jwks.json",
    "PODIUM_USER_POOL_ID": "us-east-1_Podium123",
    "PODIUM_DEPLOYMENT": json.dumps(DEPLOYMENT),
}
"""What the stacks set, for all functions together."""


class FunctionError(Exception):
    """What a handler raised; the message is `Type: message`."""


@dataclass(frozen=True)
class Imports:
    """Where a process looked for modules, and the files and folders of each that it found, by its name."""

    path: list[str]
    modules: dict[str, list[str]]

    def strangers(self, folder: Path) -> set[str]:
        """Return all that is neither in the folder nor the standard library's."""
        found = {entry for entry in self.path if Path(entry).exists()}
        found.update(file for files in self.modules.values() for file in files)
        return {file for file in found if not _belongs(Path(file).resolve(), folder.resolve())}


def _belongs(file: Path, folder: Path) -> bool:
    # An interpreter's own packages are in a folder of the standard library.
    return file.is_relative_to(folder) or (
        file.is_relative_to(STANDARD_LIBRARY) and "site-packages" not in file.parts
    )


class PackageProcess:
    """A running function: see `running`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def output(self) -> str:
        """What it has printed and logged so far."""
        return self._log.read_text(encoding="utf-8")

    async def invoke(self, event: Mapping[str, Any]) -> Any:
        """Its answer to an event. Raises FunctionError with what the handler raised."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(event).encode() + b"\n")
        result = await self._line()
        if "error" in result:
            raise FunctionError(": ".join(result["error"]))
        return result["answer"]

    async def finish(self) -> Imports:
        """End it; where all that it imported came from."""
        assert self._process.stdin
        self._process.stdin.close()
        imports = Imports(**await self._line())
        assert await self._process.wait() == 0, self.output
        return imports

    async def _line(self) -> dict[str, Any]:
        assert self._process.stdout
        async with patience():
            line = await self._process.stdout.readline()
        assert line, self.output
        result: dict[str, Any] = json.loads(line)
        return result


@asynccontextmanager
async def running(
    handler: str, folder: Path, home: Path, environment: Mapping[str, str]
) -> AsyncIterator[PackageProcess]:
    """Run a handler, `module.function`, of the package in a folder; it is killed where it does not `finish`.

    `home` is an empty folder, in which it runs and leaves its log. `environment` is all of its environment
    beside what Lambda sets.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    log = home / "log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *ISOLATED_PYTHON,
            LOOP.read_text(encoding="utf-8"),
            str(folder),
            handler,
            stdin=PIPE,
            stdout=PIPE,
            stderr=output,
            limit=_LINE_BYTES,
            cwd=home,
            env={**_lambda_variables(handler, folder, home), **environment},
        )
    try:
        yield PackageProcess(process, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _lambda_variables(handler: str, folder: Path, home: Path) -> dict[str, str]:
    return {
        "_HANDLER": handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": "podium-dev-function",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/podium-dev-function",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2025/11/22/[$LATEST]0123456789abcdef0123456789abcdef",
        # Not Lambda's: it keeps the SDK from looking for files in the home of the tests' user.
        "HOME": str(home),
        "LAMBDA_TASK_ROOT": str(folder),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "TZ": ":UTC",
    }
