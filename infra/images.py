"""The portraits' images: build one, release it to the function, keep it from expiring.

    python -m infra.images build REPOSITORY TAG --platform linux/arm64      # prints the image's digest
    python -m infra.images release FUNCTION IMAGE
    python -m infra.images keep IMAGE

REPOSITORY is `REGISTRY/NAME`, the output `RepositoryUri` of the stack `registry`. IMAGE is
`REPOSITORY@sha256:…`. buildspec.yml runs `build` and `release`; operators run all three (docs/deploy.md).

Each command may be repeated after it stopped at any point:

build    pushes nothing where the repository has the tag: a tag is a commit, and cannot be moved
release  updates the function to the image that it has already, which changes nothing, and tries it again
keep     accepts a mark that is there

Exit status: 0 for done, 1 for a failure, 2 for wrong arguments. What the commands tell people goes to
standard error.

The module imports nothing of the CDK: the pipeline runs it with the packages of the Lambda functions.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from game.functions import PORTRAITS
from infra.settings import BASE_IMAGE

RELEASED = "released-"
"""The prefix of the tag that `keep` gives an image; the repository expires those images last."""

SMOKE_EVENT = {"userId": "smoke", "key": "uploads/smoke/00000000-0000-0000-0000-000000000000"}
"""An upload that does not exist. To say so the handler has to start, load its models and ask the bucket.

