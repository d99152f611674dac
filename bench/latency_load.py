"""Players who score and subscribers who watch: how long a score takes to everybody's screen.

    python -m bench.latency_load --target http://127.0.0.1:PORT --players P --subscribers N

Prints {"subscribed": N} when every subscriber of the board has its snapshot. Orders:

    {"do": "play", "rate": r, "seconds": s, "drain_seconds": d}
        submits r scores a second for s seconds, waits d more at the most until everybody has seen them, and
        answers {"p50_ms", "p99_ms", "scores", "refused", "sightings", "missed", "frames", "lost"}
    {"do": "settle", "seconds": s}
        waits s seconds at the most until everybody has seen the rest, and answers {"missed"}

Scores go through REST, each better than the player's last, at times that are set beforehand: a backend that
is slow to answer is asked the next one all the same, and the time runs from when the score was due. A score
is seen when a frame shows its player with as many points or more. Sightings that are missing at the end count
with the age that the score has by then: they would take at least that long.

Both our frames and the sample's are understood: `snapshot`, `diff` and `score`.
"""

import argparse
import asyncio
import itertools
import json
import math
import secrets
import statistics
import time
from collections import defaultdict
from contextlib import suppress
from typing import Any

import uvloop

from bench import open_files
from bench.broadcaster import BOARD
from bench.orders import say, serve
from loadtest import wire
from loadtest.accounts import Account, Cognito
from loadtest.rest import Rest, RestError, open_http
from loadtest.target import TargetConfig
from realtime.protocol import CONNECTIONS_LIMIT

_AT_ONCE = 50
_SUBSCRIBE = json.dumps({"action": "subscribe", "boards": [BOARD]})


class Watch:
    """What all subscribers together have seen. Times are of the monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.due: dict[str, list[tuple[int, float]]] = defaultdict(list)
        """The scores of each player, by user id: points, which only grow, and when the score was due."""
        self.latencies: list[float] = []
        self.complete = asyncio.Event()
        """Set when there are as many latencies as are wanted."""
        self.wanted = 0
        self.frames = 0
        self.lost = 0
        self._decoded: dict[bytes, list[tuple[str, int]]] = {}

    def start(self, wanted: int) -> None:
        """Forget what was to be seen before, and want so many sightings."""
        self.wanted = wanted
        self.frames = 0
        self.due.clear()
        self.latencies.clear()
        self.complete.clear()

    def shown(self, payload: bytes) -> list[tuple[str, int]]:
        """The players that a frame shows, with their points. Each distinct frame is decoded once."""
        self.frames += 1
        found = self._decoded.get(payload)
        if found is None:
            found = self._decoded[payload] = _shown(json.loads(payload))
        return found

    def saw(self, due: float, now: float) -> None:
        """Take note that somebody saw a score."""
        self.latencies.append(now - due)
        if len(self.latencies) == self.wanted:
            self.complete.set()


def _shown(frame: dict[str, Any]) -> list[tuple[str, int]]:
    if frame["type"] == "score":
        return [(frame["userId"], frame["points"])]
    changes = [change for change in frame.get("changes", ()) if change["op"] == "set"]
    return [(entry["userId"], entry["score"]) for entry in frame.get("entries", changes)]


class Subscriber:
    """One client's screen."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._seen: dict[str, int] = defaultdict(int)
        """How many of each player's scores it has shown."""
        self.subscribed = asyncio.Event()

    def received(self, payload: bytes) -> None:
        """A frame has come."""
        now = time.monotonic()
        self.subscribed.set()
        for user_id, points in self._watch.shown(payload):
            due, seen = self._watch.due.get(user_id, ()), self._seen[user_id]
            while seen < len(due) and due[seen][0] <= points:
                self._watch.saw(due[seen][1], now)
                seen += 1
            self._seen[user_id] = seen

    def lost(self, _reason: str) -> None:
        """The connection is gone."""
        self._watch.lost += 1

    def start(self) -> None:
        """Forget what was to be seen before."""
        self._seen.clear()

    def missing(self, now: float) -> list[float]:
        """The ages of the scores that it has not shown."""
        return [
            now - due
            for user_id, scores in self._watch.due.items()
            for _, due in scores[self._seen[user_id] :]
        ]


