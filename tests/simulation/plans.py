"""What plans of random happenings share: steps that any world takes, and the rates of faults."""

import asyncio
from typing import NamedTuple

from hypothesis import strategies as st

from tests.simulation.faults import Rates
from tests.simulation.world import World


class Erase(NamedTuple):
    player: str

    async def happen(self, world: World) -> None:
        world.background.start(world.erase(self.player))


class Rename(NamedTuple):
    player: str
    name: str

    async def happen(self, world: World) -> None:
        world.background.start(world.rename(self.player, self.name))


class Connect(NamedTuple):
    boards: tuple[str, ...]

    async def happen(self, world: World) -> None:
        world.new_client(list(self.boards))


class Deliver(NamedTuple):
    split: bool
    shuffle: bool

    async def happen(self, world: World) -> None:
        world.deliver(split=self.split, shuffle=self.shuffle)


class Sweep(NamedTuple):
    async def happen(self, world: World) -> None:
        world.background.start(world.sweep())


class Pause(NamedTuple):
    seconds: float

    async def happen(self, world: World) -> None:
        await asyncio.sleep(self.seconds)


RATES = st.builds(
    Rates,
    crash=st.sampled_from([0, 0, 0.005, 0.02, 0.1]),
    throttle=st.sampled_from([0, 0.1, 0.3]),
    server_error=st.sampled_from([0, 0.1]),
    timeout=st.sampled_from([0, 0.1, 0.3]),
    lost_disconnect=st.sampled_from([0, 0.5]),
    redelivery=st.sampled_from([0, 0.5]),
)
