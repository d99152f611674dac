"""Lambda's side of an entry: its context, and a container that is closed after the test."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from types import ModuleType
from typing import TypeVar

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from runtime.container import Container

T = TypeVar("T")


def fake_context() -> LambdaContext:
    """Return what Powertools reads of an invocation's context."""
    context = LambdaContext()
    context._function_name = "podium"
    context._memory_limit_in_mb = 512
    context._invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:podium"
    context._aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    return context


@contextmanager
def container_of(
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    resources: Callable[[], AbstractAsyncContextManager[T]],
) -> Iterator[Container[T]]:
    """The entry's module with a container of these resources, opened when the first invocation comes."""
    container = Container(resources)
    monkeypatch.setattr(module, "_container", container)
    yield container
    if container._loop is not None:
        container._loop.run_until_complete(container._stack.aclose())
        container._loop.close()
