"""What stands around the portrait container on AWS, on this machine: Lambda's Runtime API and a bucket."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.waiting import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]
BUCKET = "podium-avatars"
RUNTIME = "/2018-06-01/runtime"


@dataclass
class Cloud:
    """The objects of the bucket, the rows of the tables, the events to be handed out, and the answers."""

    objects: dict[str, tuple[bytes, Mapping[str, str]]] = field(default_factory=dict)
    events: "queue.Queue[dict[str, Any]]" = field(default_factory=queue.Queue)
    answers: "queue.Queue[tuple[str, Any]]" = field(default_factory=queue.Queue)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def invoke(self, event: dict[str, Any]) -> tuple[str, Any]:
        """`response` or `error`, and what the function said."""
        self.events.put(event)
        return self.answers.get(timeout=PATIENCE_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cloud: Cloud

    def do_GET(self) -> None:
        if self.path == f"{RUNTIME}/invocation/next":
            self._next()
            return
        if "?" in self.path:
            # The portraits of a player: none is old enough to be of interest.
            self._answer(200, b"<ListBucketResult/>", {"Content-Type": "application/xml"})
            return
        found = self.cloud.objects.get(self.path)
        if found is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>", {"Content-Type": "application/xml"})
        else:
            content, headers = found
            self._answer(200, content, {**headers, "ETag": '"one"'})

    def do_PUT(self) -> None:
        headers: Message = self.headers
        self.cloud.objects[self.path] = self._body(), dict(headers.items())
        self._answer(200)

    def do_DELETE(self) -> None:
        if self.headers["If-Match"] != '"one"':
            self._answer(412)
            return
        self.cloud.objects.pop(self.path, None)
        self._answer(204)

    def do_POST(self) -> None:
        body = self._body()
        target = self.headers.get("X-Amz-Target", "")
        if target.startswith("DynamoDB"):
            self._answer(200, self._table(target.rpartition(".")[2], json.loads(body)))
            return
        self._answer(202, b"{}")
        self.cloud.answers.put((self.path.rpartition("/")[2], json.loads(body)))

    def log_message(self, *_: Any) -> None:
        pass

    def _table(self, operation: str, request: dict[str, Any]) -> bytes:
        """Keep whatever is put; each player has a profile and no other row."""
        if operation in {"GetItem", "UpdateItem"}:
            return b"{}"
        if operation == "Query":
            return b'{"Items": [], "Count": 0}'
        items = request["TransactItems"]
        if operation == "TransactGetItems":
            return json.dumps({"Responses": [self._row(item["Get"]) for item in items]}).encode()
        self.cloud.rows += [item["Put"]["Item"] for item in items if "Put" in item]
        return b"{}"

    def _row(self, get: dict[str, Any]) -> dict[str, Any]:
        if get["TableName"] != "UserProfiles":
            return {}
        return {"Item": {**get["Key"], "name": {"S": "Ann"}, "revision": {"S": "1"}}}

    def _next(self) -> None:
        event = self.cloud.events.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "Lambda-Runtime-Deadline-Ms": "4102444800000",
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:portrait",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            "Content-Type": "application/json",
        }
        self._answer(200, json.dumps(event).encode(), headers)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            if name.lower() in {"content-type", "cache-control", "etag"} or name.startswith("Lambda-"):
                self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running_function(log: Path) -> Iterator[Cloud]:
    """`cv.handler.handler` under AWS's runtime interface client, as the image starts it."""
    cloud = Cloud()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"cloud": cloud}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(log.parent),
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "portrait",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": f"http://{address}",
        "PODIUM_AVATAR_BUCKET": BUCKET,
        "MPLCONFIGDIR": str(log.parent),
        "ALL_PROXY": "http://127.0.0.1:9",
    }
    with log.open("wb") as output:
        function = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "cv.handler.handler"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield cloud
        finally:
            function.kill()
            function.wait()
            server.shutdown()
            server.server_close()
