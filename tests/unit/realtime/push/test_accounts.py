"""Whatever happens, every id is accounted for once, and nothing is done that should not be: random plans."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.push.client import PushResult
from realtime.push.pace import BURST_SECONDS
from tests.simulation import clock
from tests.simulation.push import client
from tests.simulation.transport import Answer, MemoryServer, Request
from tests.unit.realtime.push.scene import SILENCE, ids


@dataclass(frozen=True)
class Reaction:
    """How the endpoint reacts to one request."""

    status: int
    seconds: float
    headers: tuple[tuple[str, str], ...]

    async def happen(self) -> Answer:
        await asyncio.sleep(self.seconds)
        if not self.status:
            raise ConnectionResetError
        return Answer(self.status, headers=dict(self.headers))


@dataclass(frozen=True)
class Push:
    """One push of a plan; cancelled after `cancelled_after` seconds, if it takes that long.

    `closing` connections are closed by the server when it begins, at their next request.
    """

    count: int
    begins: float
    within: float
    cancelled_after: float | None
    closing: int


REACTIONS = st.builds(
    Reaction,
    # 0 breaks the connection.
    status=st.sampled_from([0, 200, 200, 200, 204, 302, 403, 410, 429, 429, 500, 503]),
    seconds=st.sampled_from([0, 0, 0.01, 0.3, 3, SILENCE]),
    headers=st.sampled_from(
        [
            (),
            (),
            (),
            (("Connection", "close"),),
            (("Retry-After", "2"),),
            (("Retry-After", "0"), ("Connection", "close")),
        ]
    ),
)
PUSHES = st.builds(
    Push,
    count=st.integers(0, 40),
    begins=st.sampled_from([0, 0, 0.005, 1, 4, 40]),
    within=st.sampled_from([0, 0.02, 1, 9, 30]),
    cancelled_after=st.none() | st.sampled_from([0, 0.005, 1, 6]),
    closing=st.sampled_from([0, 0, 1, 5]),
)


class Witness:
    """The endpoint, and what it saw: a push is known by its frame."""

    def __init__(self, reactions: Sequence[Reaction]) -> None:
        self.tried: defaultdict[str, set[str]] = defaultdict(set)
        self.times: defaultdict[str, list[float]] = defaultdict(list)
        self._reactions = reactions
        self._number = 0

    def calm(self) -> None:
        """From here on every answer is a good one."""
        self._reactions = [Reaction(200, 0, ())]

    async def respond(self, request: Request) -> Answer:
        frame = request.body.decode()
        self.tried[frame].add(request.connection_id)
        self.times[frame].append(asyncio.get_running_loop().time())
        reaction = self._reactions[self._number % len(self._reactions)]
        self._number += 1
        return await reaction.happen()


async def play(
    pushes: Sequence[Push], reactions: Sequence[Reaction], refusals: int, in_flight: int, rate: float | None
) -> None:
    witness = Witness(reactions)
    server = MemoryServer(witness.respond, refusals=refusals)
    pusher = client(server, in_flight=in_flight, rate=rate)

    async def one(frame: str, push: Push) -> None:
        await asyncio.sleep(push.begins)
        server.closing += push.closing
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(push.cancelled_after):
                result = await pusher.push(frame, ids(push.count), within=push.within)
        except TimeoutError:
            result = None
        ended = asyncio.get_running_loop().time()
        assert ended <= began + push.within
        ends[frame] = ended
        if result is not None:
            check(push, result, tried(frame))
            results.append((result, deepcopy(result)))

    def tried(frame: str) -> set[str]:
        dropped = {request.connection_id for request in server.dropped if request.body.decode() == frame}
        return witness.tried[frame] | dropped

    ends: dict[str, float] = {}
    results: list[tuple[PushResult, PushResult]] = []
    async with asyncio.TaskGroup() as group:
        for number, push in enumerate(pushes):
            group.create_task(one(f"frame {number}", push))
            assert len(server.open) <= in_flight
    # No late answer counts, nothing is sent for a push that is over, and no connection is lost for good.
    await asyncio.sleep(60)
    assert all(later == result for later, result in results)
    assert all(time <= ends[frame] for frame, times in witness.times.items() for time in times)
    times = sorted(time for times in witness.times.values() for time in times)
    if rate is not None and times:
        # What is lost on a closing connection does not wait for the pace, but is made up for.
        burst = max(1, rate * BURST_SECONDS) + in_flight
        assert len(times) <= burst + (times[-1] - times[0]) * rate + 1e-3
    witness.calm()
    server.refusals = server.closing = 0
    assert await pusher.push("calm", ids(20), within=100) == PushResult(delivered=20)
    await pusher.aclose()
    assert not server.open


def check(push: Push, result: PushResult, tried: set[str]) -> None:
    named = [*result.gone, *result.failed, *result.untried]
    assert len(set(named)) == len(named)
    assert set(named) <= set(ids(push.count))
    assert result.delivered + len(named) == push.count
    assert set(ids(push.count)) - tried == set(result.untried)


@settings(max_examples=150)
@given(
    pushes=st.lists(PUSHES, min_size=1, max_size=5),
    reactions=st.lists(REACTIONS, min_size=1, max_size=12),
    refusals=st.sampled_from([0, 0, 1, 20]),
    in_flight=st.sampled_from([1, 2, 10]),
    rate=st.sampled_from([None, None, 5, 300]),
)
def test_every_id_is_accounted_for(
    pushes: list[Push], reactions: list[Reaction], refusals: int, in_flight: int, rate: float | None
) -> None:
    clock.run(play(pushes, reactions, refusals, in_flight, rate))