class Load:
    """Players, and the subscribers that watch them."""

    def __init__(self, rest: Rest, accounts: list[Account], players: int) -> None:
        """`players` of the accounts score; all of them watch, on several connections each."""
        self._rest = rest
        self._accounts = accounts
        self._players = accounts[:players]
        self._watch = Watch()
        self._subscribers: list[Subscriber] = []
        self._points = 0
        self._refused = 0

    async def subscribe(self, subscribers: int, url: str) -> None:
        """Connect so many, and wait for their snapshots."""
        address = wire.Address.of(url)
        free = asyncio.Semaphore(_AT_ONCE)

        async def one(account: Account) -> None:
            async with free:
                subscriber = Subscriber(self._watch)
                socket = await wire.connect(address, await account.token(), subscriber)
                socket.send(_SUBSCRIBE)
                await subscriber.subscribed.wait()
                self._subscribers.append(subscriber)

        accounts = itertools.islice(itertools.cycle(self._accounts), subscribers)
        await asyncio.gather(*map(one, accounts))

    async def play(self, rate: float, seconds: float, drain_seconds: float) -> dict[str, Any]:
        """See the top of this file."""
        watch, scores = self._watch, round(rate * seconds)
        watch.start(scores * len(self._subscribers))
        for subscriber in self._subscribers:
            subscriber.start()
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(scores):
                due = started + number / rate
                await asyncio.sleep(due - time.monotonic())
                group.create_task(self._submit(due))
        missing = await self._missing(drain_seconds)
        percentiles = statistics.quantiles(watch.latencies + missing, n=100)
        return {
            "p50_ms": percentiles[49] * 1000,
            "p99_ms": percentiles[98] * 1000,
            "scores": scores,
            "refused": self._refused,
            "sightings": len(watch.latencies),
            "missed": len(missing),
            "frames": watch.frames,
            "lost": watch.lost,
        }

    async def settle(self, seconds: float) -> dict[str, Any]:
        """See the top of this file."""
        return {"missed": len(await self._missing(seconds))}

    async def _missing(self, seconds: float) -> list[float]:
        """The ages of the sightings that have not come after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._watch.complete.wait()
        now = time.monotonic()
        return [age for subscriber in self._subscribers for age in subscriber.missing(now)]

    async def _submit(self, due: float) -> None:
        self._points += 1
        points = self._points
        account = self._players[points % len(self._players)]
        self._watch.due[account.user_id].append((points, due))
        try:
            await self._rest.post_score(await account.token(), BOARD, points)
        except RestError:
            self._refused += 1


async def _run(arguments: argparse.Namespace) -> None:
    async with open_http() as http:
        async with http.get(f"{arguments.target}/client-config.json") as response:
            config = TargetConfig.model_validate_json(await response.text())
        async with Cognito.open(http, config, f"Aa1-{secrets.token_hex(16)}") as cognito:
            # As many as their connections take, half of what is allowed: one that comes back must not shut
            # another out.
            count = max(arguments.players, math.ceil(arguments.subscribers / (CONNECTIONS_LIMIT // 2)))
            names = [f"bench-{secrets.token_hex(4)}" for _ in range(count)]
            accounts = await asyncio.gather(*(Account.make(cognito, name, name) for name in names))
            load = Load(Rest(http, config.rest_url), accounts, arguments.players)
            await load.subscribe(arguments.subscribers, config.web_socket_url)
            say({"subscribed": arguments.subscribers})
            await serve({"play": load.play, "settle": load.settle})


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m bench.latency_load")
    _parser.add_argument("--target", required=True, help="the address of the REST API")
    _parser.add_argument("--players", type=int, required=True)
    _parser.add_argument("--subscribers", type=int, required=True)
    open_files.raise_limit()
    uvloop.run(_run(_parser.parse_args()))
