"""Records what a Lambda function asks of AWS. Python imports a module of this name when it starts.

Each call of the SDK, with its parameters, when botocore is about to build it; and each push, which goes past
the SDK. One line of JSON a call, in a file for each process in the folder RECORDED_CALLS.
"""

import functools
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

FUNCTION = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")


def record(service: str, operation: str, parameters: Any) -> None:
    """Write a call down."""
    call = {"function": FUNCTION, "service": service, "operation": operation, "parameters": parameters}
    file = Path(os.environ["RECORDED_CALLS"]) / f"{FUNCTION}-{os.getpid()}.jsonl"
    with file.open("a") as lines:
        lines.write(json.dumps(call, default=str) + "\n")


def watch_sdk(handlers: ModuleType) -> None:
    """Have every client of botocore tell of its calls."""

    def about_to_build(params: Any, model: Any, **_: Any) -> None:
        record(model.service_model.endpoint_prefix, model.name, params)

    handlers.BUILTIN_HANDLERS.append(("before-parameter-build", about_to_build))


def watch_pushes(push: ModuleType) -> None:
    """Have the push client tell of its methods on `@connections`."""
    for name, method in (("push", "POST"), ("close", "DELETE")):
        original = getattr(push.HttpPushClient, name)

        @functools.wraps(original)
        async def recorded(
            *args: Any, _original: Any = original, _method: str = method, **options: Any
        ) -> Any:
            record("execute-api", _method, {})
            return await _original(*args, **options)

        setattr(push.HttpPushClient, name, recorded)


WATCHED: dict[str, Callable[[ModuleType], None]] = {
    "botocore.handlers": watch_sdk,
    "realtime.push.client": watch_pushes,
}


class Watcher(MetaPathFinder):
    """Sees to it that modules are watched from the moment they are imported, wherever they come from."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's own spec, whose loader calls what watches it."""
        watch = WATCHED.pop(name, None)
        spec = importlib.util.find_spec(name) if watch else None
        if watch is None or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_watch(module: ModuleType) -> None:
            execute(module)
            watch(module)

        spec.loader.exec_module = execute_and_watch  # type: ignore[method-assign]  # of this loader alone
        return spec


if FUNCTION:
    sys.meta_path.insert(0, Watcher())
