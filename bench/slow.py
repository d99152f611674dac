"""A push with clients among the subscribers that never read: who waits for them, and for how long.

Our push client sends a frame to 2,000 connections on an endpoint (`bench/slow_endpoint.py`) that answers
after 40 milliseconds, for some of them with 429 for ever, as API Gateway does when a client's buffer is full.
Two times are taken: until the last of the others has the frame, and until the call returns, which is what a
batch of the stream waits for. The peer is the same without such clients.
"""

from contextlib import AsyncExitStack
from functools import partial

from bench.figure import Figure
from bench.processes import Process, aws_environment, cores, python, running
from bench.rounds import interleaved
from bench.scale import Scale
from local.gateway.events import new_id

SUBSCRIBERS = 2000
NEVER_READING = (1, 100)
UNTIL = ("until the last of the others has it", "until the call returns")
NONE = "0 never reading"

_QUICK_SUBSCRIBERS = 1000
_WITHIN_SECONDS = 20
"""The time that a board with this number of subscribers is given (streams/fanout.py)."""


class SlowBenchError(Exception):
    """The others have not got their frames, or clients that do not read were not reported."""


async def run(scale: Scale) -> list[Figure]:
    """Measure both times, with each number of clients that never read, beside none."""
    everybody = [new_id() for _ in range(_QUICK_SUBSCRIBERS if scale.quick else SUBSCRIBERS)]
    async with AsyncExitStack() as stack:
        endpoint = await stack.enter_async_context(
            running(python("bench.slow_endpoint"), core=cores().others)
        )
        url = f"http://127.0.0.1:{(await endpoint.read())['port']}/production"
        pusher = await stack.enter_async_context(
            running(
                python("bench.slow_pusher", "--url", url),
                core=cores().measured,
                environment=aws_environment(url),
            )
        )
        await pusher.read()
        await _push(pusher, endpoint, everybody, 0)
        times = await interleaved(
            {str(slow): partial(_push, pusher, endpoint, everybody, slow) for slow in (0, *NEVER_READING)},
            scale.rounds,
        )
    figures = []
    for slow in NEVER_READING:
        both = zip(UNTIL, _median(times[str(slow)]), _median(times["0"]), strict=True)
        for until, ours, none in both:
            case = f"{len(everybody):,} subscribers, {slow} never reading, {until}"
            figures.append(Figure("slow", case, ours, none, NONE, "s", "less"))
    return figures


def _median(runs: list[tuple[float, float]]) -> tuple[float, float]:
    """Return the median of each time by itself."""
    told, returned = (sorted(values)[len(runs) // 2] for values in zip(*runs, strict=True))
    return told, returned


async def _push(pusher: Process, endpoint: Process, everybody: list[str], slow: int) -> tuple[float, float]:
    """Return the seconds until the last of the others has the frame, and until the call returns."""
    step = len(everybody) // slow if slow else 1
    never = everybody[::step][:slow]
    await endpoint.ask("expect", slow=never)
    pushed = await pusher.ask("push", ids=everybody, seconds=_WITHIN_SECONDS)
    told = await endpoint.ask("told")
    if told["told"] != len(everybody) - slow or sorted(pushed["failed"]) != sorted(never):
        raise SlowBenchError(
            f"{told['told']} of {len(everybody) - slow} have the frame, and {len(pushed['failed'])} of {slow}"
            " were told to take none"
        )
    return told["last_at"] - pushed["started_at"], pushed["seconds"]
