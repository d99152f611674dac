"""Clients of ECR and Lambda whose answers a test writes down, in the order in which they are due."""

import json
from collections import Counter
from io import BytesIO
from typing import Any

import boto3
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

REGISTRY = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
REPOSITORY = f"{REGISTRY}/podium-prod-portraits"
FUNCTION = "podium-prod-portraits"
COMMIT = "4f1d0f7c6a2f4a0e9d6f1b1f0c5e7a9b3d2c1e0f"
OLD_DIGEST, NEW_DIGEST = f"sha256:{1:064x}", f"sha256:{2:064x}"
OLD, NEW = f"{REPOSITORY}@{OLD_DIGEST}", f"{REPOSITORY}@{NEW_DIGEST}"

_NAME = "podium-prod-portraits"
_MANIFEST = {"imageManifest": '{"schemaVersion": 2}', "imageManifestMediaType": "application/vnd.oci.image"}
_BY_DIGEST = {"repositoryName": _NAME, "imageIds": [{"imageDigest": NEW_DIGEST}]}

GONE = {"error": "gone"}
"""What a handler answers that works."""


class Account:
    """An account of AWS. The SDK checks each call and each answer against its description of the services."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        """The calls that were made, by IAM's names of their actions."""
        self.configs: dict[str, Any] = {}
        self._due = 0
        self._clients: dict[str, Any] = {}
        self._stubbers: dict[str, Stubber] = {}
        for service in ("ecr", "lambda"):
            client = boto3.client(
                service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
            )
            client.meta.events.register_first(f"before-parameter-build.{service}", self._count)
            self._clients[service] = client
            self._stubbers[service] = Stubber(client)
            self._stubbers[service].activate()

    def client(self, service: str, config: Any = None) -> Any:
        """Stand in for `boto3.client`."""
        self.configs[service] = config
        return self._clients[service]

    def check(self) -> None:
        """Fail where a call was not made that was due, or one was made that was not.

        The code under test handles the SDK's errors, and a stubber's are among them.
        """
        for stubber in self._stubbers.values():
            stubber.assert_no_pending_responses()
        assert self.calls.total() == self._due, self.calls

    def has_tag(self, digest: str | None) -> None:
        """ECR is asked for the commit's image."""
        expected = {"repositoryName": _NAME, "imageIds": [{"imageTag": COMMIT}]}
        if digest is None:
            self.refuses("ecr", "describe_images", "ImageNotFoundException", expected)
        else:
            self._answers("ecr", "describe_images", {"imageDetails": [{"imageDigest": digest}]}, expected)

    def runs(self, uri: str | None) -> None:
        """Lambda is asked which image the function has."""
        if uri is None:
            self.refuses("lambda", "get_function", "ResourceNotFoundException")
            return
        # As it was given: by a tag, where the function was made by hand.
        code = {"ImageUri": f"{REPOSITORY}:latest", "ResolvedImageUri": uri}
        self._answers("lambda", "get_function", {"Code": code}, {"FunctionName": FUNCTION})

    def updates(self, uri: str) -> None:
        """Lambda takes an image for the function."""
        expected = {"FunctionName": FUNCTION, "ImageUri": uri}
        self._answers("lambda", "update_function_code", {"LastUpdateStatus": "InProgress"}, expected)

    def settles(self, status: str = "Successful") -> None:
        """Lambda is asked whether the update is over."""
        self._answers("lambda", "get_function", {"Configuration": {"LastUpdateStatus": status}})

    def invoked(self, payload: object = None, error: str | None = None, *, raw: bytes | None = None) -> None:
        """The function is invoked, and answers `payload`, as JSON, or `raw`."""
        body = json.dumps(GONE if payload is None else payload).encode() if raw is None else raw
        answer: dict[str, Any] = {"StatusCode": 200, "Payload": StreamingBody(BytesIO(body), len(body))}
        if error:
            answer["FunctionError"] = error
        expected = {"FunctionName": FUNCTION, "InvocationType": "RequestResponse", "Payload": ANY}
        self._answers("lambda", "invoke", answer, expected)

    def tried(self, uri: str, **answer: Any) -> None:
        """The function is given an image, takes it, and is invoked: by default it works."""
        self.updates(uri)
        self.settles()
        self.invoked(**answer)

    def keeps(self, refusal: str | None = None) -> None:
        """NEW is marked as released, or ECR refuses the mark."""
        self._answers("ecr", "batch_get_image", {"images": [_MANIFEST]}, _BY_DIGEST)
        expected = {
            "repositoryName": _NAME,
            "imageTag": f"released-{2:064x}",
            "imageDigest": NEW_DIGEST,
            **_MANIFEST,
        }
        if refusal:
            self.refuses("ecr", "put_image", refusal, expected)
        else:
            self._answers("ecr", "put_image", {"image": {}}, expected)

    def lacks(self) -> None:
        """ECR is asked for NEW, and does not have it. That is no error there."""
        failure = {"imageId": {"imageDigest": NEW_DIGEST}, "failureCode": "ImageNotFound"}
        self._answers("ecr", "batch_get_image", {"images": [], "failures": [failure]}, _BY_DIGEST)

    def refuses(self, service: str, method: str, code: str, expected: Any = None) -> None:
        """A service refuses a call, by its code for why."""
        self._due += 1
        self._stubbers[service].add_client_error(
            method, code, f"because of {code}", http_status_code=400, expected_params=expected
        )

    def _answers(self, service: str, method: str, answer: Any, expected: Any = None) -> None:
        self._due += 1
        self._stubbers[service].add_response(method, answer, expected)

    def _count(self, model: Any, **_: Any) -> None:
        operation = "InvokeFunction" if model.name == "Invoke" else model.name
        self.calls[f"{model.service_model.service_name}:{operation}"] += 1


def release_of_a_push(account: Account) -> None:
    """Write down what AWS answers to a build and a release in which nothing goes wrong."""
    account.has_tag(None)
    account.has_tag(NEW_DIGEST)
    account.runs(OLD)
    account.tried(NEW)
    account.keeps()
