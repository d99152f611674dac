"""What is said about each benchmark: what was run, what bounds the figures, and what they should come to."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from bench.figure import Figure, number


@dataclass(frozen=True)
class Target:
    """What the figures of a benchmark should come to: their ratio, or with `under` our own value.

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
        """Whether the worst of the figures meets it, in a sentence."""
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
    """A benchmark's part of the page."""

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
    "gateway": Section(
        "A gateway with 5,000 connections",
        "HTTP in, WebSocket out on one core, with the same pusher and the same clients on the other.",
        "The gateway's core is busy all of the time: with a task for each request, and with system calls, one"
        " to read a request, two to answer it, one to send the frame.",
        (
            # A general HTTP server in front, because a laptop's gateway need not race: docs/one-machine.md.
            Target("At least half the rate of Node's `ws`", at_least=0.5, peer="ws", unit="frames/s"),
        ),
    ),
    "latency": Section(
        "From score to screen",
        "A whole backend on this machine, 1,000 subscribers of one board and 20 scores a second through"
        " REST, for a few seconds; the time runs from when a score was due until a subscriber's board shows"
        " it.",
        "Everything shares the machine's cores. The sample falls behind for as long as it lasts: what"
        " nobody has seen by the end counts with its age then, so its figures grow with the length of the"
        " run, and ours do not.",
    ),
    "growth": Section(
        "As a board grows",
        "DynamoDB requests and capacity units of a submitted score that leads the board, and of its diff, by"
        " the number of players on the board. The peer is ourselves at 100 players. The units are the"
        " engine's own, and again as DynamoDB counts reads: by the bytes read.",
        "Every request is for one row, or for the top K; what is left is K and the number of subscribers.",
        (Target("Flat: at no number of players more than 1.1 times what it is at 100", at_least=1 / 1.1),),
    ),
    "bytes": Section(
        "Diffs and snapshots",
        "What a subscriber of every board downloads in the second hour of a recorded game of a thousand"
        " players: the frames of our broadcaster, beside the whole board for each version.",
        "An entry is about 200 bytes, and few entries change at once. So a snapshot grows with K, and a diff"
        " does not.",
    ),
    "coldstart": Section(
        "Cold start",
        "Each Lambda package, made for this machine, is imported in a new interpreter that sees nothing else;"
        " beside it, aioboto3 alone. What counts is CPU time, with the files in the cache. Unzipped, the"
        " packages have bytecode in them, and the SDK has none.",
        "The SDK itself is most of the import; what is ours on top are pydantic's models and Powertools.",
        (
            Target("An import takes at most 1.4 times that of the SDK", at_least=1 / 1.4, case=", import"),
            Target("A zip is under 25 MB", under=25, case=", zip"),
        ),
    ),
}
