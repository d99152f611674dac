"""The text about each benchmark: what was run, what bounds the figures, and their targets."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bench.figure import Figure, number


@dataclass(frozen=True)
class Target:
    """The target of a benchmark's figures: their ratio, or with `under` our own value.

    It is about the figures whose case contains `case`, whose unit is `unit` and whose peer is `peer`; empty
    ones leave it open.
    """

    says: str
    at_least: float = 0.0
    under: float = math.inf
    case: str = ""
    peer: str = ""
    unit: str = ""

    def verdict(self, figures: Iterable[Figure]) -> str:
        """Return in a sentence whether the worst of the figures meets it."""
        about = [figure for figure in figures if self._concerns(figure)]
        if not about:
            return f"{self.says}: not measured."
        ratio, ours = min(figure.ratio for figure in about), max(figure.ours for figure in about)
        met = ratio >= self.at_least and ours < self.under
        worst = number(ratio) if math.isinf(self.under) else f"{number(ours)} {about[0].unit}"
        return f"{self.says}: {'met' if met else 'MISSED'}, {worst}."

    def _concerns(self, figure: Figure) -> bool:
        return (
            self.case in figure.case
            and self.peer in ("", figure.peer_name)
            and self.unit in ("", figure.unit)
        )


@dataclass(frozen=True)
class Section:
    """A benchmark's part of the page. The benchmark is `run(scale)` of the module by its name."""

    title: str
    ran: str
    bound: str
    targets: tuple[Target, ...] = ()


SECTIONS = {
    "push": Section(
        "Pushes from one core",
        "The same frame is posted to as many connections as fit into a second, to a sink on the other core"
        " that answers at once and counts; every request signed, checked against botocore's own signer.",
        "The pusher's core is busy all of the time: with Python's part of each request and with system"
        " calls, over TLS with encryption as well.",
        (
            Target("At least 12 times aioboto3 over TLS", at_least=12, case="TLS", peer="aioboto3"),
            Target("At least 30 times aioboto3 without TLS", at_least=30, case="plain", peer="aioboto3"),
        ),
    ),
    "slow": Section(
        "Clients that do not read",
        "A frame is pushed to 2,000 connections on an endpoint that answers after 40 milliseconds, for some"
        " of them with 429 for ever, as API Gateway does when a client's buffer is full. The peer is"
        " ourselves without such clients.",
        "A hundred connections to the endpoint, on which 2,000 answers take 0.8 seconds; then a slow client's"
        " grace, half a second and half of that time.",
        (
            Target(
                "Over in twice the time of the others and a second", under=2.6, case="until the call returns"
            ),
        ),
    ),
    "broadcaster": Section(
        "From a batch of scores to the last subscriber",
        "A batch of scores that lead the board goes from the stream to real WebSocket clients through our"
        " local gateway, by our broadcaster or by AWS's own sample: scan the connections, post to one after"
        " the other, for each record.",
        "The gateway and its clients share a core, which bounds ours; the sample waits for each answer in"
        " turn. A diff that carries a whole batch is as large as its scores, so fewer frames are not fewer"
        " bytes.",
        (
            Target(
                "At least 10 times sooner at 1,000 subscribers",
                at_least=10,
                case="1,000 subscribers",
                unit="s",
            ),
        ),
    ),
    "boards": Section(
        "Two thousand boards on a laptop",
        "`make run` on a folder of data in which an earlier run has published every board: the time from the"
        " start of the process to `ready`, and from `POST /score` to the diff on a subscriber's screen. The"
        " peer is ourselves with four boards.",
        "A start is Python's imports and the emulator's; then a quarter of a second at most until the stream"
        " is read.",
        (
            Target("A start takes at most 1.3 times as long", at_least=1 / 1.3, case="`ready`"),
            Target("A diff takes at most 1.3 times as long", at_least=1 / 1.3, case="diff"),
        ),
    ),
    "coldstart": Section(
        "Cold start",
        "Each module of handlers is imported from the Lambda functions' zip, made for this machine, in a new"
        " interpreter that sees nothing else; beside it, aioboto3 alone. What counts is CPU time, with the"
        " files in the cache.",
        "The SDK itself is most of the import; what is ours on top are pydantic's models and Powertools. One"
        " zip of 23 MB serves all functions: from four of 13 to 17 MB, each with what its handlers import and"
        " no more, the same modules were imported in the same time, within 3 percent.",
        (Target("An import takes at most 1.4 times that of the SDK", at_least=1 / 1.4, case=", import"),),
    ),
    "ranks": Section(
        "Ranks",
        "A rank is looked up in the index, and the index is kept as scores come, beside counting the rows"
        " above. At 1,000 and at 10 million rows a store in memory counts requests and units as DynamoDB"
        " does; at 100,000 the laptop's engine is timed, and a sorted set in Redis where there is a server.",
        "The COUNT of a leaf, up to 64 rows, is most of what is read. The laptop's engine sorts a board's"
        " rows at each Query; DynamoDB does not.",
        (
            Target("A look-up takes at most 5 requests", under=5.01, case="a look-up", unit="requests"),
            Target("And 12 read units", under=12.01, case="a look-up", unit="read units"),
            Target(
                "A single score takes at most 20 read units", under=20.01, case=", 1 a", unit="read units"
            ),
            Target("And 13 write units", under=13.01, case=", 1 a", unit="write units"),
            Target("Of 250 each takes at most 16 read units", under=16.01, case=", 250 a", unit="read units"),
            Target("And 5 write units", under=5.01, case=", 250 a", unit="write units"),
        ),
    ),
}

TURNED_DOWN = """\
## Turned down

Benchmarks and peers that decided nothing any more:

- **boto3, in a loop and on threads, and awscrt behind our signer.** The first two did 0.6 to 0.9 of \
aioboto3's rate, the last one 4 to 6 percent more than awscrt alone.
- **From score to screen.** `make loadtest` measures it, second by second, and judges the boards as \
well. AWS's sample is what the broadcaster is compared with here.
- **A gateway beside those on Node.** On a laptop it is uvicorn and the `websockets` library, chosen \
[for another reason](one-machine.md#turned-down) than their rate.
- **What a score costs as a board grows.** It is the same on a board of any size, which [a \
test](../tests/unit/streams/test_growth.py) shows in seconds. [What it costs](cost.md) is counted.
- **Diffs beside snapshots.** An entry is about 200 bytes and few entries change at once: a sum, which \
the [cost model](cost.md) does with the real frames."""
"""The end of the page: benchmarks that there were, and why they went."""
