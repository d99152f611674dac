"""An AWS account with one repository of images and one function, as `aws` and `docker` show it to a release.

It keeps what they would: the images that were built here and those that the repository has, whether Docker is
logged in, which image the function runs. An update is pending until somebody waits for it; until then the
function answers as before.
"""

import base64
import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.unit.pipeline.aws_cli import Command, UsageError, answer, parse
from tests.unit.pipeline.programs import Answer, Call

ACCOUNT = "111122223333"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
REPOSITORY = "podium-prod-portraits"
FUNCTION = "podium-prod-portraits"
BASE = "public.ecr.aws/lambda/python:3.12"
BASE_DIGEST = f"sha256:{hashlib.sha256(BASE.encode()).hexdigest()}"
"""Of what the base's tag is today."""
PLATFORM = "linux/arm64"
"""The function's, in Docker's words."""

_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"

Event = dict[str, Any]
Handler = Callable[[Event], tuple[Event, str | None]]
"""From an event to the answer, and Lambda's word for an error where it is one."""

HANDLERS: Mapping[str, Handler] = {
    "good": lambda event: (
        {**event, "error": "gone", "message": f"There is no upload {event['key']}."},
        None,
    ),
    "raises": lambda _: ({"errorType": "ImportError", "errorMessage": "libEGL.so.1"}, "Unhandled"),
    "raises with the right word": lambda event: ({**event, "error": "gone"}, "Unhandled"),
    "answers something else": lambda event: ({**event, "error": "too_small"}, None),
}
"""What the handlers of images do, by a name."""


