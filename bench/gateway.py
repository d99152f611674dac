"""Frames a second, and memory a connection, through a WebSocket gateway with 5,000 connections.

Ours beside the same thing on Node: HTTP in, `ws` or Socket.IO out. The gateway has one core. On the other
are the same clients (`bench/gateway_clients.py`) and the same pusher for all, our push client with its
signatures, which is faster than any of the gateways. Every run starts anew: gateway, connections, pushes to
warm up, and then the pushes that count, to each connection in turn, from the first request to the arrival of
the last frame. A run counts only when every frame has arrived.
"""

import statistics
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from bench.console import console
from bench.figure import Figure
from bench.processes import Process, aws_environment, cores, node, python, running
from bench.push import FRAME
from bench.rounds import interleaved
from bench.scale import Scale

CONNECTIONS = 5000
MEASURED_SECONDS = 2.0

_CONNECT_SECONDS = 120
_KB = 1024


class GatewayBenchError(Exception):
    """Frames or connections were lost."""


class _Contestant(NamedTuple):
    command: Callable[[], list[str]]
    protocol: str


class _Measured(NamedTuple):
    frames_per_second: float
    bytes_per_connection: float


_OURS = "ours"
_CONTESTANTS = {
    _OURS: _Contestant(partial(python, "bench.gateway_server"), "ws"),
    "ws": _Contestant(partial(node, "ws_gateway.mjs"), "ws"),
    "Socket.IO": _Contestant(partial(node, "socketio_gateway.mjs"), "socketio"),
}


async def run(scale: Scale) -> list[Figure]:
    """Frames a second and memory a connection, ours against `ws` and Socket.IO."""
    connections = 50 if scale.quick else CONNECTIONS
    runs = await interleaved(
        {
            name: partial(_measure, name, contestant, connections, quick=scale.quick)
            for name, contestant in _CONTESTANTS.items()
        },
        scale.rounds,
    )
    rates = {name: statistics.median(one.frames_per_second for one in all_) for name, all_ in runs.items()}
    sizes = {name: statistics.median(one.bytes_per_connection for one in all_) for name, all_ in runs.items()}
    case = f"{connections:,} connections"
    figures = []
    for peer in runs:
        if peer != _OURS:
            figures += [
                Figure("gateway", case, rates[_OURS], rates[peer], peer, "frames/s", "more"),
                Figure(
                    "gateway", case, sizes[_OURS] / _KB, sizes[peer] / _KB, peer, "KB a connection", "less"
                ),
            ]
    return figures


async def _measure(name: str, contestant: _Contestant, connections: int, *, quick: bool) -> _Measured:
    ours, others = cores()
    async with running(contestant.command(), core=ours) as gateway:
        port = (await gateway.read())["port"]
        empty = gateway.memory()
        clients_command = python(
            "bench.gateway_clients",
            *("--url", f"ws://127.0.0.1:{port}/"),
            *("--connections", connections),
            *("--protocol", contestant.protocol),
        )
        url = f"http://127.0.0.1:{port}"
        pusher_command = python("bench.pushers", _OURS, "--url", url)
        async with (
            running(clients_command, core=others) as clients,
            running(pusher_command, core=others, environment=aws_environment(url)) as pusher,
        ):
            await clients.read(_CONNECT_SECONDS)
            await pusher.read()
            rate = await _push(clients, pusher, connections, connections)
            memory = (gateway.memory() - empty) / connections
            if not quick:
                used = gateway.cpu_seconds(), pusher.cpu_seconds() + clients.cpu_seconds()
                frames = max(connections, round(rate * MEASURED_SECONDS))
                rate = await _push(clients, pusher, connections, frames)
                seconds = frames / rate
                busy = (gateway.cpu_seconds() - used[0]) / seconds
                others_busy = (pusher.cpu_seconds() + clients.cpu_seconds() - used[1]) / seconds
                console.print(
                    f"{name}: {rate:,.0f} frames/s, core {busy:.0%} busy, the other {others_busy:.0%};"
                    f" {memory / _KB:.1f} KB a connection"
                )
    return _Measured(rate, memory)


async def _push(clients: Process, pusher: Process, connections: int, frames: int) -> float:
    """Push so many frames; how many a second came. Raises GatewayBenchError when not all of them did."""
    await clients.ask("start")
    pushed = await pusher.ask("push", requests=frames, frame=FRAME, connections=connections)
    came = await clients.ask("stop", frames=frames, timeout_seconds=60)
    if came["frames"] != frames or came["open"] != connections:
        raise GatewayBenchError(
            f"{came['frames']} of {frames} frames came, {came['open']} of {connections} clients are left"
        )
    return frames / (float(came["last_at"]) - float(pushed["started_at"]))
