"""The event loop of the functions that push."""

import asyncio
import runpy
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvloop

from realtime import app
from runtime import event_loop
from runtime.container import Container
from streams import app as streams_app


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    yield


async def running_loop(_: None) -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def loop_of_a_container(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> asyncio.AbstractEventLoop:
    loop = Container(nothing, new_loop).run(running_loop)
    loop.close()
    return loop


def test_uvloop_is_used_where_it_is_installed() -> None:
    assert isinstance(loop_of_a_container(event_loop.new_event_loop), uvloop.Loop)
    for entry in (app, streams_app):
        assert entry._container._new_loop is event_loop.new_event_loop


def test_asyncio_is_used_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    new_event_loop = runpy.run_path(event_loop.__file__)["new_event_loop"]
    assert isinstance(loop_of_a_container(new_event_loop), asyncio.SelectorEventLoop)
