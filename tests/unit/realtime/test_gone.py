"""What is done about connections that took no frame, in virtual time."""

import asyncio
from collections.abc import Collection

import pytest

from realtime.gone import HANG_UP_SECONDS, hang_up
from realtime.push.client import PushResult
from tests.simulation import clock
from tests.unit.realtime.push.scene import SILENCE, Endpoint, ids, with_client


@pytest.mark.parametrize("count", [1, 100, 2000])
def test_connections_are_closed_side_by_side(count: int) -> None:
    unclosed, seconds = with_client(Endpoint(seconds=0.05), lambda scene: hang_up(scene.client, ids(count)))
    assert unclosed == []
    assert seconds == pytest.approx(max(1, count / 100) * 0.05)


@pytest.mark.parametrize("count", [1, 100, 2000])
def test_connections_that_do_not_close_are_waited_for_together(count: int) -> None:
    stuck = ids(count, "stuck")
    endpoint = Endpoint({one: [SILENCE] for one in stuck})
    unclosed, seconds = with_client(
        endpoint, lambda scene: hang_up(scene.client, [*stuck, "fine"]), in_flight=200
    )
    assert set(unclosed) - {"fine"} == set(stuck)
    assert ("fine" in unclosed) == (count > 200)
    assert seconds <= HANG_UP_SECONDS


def test_error_of_a_closing_reaches_the_caller() -> None:
    class Failing:
        async def push(self, frame: str, connection_ids: Collection[str], *, within: float) -> PushResult:
            raise NotImplementedError

        async def close(self, connection_id: str) -> bool:
            await asyncio.sleep(1)
            raise TimeoutError("no credentials")

    async def run() -> None:
        with pytest.raises(TimeoutError, match="no credentials"):
            await hang_up(Failing(), ["one"])

    clock.run(run())