Players hear of asynchronous invocations only, and this one is synchronous.
"""

# In seconds: the function's own timeout, and a cold start. The SDK gives up after 60 by default.
_SMOKE_TIMEOUT = PORTRAITS.seconds + 60

_CHECKOUT = Path(__file__).parents[1]
_REPOSITORY = r"[^/@:\s]+/[^@:\s]+"
_DIGEST = r"sha256:[0-9a-f]{64}"
_REFUSALS = (BotoCoreError, ClientError)


class ImageError(Exception):
    """A command failed; the message says what the function or the repository has now."""


def build(ecr: Any, repository: str, tag: str, *, platform: str, base: str) -> str:
    """Return the digest of the repository's image with this tag; build and push one where there is none.

    Docker must be logged in to the registry. Raises ImageError, and the SDK's errors.
    """
    if found := _find(ecr, repository, tag):
        _say(f"{repository} has an image {tag} already")
        return found
    name = f"{repository}:{tag}"
    arguments = ("--platform", platform, "--build-arg", f"BASE={_pin(base)}", "-f", "cv/Dockerfile")
    # With its provenance an image becomes an index, which Lambda does not take.
    _docker("build", *arguments, "--provenance=false", "-t", name, ".")
    _docker("push", name)
    if found := _find(ecr, repository, tag):
        return found
    raise ImageError(f"Docker pushed {name}, and ECR does not know it: push again")


def release(ecr: Any, functions: Any, name: str, new: str, *, or_keep: bool = False) -> None:
    """Give a function an image and try it. If the image does not work, give back the previous one.

    `functions` is Lambda's client. With `or_keep`, the image is only kept where there is no such function:
    the deployment makes it.

    Raises ImageError unless the function has the image in the end and the image works; and the SDK's errors,
    before anything was changed or when the image works and cannot be kept. Then repeat the release.
    """
    previous = _running(functions, name)
    if previous is None:
        if not or_keep:
            raise ImageError(f"there is no function {name}: nothing was released")
        _say(f"There is no function {name} yet: the deployment makes it.")
        keep(ecr, new)
        return
    try:
        functions.update_function_code(FunctionName=name, ImageUri=new)
    except _REFUSALS as error:
        # AWS may have taken an attempt of which the answer was lost.
        now = _settled(functions, name) or "an unknown image"
        if now != new:
            raise ImageError(f"AWS refused the update: {error}. {name} has {now}") from error
    if _works(functions, name):
        _say(f"{name} has {new}")
        keep(ecr, new)
        return
    raise ImageError(_roll_back(functions, name, new, previous))


def keep(ecr: Any, image: str) -> None:
    """Mark an image as released, so that images which were pushed and do not work never expire it.

    Raises ImageError where the repository does not have the image, and the SDK's errors.
    """
    repository, _, digest = image.partition("@")
    answer = ecr.batch_get_image(repositoryName=_name(repository), imageIds=[{"imageDigest": digest}])
    if not answer["images"]:
        raise ImageError(f"the repository does not have {image}: {answer.get('failures')}")
    (found,) = answer["images"]
    try:
        # https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-retag.html
        # With its digest: ECR refuses a manifest that differs from the image's by one byte.
        ecr.put_image(
            repositoryName=_name(repository),
            imageTag=f"{RELEASED}{digest.removeprefix('sha256:')}",
            imageDigest=digest,
            imageManifest=found["imageManifest"],
            imageManifestMediaType=found["imageManifestMediaType"],
        )
    except (ecr.exceptions.ImageAlreadyExistsException, ecr.exceptions.ImageTagAlreadyExistsException):
        _say(f"{image} is marked already")


def _name(repository: str) -> str:
    """Return what ECR calls a repository: its address without the registry."""
    return repository.partition("/")[2]


def _find(ecr: Any, repository: str, tag: str) -> str | None:
    """Return the digest of the image with a tag, None where the repository has none."""
    try:
        answer = ecr.describe_images(repositoryName=_name(repository), imageIds=[{"imageTag": tag}])
    except ecr.exceptions.ImageNotFoundException:
        return None
    return str(answer["imageDetails"][0]["imageDigest"])


def _pin(base: str) -> str:
    """Return a base image by its digest, as its tag is today.

    So both stages of cv/Dockerfile have the same base, and the image's label says which: the build can be
    repeated.
    """
    if re.search(f"@{_DIGEST}$", base):
        return base
    answer = _docker("buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", base, asked=True)
    if not re.fullmatch(_DIGEST, answer):
        raise ImageError(f"{base} has no digest: docker answers {answer!r}")
    _say(f"the base image is {base}@{answer}")
    return f"{base}@{answer}"


def _docker(*arguments: str, asked: bool = False) -> str:
    """Run Docker, and return what it prints where it is `asked`; elsewhere that goes to standard error."""
    try:
        done = subprocess.run(  # noqa: S603 -- arguments, not a shell's line
            ["docker", *arguments],  # noqa: S607 -- the one on the PATH
            cwd=_CHECKOUT,
            stdout=subprocess.PIPE if asked else 2,
            text=True,
            check=False,
        )
    except OSError as error:
        raise ImageError(f"docker does not start: {error}") from error
    if done.returncode:
        raise ImageError(f"docker {arguments[0]} failed with status {done.returncode}")
    return (done.stdout or "").strip()


def _running(functions: Any, name: str) -> str | None:
    """Return the address of a function's image by its digest, None where there is no such function."""
    try:
        answer = functions.get_function(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException:
        return None
    return str(answer["Code"]["ResolvedImageUri"])


def _settle(functions: Any, name: str) -> None:
    """Wait until a function runs what it was last given. Until then it runs what it ran before."""
    functions.get_waiter("function_updated_v2").wait(FunctionName=name)


def _settled(functions: Any, name: str) -> str | None:
    """Return the address of a function's image after an update that may have failed, None where unknown."""
    try:
        # An update that failed leaves the function as it was.
        with suppress(WaiterError):
            _settle(functions, name)
        return _running(functions, name)
    except _REFUSALS as error:
        _say(str(error))
        return None


def _works(functions: Any, name: str) -> bool:
    """Return whether a function takes its update, and then answers as it should."""
    try:
        _settle(functions, name)
    except _REFUSALS as error:
        _say(str(error))
        return False
    return _answers(functions, name)


def _answers(functions: Any, name: str) -> bool:
    """Return whether a function says of the smoke event's upload that it is gone."""
    event = json.dumps(SMOKE_EVENT).encode()
    try:
        answer = functions.invoke(FunctionName=name, InvocationType="RequestResponse", Payload=event)
        text = answer["Payload"].read().decode(errors="replace")
        _say(f"{name} answers {text}")
        return "FunctionError" not in answer and json.loads(text)["error"] == "gone"
    except _REFUSALS as error:
        _say(str(error))
    except (ValueError, LookupError, TypeError):
        # No JSON, or not what the handler answers.
        pass
    return False


def _roll_back(functions: Any, name: str, new: str, previous: str) -> str:
    """Give a function its previous image again, and return the outcome, a sentence."""
    if previous == new:
        # An earlier attempt to release it stopped before it could roll back.
        return f"{new} does not work, and {name} had it before: release an image that works"
    _say(f"{new} does not work: back to {previous}")
    try:
        functions.update_function_code(FunctionName=name, ImageUri=previous)
        _settle(functions, name)
    except _REFUSALS as error:
        return f"ROLLBACK FAILED: {name} may have been left with {new}: {error}"
    if not _answers(functions, name):
        return f"{name} has {previous} again, which does not work either"
    return f"{name} has {previous} again"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _like(pattern: str, example: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"invalid value {text!r}: give {example}")
        return text

    return check


def parser() -> argparse.ArgumentParser:
    """Return the parser of the commands' arguments."""
    made = argparse.ArgumentParser(prog="python -m infra.images", description=__doc__.partition("\n")[0])
    commands = made.add_subparsers(dest="command", required=True)
    image = _like(f"{_REPOSITORY}@{_DIGEST}", "REGISTRY/NAME@sha256:…, with 64 digits")
    building = commands.add_parser("build", help="build and push an image; print its digest")
    building.add_argument("repository", type=_like(_REPOSITORY, "REGISTRY/NAME"))
    building.add_argument("tag", help="the commit")
    building.add_argument("--platform", required=True, help="the function's, as linux/arm64")
    building.add_argument("--base", default=BASE_IMAGE, help="a tag, or a digest; by default %(default)s")
    releasing = commands.add_parser("release", help="give a function an image, and see whether it works")
    releasing.add_argument("function")
    releasing.add_argument("image", type=image)
    releasing.add_argument("--or-keep", action="store_true", help="without such a function, keep the image")
    keeping = commands.add_parser("keep", help="mark an image as released, so that it does not expire")
    keeping.add_argument("image", type=image)
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command."""
    options = parser().parse_args(arguments)
    try:
        ecr = boto3.client("ecr")
        if options.command == "build":
            digest = build(ecr, options.repository, options.tag, platform=options.platform, base=options.base)
            sys.stdout.write(f"{digest}\n")
        elif options.command == "release":
            functions = boto3.client("lambda", config=Config(read_timeout=_SMOKE_TIMEOUT))
            release(ecr, functions, options.function, options.image, or_keep=options.or_keep)
        else:
            keep(ecr, options.image)
    except (ImageError, *_REFUSALS) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
