"""Hours of play, recorded: every score that a thousand players submit, made from a seed.

A recording is as long as anybody likes, takes no space, and is the same at every run with the same Python.
The scores come as a Poisson process; who scores is anybody, where is any area, and how well is a matter of
the same heavy-tailed skill that the load test's players have (`loadtest.players.Skill`).
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from game.catalogue import Catalogue
from loadtest.arenas import Arena
from loadtest.players import Skill

SECONDS_AN_HOUR = 3600
START = 1_763_812_800_000
"""The first moment of a recording, in milliseconds since the epoch."""

# A third of the players has a portrait.
_PORTRAITS_AMONG = 3


class Player(NamedTuple):
    """Who scores, as boards show them."""

    user_id: str
    name: str
    avatar: str | None


class Score(NamedTuple):
    """A submitted score; `at` in milliseconds since the epoch."""

    at: int
    player: Player
    area: str
    points: int


def record(
    catalogue: Catalogue, *, hours: float, seed: int = 1, players: int = 1000, rate: float = 5
) -> Iterator[Score]:
    """The scores of some hours, oldest first: on average `rate` a second, by all of the players together."""
    rng = random.Random(seed)
    crowd = [_player(number, rng) for number in range(players)]
    arenas = [Arena(id=name, area=area, floor=0) for name, area in sorted(catalogue.areas.items())]
    skills = [{arena.id: Skill(rng) for arena in arenas} for _ in crowd]
    at = rng.expovariate(rate)
    while at < hours * SECONDS_AN_HOUR:
        number, arena = rng.randrange(players), rng.choice(arenas)
        points = arena.points(skills[number][arena.id].attempt())
        yield Score(START + int(at * 1000), crowd[number], arena.id, points)
        at += rng.expovariate(rate)


def _player(number: int, rng: random.Random) -> Player:
    # As long as what Cognito and the portrait container give out, and what players choose.
    user_id = f"{rng.getrandbits(32):08x}-604d-4405-b676-{number:012d}"
    name = f"{rng.choice(_FIRST)} {rng.choice(_SECOND)}"
    has_portrait = number % _PORTRAITS_AMONG == 0
    avatar = f"avatars/{user_id}/{rng.getrandbits(32):08x}-6d1c-4a2e-9c55-0a6d3f7a2b11"
    return Player(user_id, name, avatar if has_portrait else None)


_FIRST = ("Ada", "Bo", "Cosmic", "Dizzy", "Electric", "Friendly", "Grumpy", "Hasty")
_SECOND = ("Badger", "Comet", "Dragonfly", "Ember", "Falcon", "Goat", "Hermit", "Ivy")