class RefusedError(Exception):
    """A service of AWS refuses: `code` is its word for why, `str()` its sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class DockerError(Exception):
    """Docker does not do it; `str()` is what it says."""


@dataclass(frozen=True)
class Image:
    """An image: its digest, what its handler does (a key of HANDLERS), and whether Lambda takes it."""

    digest: str
    handler: str = "good"
    supported: bool = True

    @property
    def uri(self) -> str:
        """Where the repository has it."""
        return f"{REGISTRY}/{REPOSITORY}@{self.digest}"

    @property
    def released(self) -> str:
        """The tag that says so."""
        return f"released-{self.digest.removeprefix('sha256:')}"

    @property
    def manifest(self) -> str:
        """What the repository has of it, which the digest is made of."""
        return json.dumps({"schemaVersion": 2, "config": {"digest": self.digest}}, indent=3)


def image(content: str, handler: str = "good", *, supported: bool = True) -> Image:
    """An image with the digest of its content."""
    return Image(f"sha256:{hashlib.sha256(content.encode()).hexdigest()}", handler, supported)


def step(call: Call) -> str:
    """A call without its particulars: `aws lambda invoke`, `docker push`."""
    return " ".join(call.argv[: 3 if call.argv[0] == "aws" else 2])


@dataclass
class Cloud:
    """The account."""

    running: Image | None = None
    """What the function runs; None where there is no function."""
    tags: dict[str, Image] = field(default_factory=dict)
    """What the repository has. A tag cannot be moved."""
    builds: str = "good"
    """What the handlers of images do that are built here: a key of HANDLERS."""
    failing: Mapping[str, int] = field(default_factory=dict)
    """Which calls fail: of each `step` the first one, the second, …"""
    events: list[Event] = field(default_factory=list)
    """What the function was invoked with."""
    bases: list[str] = field(default_factory=list)
    """What the images were built on that were built here."""
    password: str = field(default_factory=lambda: secrets.token_urlsafe(64))
    """The registry's."""
    _built: dict[str, Image] = field(default_factory=dict)
    _pending: Image | None = None
    _counts: Counter[str] = field(default_factory=Counter)

    def aws(self, call: Call) -> Answer:
        """The AWS CLI, with version 2's exit statuses: 252 usage, 254 a service refuses, 255 anything else.

        https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-returncodes.html
        """
        commands = {
            "get-login-password": self._get_login_password,
            "batch-get-image": self._batch_get_image,
            "describe-images": self._describe_images,
            "put-image": self._put_image,
            "get-function": self._get_function,
            "update-function-code": self._update_function_code,
            "wait": self._wait,
            "invoke": self._invoke,
        }
        try:
            command = parse(call)
            if not self._fails(call):
                return commands[command.name](command, call)
            if command.name == "wait":
                self._pending = None
                return Answer(255, errors="\nWaiter FunctionUpdatedV2 failed: terminal failure state\n")
            raise RefusedError("AccessDeniedException", "The test wants it so")
        except UsageError as error:
            return Answer(252, errors=f"\naws: error: {error}\n")
        except RefusedError as error:
            operation = command.operation.name
            sentence = f"An error occurred ({error.code}) when calling the {operation} operation: {error}"
            return Answer(254, errors=f"\n{sentence}\n")

    def docker(self, call: Call) -> Answer:
        """The Docker CLI."""
        commands = {
            "login": self._login,
            "logout": self._logout,
            "build": self._build,
            "buildx": self._inspect,
            "push": self._push,
        }
        try:
            if self._fails(call):
                raise DockerError("Error response from daemon: the test wants it so")
            return Answer(output=f"{commands[call.argv[1]](call)}\n")
        except UsageError as error:
            return Answer(125, errors=f"{error}\n\nUsage:  docker {call.argv[1]} [OPTIONS]\n")
        except DockerError as error:
            return Answer(1, errors=f"{error}\n")

    def secrets(self) -> tuple[str, ...]:
        """The password, and the same as Docker notes it."""
        return self.password, base64.b64encode(f"AWS:{self.password}".encode()).decode()

    def _fails(self, call: Call) -> bool:
        self._counts[step(call)] += 1
        return self._counts[step(call)] == self.failing.get(step(call))

    def _get_login_password(self, _: Command, __: Call) -> Answer:
        return Answer(output=f"{self.password}\n")

    def _describe_images(self, command: Command, _: Call) -> Answer:
        (wanted,) = command.parameters["imageIds"]
        if command.parameters["repositoryName"] != REPOSITORY:
            raise RefusedError("RepositoryNotFoundException", "The repository does not exist")
        if wanted["imageTag"] not in self.tags:
            raise RefusedError("ImageNotFoundException", f"The image with imageId {wanted} does not exist")
        detail = {"imageDigest": self.tags[wanted["imageTag"]].digest, "imageTags": [wanted["imageTag"]]}
        return answer(command, {"imageDetails": [detail]})

    def _batch_get_image(self, command: Command, _: Call) -> Answer:
        (wanted,) = command.parameters["imageIds"]
        found = next((has for has in self.tags.values() if has.digest == wanted["imageDigest"]), None)
        if command.parameters["repositoryName"] != REPOSITORY:
            raise RefusedError("RepositoryNotFoundException", "The repository does not exist")
        # One that is not there is no error here: it is among the `failures`.
        images = [{"imageManifest": found.manifest, "imageManifestMediaType": _MEDIA_TYPE}] if found else []
        return answer(command, {"images": images})

    def _put_image(self, command: Command, _: Call) -> Answer:
        given = command.parameters
        found = next((has for has in self.tags.values() if has.manifest == given["imageManifest"]), None)
        if found is None or (given["imageDigest"], given["imageManifestMediaType"]) != (
            found.digest,
            _MEDIA_TYPE,
        ):
            raise RefusedError("ImageDigestDoesNotMatchException", "The digest is not the manifest's")
        if given["imageTag"] in self.tags:
            raise RefusedError("ImageAlreadyExistsException", f"{given['imageTag']} is there, and immutable")
        self.tags[given["imageTag"]] = found
        return answer(command, {"image": {"imageId": {"imageTag": given["imageTag"]}}})

    def _get_function(self, command: Command, _: Call) -> Answer:
        running = self._function(command)
        # As it was given: by a tag, where the function was made by hand.
        code = {"ImageUri": f"{REGISTRY}/{REPOSITORY}:latest", "ResolvedImageUri": running.uri}
        return answer(command, {"Configuration": {"FunctionName": FUNCTION}, "Code": code})

    def _update_function_code(self, command: Command, _: Call) -> Answer:
        self._function(command)
        uri = command.parameters["ImageUri"]
        wanted = next((has for has in self.tags.values() if has.uri == uri), None)
        if wanted is None:
            raise RefusedError("InvalidParameterValueException", f"Source image {uri} does not exist.")
        if not wanted.supported:
            raise RefusedError("InvalidParameterValueException", f"The media type of {uri} is not supported.")
        if self._pending:
            raise RefusedError("ResourceConflictException", "An update is in progress")
        self._pending = wanted
        return answer(command, {"FunctionName": FUNCTION, "LastUpdateStatus": "InProgress"})

    def _wait(self, command: Command, _: Call) -> Answer:
        self.running = self._pending or self._function(command)
        self._pending = None
        return Answer()

    def _invoke(self, command: Command, call: Call) -> Answer:
        handler = HANDLERS[self._function(command).handler]
        (output,) = command.arguments
        event = json.loads(command.parameters["Payload"])
        self.events.append(event)
        if command.parameters.get("InvocationType") == "Event":
            (call.folder / output).write_text("")
            return answer(command, {"StatusCode": 202})
        payload, error = handler(event)
        (call.folder / output).write_text(json.dumps(payload))
        response = {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
        return answer(command, response | ({"FunctionError": error} if error else {}))

    def _function(self, command: Command) -> Image:
        name = command.parameters["FunctionName"]
        if name != FUNCTION or not self.running:
            raise RefusedError("ResourceNotFoundException", f"Function not found: {name}")
        return self.running

    def _login(self, call: Call) -> str:
        options, (registry,) = _docker_arguments(call, "--username", "--password-stdin")
        if "--password-stdin" not in options or not call.stdin:
            raise DockerError("Cannot perform an interactive login from a non TTY device")
        password, noted = self.secrets()
        if (options["--username"], call.stdin.strip(), registry) != ("AWS", password, REGISTRY):
            raise DockerError(f"login attempt to https://{registry}/v2/ failed with status: 400 Bad Request")
        _docker_file(call).parent.mkdir(exist_ok=True)
        _docker_file(call).write_text(json.dumps({"auths": {REGISTRY: {"auth": noted}}}))
        return f"WARNING! Your credentials are stored unencrypted in {_docker_file(call)}\nLogin Succeeded"

    def _logout(self, call: Call) -> str:
        _, (registry,) = _docker_arguments(call)
        if registry == REGISTRY:
            _docker_file(call).unlink(missing_ok=True)
        return f"Removing login credentials for {registry}"

    def _inspect(self, call: Call) -> str:
        options, words = _docker_arguments(call, "--format")
        if words != ["imagetools", "inspect", BASE] or options != {"--format": "{{.Manifest.Digest}}"}:
            raise DockerError(f"ERROR: {words}: not found")
        return BASE_DIGEST

    def _build(self, call: Call) -> str:
        options, (context,) = _docker_arguments(call, "--platform", "--provenance", "--build-arg", "-f", "-t")
        self.bases.append(options["--build-arg"].removeprefix("BASE="))
        if not (call.folder / context / options["-f"]).is_file():
            raise DockerError(f"ERROR: failed to read dockerfile: open {options['-f']}")
        # On another processor nothing starts; with its provenance an image is an index.
        handler = self.builds if options["--platform"] == PLATFORM else "raises"
        supported = options.get("--provenance") == "false"
        self._built[options["-t"]] = image(options["-t"], handler, supported=supported)
        return f"#9 naming to {options['-t']} done"

    def _push(self, call: Call) -> str:
        _, (name,) = _docker_arguments(call)
        uri, _, tag = name.rpartition(":")
        if name not in self._built:
            raise DockerError(f"An image does not exist locally with the tag: {uri}")
        if uri != f"{REGISTRY}/{REPOSITORY}" or not _docker_file(call).exists():
            raise DockerError("no basic auth credentials")
        if tag in self.tags:
            raise DockerError(f"tag invalid: The image tag '{tag}' already exists and is immutable")
        self.tags[tag] = self._built[name]
        return f"{tag}: digest: {self.tags[tag].digest} size: 2418"


def _docker_file(call: Call) -> Path:
    """Where Docker notes that it is logged in."""
    return Path(call.environment["HOME"]) / ".docker" / "config.json"


def _docker_arguments(call: Call, *known: str) -> tuple[dict[str, str], list[str]]:
    """Options with their values, and the other arguments. Raises UsageError."""
    options, arguments, rest = {}, [], iter(call.argv[2:])
    for word in rest:
        name, assigned, value = word.partition("=")
        if not word.startswith("-"):
            arguments.append(word)
        elif name not in known:
            raise UsageError(f"unknown flag: {name}")
        elif assigned or name == "--password-stdin":
            options[name] = value
        else:
            options[name] = next(rest)
    return options, arguments
