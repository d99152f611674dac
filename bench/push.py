"""Pushes per second from one core: our push client beside what people would use instead.

Every contestant posts the same frame to connections that are each another, as fast as it can, to the same
sink, which answers at once (`bench/sink.py`); plain, and over TLS. The contestant has one core, the sink the
other. Before it counts, one of its requests is signed again with botocore's own signer: no contestant saves
the signature. And a contestant is credited with what the sink counted, not with what it says.
"""

import asyncio
import re
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench import certificate
from bench.figure import Figure
from bench.processes import MADE_UP_CREDENTIALS, Process, aws_environment, cores, node, python, running
from bench.pushers import PUSHERS
from bench.report import console
from bench.rounds import Scale, medians
from game.board import Entry, Position
from game.catalogue import Board
from local.settings import REGION
from realtime.protocol import encode_change

OURS = "ours"
NODE_SDK = "AWS SDK for JavaScript v3"

_STAGE = "production"
_CALIBRATION_SECONDS = 0.25
_MEASURED_SECONDS = 1.2
_WARM_UP = 0.1
"""Part of the measured requests that goes before each measured run, and is not counted."""

_LEAST_WARM_UP = 200
"""Least requests in which each contestant opens again what was closed during the others' turns."""

_SETTLE_SECONDS = 0.1
_QUICK_REQUESTS = 50


class PushBenchError(Exception):
    """A contestant's pushes are not what they should be."""


async def run(scale: Scale) -> list[Figure]:
    """Measure requests per second over TLS and plain, ours against each peer."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        certificate_file, key_file = certificate.make(Path(folder))
        async with running(
            python("bench.sink", "--certificate", certificate_file, "--key", key_file), core=cores().others
        ) as sink:
            ports = await sink.read()
            for case, url in {
                "TLS": f"https://127.0.0.1:{ports['tls_port']}/{_STAGE}",
                "plain": f"http://127.0.0.1:{ports['port']}/{_STAGE}",
            }.items():
                rates = await _rates(case, url, certificate_file, sink, scale)
                figures += [
                    Figure("push", case, rates[OURS], rate, peer, "requests/s", "more")
                    for peer, rate in rates.items()
                    if peer != OURS
                ]
    return figures


async def _rates(
    case: str, url: str, certificate_file: Path, sink: Process, scale: Scale
) -> dict[str, float]:
    environment = aws_environment(url) | {
        "AWS_CA_BUNDLE": str(certificate_file),
        "NODE_EXTRA_CA_CERTS": str(certificate_file),
    }
    commands = {name: python("bench.pushers", name, "--url", url) for name in PUSHERS}
    commands[NODE_SDK] = node("push.mjs", url)
    async with AsyncExitStack() as stack:
        contestants = {
            name: _Contestant(
                f"{name}, {case}",
                await stack.enter_async_context(
                    running(command, core=cores().measured, environment=environment)
                ),
                sink,
                url,
            )
            for name, command in commands.items()
        }
        for contestant in contestants.values():
            await contestant.prepare(quick=scale.quick)
        return await medians(
            {name: contestant.measure for name, contestant in contestants.items()}, scale.rounds
        )


class _Contestant:
    def __init__(self, name: str, process: Process, sink: Process, url: str) -> None:
        self._name = name
        self._process = process
        self._sink = sink
        self._url = url
        self._requests = 0

    async def prepare(self, *, quick: bool) -> None:
        """Warm it up, check its signature, and find out how many requests take the measured time."""
        await self._process.read()
        self._requests = _QUICK_REQUESTS if quick else _LEAST_WARM_UP
        await self._push(self._requests)
        await self._settle()
        check_signature(self._url, await self._sink.ask("last"))
        if quick:
            return
        rate = await self._push(self._requests)
        # The best rate of all, or a single slow run would make the measured ones too short.
        while self._requests < rate * _CALIBRATION_SECONDS:
            self._requests *= 2
            rate = max(rate, await self._push(self._requests))
        self._requests = round(rate * _MEASURED_SECONDS)

    async def measure(self) -> float:
        """Return the requests per second of one run."""
        await self._push(min(self._requests, max(_LEAST_WARM_UP, round(self._requests * _WARM_UP))))
        await self._settle()
        rate = await self._push(self._requests)
        console.print(f"{self._name}: {rate:,.0f}/s")
        return rate

    async def _settle(self) -> None:
        """Wait until no more connections are opened: some clients open them for requests that are over."""
        connections, before = await self._connections(), -1
        while connections != before:
            await asyncio.sleep(_SETTLE_SECONDS)
            connections, before = await self._connections(), connections

    async def _connections(self) -> int:
        return int((await self._sink.ask("count"))["connections"])

    async def _push(self, requests: int) -> float:
        before = (await self._sink.ask("count"))["requests"]
        answer = await self._process.ask("push", requests=requests, frame=FRAME)
        counted = (await self._sink.ask("count"))["requests"] - before
        if counted != requests:
            raise PushBenchError(f"{self._name} sent {counted} requests instead of {requests}")
        return requests / float(answer["seconds"])


def check_signature(url: str, request: Mapping[str, str]) -> None:
    """Sign a request to `url` as botocore does, and compare. Raises PushBenchError for any other."""
    line, *lines = request["head"].split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    authorization = headers.get("authorization", "")
    signed = re.search(r"SignedHeaders=([^,\s]+)", authorization)
    path = line.split()[1]
    if request["body"] != FRAME or signed is None or not path.startswith(f"/{_STAGE}/@connections/"):
        raise PushBenchError(f"no push of the frame, or not signed: {request['head']}")
    again = AWSRequest(
        "POST",
        f"http://{urlsplit(url).netloc}{path}",
        headers={name: headers[name] for name in signed[1].split(";")},
        data=request["body"].encode(),
    )
    again.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials(*MADE_UP_CREDENTIALS.values()), "execute-api", REGION)
    signature = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    if not authorization.endswith(f"Signature={signature}"):
        raise PushBenchError(f"wrongly signed: {request['head']}")


def _entry(rank: int, points: int) -> Entry:
    return Entry(
        rank=rank,
        user_id=f"00000000-0000-4000-8000-{rank:012}",
        name=f"Player {rank}",
        avatar=None,
        points=points,
        achieved_at=1_763_812_800_000,
    )


def _frame() -> str:
    old = [_entry(rank, 1_000_000 - rank) for rank in range(1, 51)]
    new = [_entry(1, 1_000_000), *old[1:]]
    frame = encode_change(Board(id="forest", order="desc", top=50), Position(1_763_812_800_000, 12), old, new)
    assert frame is not None
    return frame


FRAME = _frame()
"""The diff of a board on which one entry has changed."""
