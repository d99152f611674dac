"""Lambda's runtime in a few lines: hands a function's handler each event that comes in, as a line of JSON.

Runs as the whole program of a process that is to see nothing but the standard library and a package, so it
imports nothing of ours: `python -c <this source> <the package's folder> <module.function>`. For each event
there is a line of JSON on standard output, `{"answer": …}` or `{"error": [type, message]}`; when there are no
more events the last one, `{"path": […], "modules": {name: [file, …]}}`. What the function prints goes to
standard error.
"""

import importlib
import json
import os
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

Handler = Callable[[dict[str, Any], SimpleNamespace], Any]


def main(folder: str, name: str) -> None:
    """Serve events until there are no more."""
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as lines:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        sys.path.insert(0, folder)
        module, function = name.split(".")
        handler: Handler = getattr(importlib.import_module(module), function)
        for line in sys.stdin:
            lines.write(serve(handler, json.loads(line)) + "\n")
            lines.flush()
        imported = {name: files(module) for name, module in sys.modules.items()}
        lines.write(json.dumps({"path": sys.path, "modules": imported}) + "\n")
    # Lambda ends a process just like that.
    os._exit(0)


def serve(handler: Handler, event: dict[str, Any]) -> str:
    """Return the outcome of one event. An answer that is no JSON is an error, as it is to Lambda."""
    function = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    context = SimpleNamespace(
        function_name=function,
        function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        invoked_function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{function}",
        memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        aws_request_id="52fdfc07-2182-154f-163f-5f0f9a621d72",
        log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        get_remaining_time_in_millis=lambda: 29_000,
    )
    try:
        return json.dumps({"answer": handler(event, context)})
    except Exception as error:  # noqa: BLE001 -- whatever it is, Lambda reports it
        return json.dumps({"error": [type(error).__name__, str(error)]})


def files(module: ModuleType) -> list[str]:
    """Where a module comes from: its file, and a package's folders. Nothing when another module made it."""
    return [
        str(file) for file in (getattr(module, "__file__", None), *getattr(module, "__path__", ())) if file
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
