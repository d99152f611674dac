"""Which quotas of the AWS account a game reaches, with how many players, and what helps.

The quotas are those of a new account in us-east-1. AWS's pages bear no date; they said so in November 2026.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from cost import database_calls as calls
from cost.board_rates import board_rates, fans_out_alone
from cost.rates import Rates, rates
from cost.request_units import Ledger, subscribe
from cost.traffic import traffic
from cost.workload import DAYS_A_MONTH, Workload
from game.account import PUSH_SHARE
from store.schema import CONNECTIONS, SCORES

MOST_PLAYERS = 10**8
"""A quota that more players than these would reach is called out of reach."""

PARTITION_READS = 3_000
PARTITION_WRITES = 1_000

_GATEWAY = "https://docs.aws.amazon.com/apigateway/latest/developerguide/"
_THROTTLE = _GATEWAY + "api-gateway-request-throttling.html"
_FIREWALL = "https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html"
_FIREWALL_SECONDS = 300
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/"
# Out of the sandbox, AWS decides for each account; 50,000 per day and 14 per second is what most begin with.
_SES = "https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html"
_COGNITO = "https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html"
_TRIGGERS = "https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html"
_DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
_PARTITION = _DYNAMODB + "throttling-key-range-limit-exceeded-mitigation.html"


class Busy:
    """A game at its busiest moment."""

    def __init__(self, game: Workload) -> None:
        self.game = game
        self.players = traffic(game, game.peak_factor)
        self.ledger = Ledger(game)
        self.global_board, _ = board_rates(game, game.peak_factor)

    @cached_property
    def rates(self) -> Rates:
        """Everything that is metered."""
        return rates(self.game, self.game.peak_factor)

    @property
    def address_share(self) -> float:
        """What one address has of a rate, in the time for which the firewall counts."""
        return self.game.address_share * _FIREWALL_SECONDS

    @property
    def sign_ups(self) -> float:
        """New players with a password, per second."""
        return self.game.sign_ups * self.game.peak_factor

    @property
    def followers(self) -> float:
        """Clients that begin to follow the global board, per second."""
        return self.opened * min(1.0, self.game.boards_followed)

    @property
    def opened(self) -> float:
        """Connections that open, per second: players' and spectators'."""
        return self.players.sessions + self.players.visits


@dataclass(frozen=True)
class Quota:
    """`usage` is what a game uses of it at the busiest moment, in `unit`; `help` names what lowers that."""

    title: str
    unit: str
    limit: float | Callable[[Workload], float]
    usage: Callable[[Busy], float]
    help: str
    page: str

    def limit_of(self, workload: Workload) -> float:
        """Return the limit that a game has."""
        return self.limit(workload) if callable(self.limit) else self.limit

    def used(self, workload: Workload) -> float:
        """Return the part that is used; above 1 it is not enough."""
        return self.usage(Busy(workload)) / self.limit_of(workload)


@dataclass(frozen=True)
class Reached:
    """A quota, the part of it that is used, and with how many players all of it is; None: out of reach."""

    quota: str
    unit: str
    limit: float
    used: float
    players: int | None
    help: str
    page: str


def reached(workload: Workload) -> list[Reached]:
    """Return every quota, the one that is reached first at the front."""
    found = [
        Reached(
            quota.title,
            quota.unit,
            quota.limit_of(workload),
            quota.used(workload),
            players_at(quota, workload),
            quota.help,
            quota.page,
        )
        for quota in QUOTAS
    ]
    return sorted(found, key=lambda one: (one.players or math.inf, -one.used))


def players_at(quota: Quota, workload: Workload) -> int | None:
    """Return the least number of players with whom the quota is used up, everything else as it is."""
    low, high = 1, MOST_PLAYERS
    if quota.used(workload.grown(high)) < 1:
        return None
    while high - low > max(1, low // 1000):
        middle = (low + high) // 2
        low, high = (low, middle) if quota.used(workload.grown(middle)) >= 1 else (middle, high)
    return high


def _board_row_reads(busy: Busy) -> float:
    """Return the reads of the global board's row: by batches, by every subscribe, and by pings.

    Each container at work reads it for its pings at most once a second, and pays half.
    """
    containers = max(1.0, busy.players.sockets_in * busy.game.request_milliseconds / 1000)
    pings = min(busy.players.pings, containers) / 2 * min(1.0, busy.game.boards_followed)
    return (busy.followers + pings + busy.global_board.batches) * busy.ledger.units(calls.BATCH).reads


def _subscription_writes(busy: Busy) -> float:
    """Return the writes of the global board's subscriptions: every session puts a row, and deletes it."""
    put = 1 if subscribe(busy.game) is calls.SUBSCRIBE else 2  # in a transaction
    return busy.followers * (put + 1) * calls.write_units(busy.ledger.row_bytes[CONNECTIONS])


def _fan_out_seconds(busy: Busy) -> float:
    """Return the seconds of one version of the global board with pushers; 0 where one function does it."""
    if fans_out_alone(busy.game, busy.global_board):
        return 0.0
    return busy.global_board.subscribers / (busy.game.requests_quota * PUSH_SHARE)


PUSHES = Quota(
    "API Gateway: requests and pushes",
    "/s",
    lambda workload: workload.requests_quota,
    lambda busy: busy.rates.requests + busy.rates.wanted_pushes,
    "a longer window, fewer boards followed, a smaller K; beyond it changes arrive later. AWS raises it",
    _GATEWAY + "limits.html",
)
QUOTAS = (
    PUSHES,
    Quota(
        "API Gateway: requests alone",
        "/s",
        lambda workload: workload.requests_quota,
        lambda busy: busy.players.requests,
        "fewer portraits shown (K, boards followed); AWS raises it",
        _GATEWAY + "limits.html",
    ),
    Quota(
        "REST stage: its own limit",
        "/s",
        lambda workload: workload.stage_rate,
        lambda busy: busy.players.rest,
        "a higher [throttle] in the stage's file; fewer portraits shown",
        _THROTTLE,
    ),
    Quota(
        "WebSocket stage: its own limit",
        "/s",
        lambda workload: workload.stage_rate,
        lambda busy: busy.players.sockets_in,
        "a higher [throttle] in the stage's file; longer sessions",
        _THROTTLE,
    ),
    Quota(
        "Firewall: requests of one address",
        "/5 min",
        lambda workload: workload.address_requests,
        # Without portraits, which the firewall does not count.
        lambda busy: (busy.players.rest - busy.players.views) * busy.address_share,
        "a higher waf_rate_limit in the stage's file",
        _FIREWALL,
    ),
    Quota(
        "Firewall: sign-ups of one address",
        "/5 min",
        lambda workload: workload.address_sign_ups,
        lambda busy: busy.sign_ups * busy.address_share,
        "a higher sign_up_limit in the stage's file",
        _FIREWALL,
    ),
    Quota(
        "API Gateway: new connections",
        "/s",
        500,
        lambda busy: busy.opened,
        "longer sessions; AWS raises it",
        _GATEWAY + "apigateway-execution-service-websocket-limits-table.html",
    ),
    Quota(
        "Lambda: functions at work",
        "at once",
        1_000,
        lambda busy: busy.rates.running,
        "more memory, so that each is done sooner; AWS raises it",
        _LAMBDA + "lambda-concurrency.html",
    ),
    Quota(
        "Lambda: the time of a pusher",
        "s",
        lambda workload: workload.pusher_seconds,
        _fan_out_seconds,
        "API Gateway's quota raised, and account_rate with it; until then pushers hand over to fresh ones",
        _LAMBDA + "configuration-timeout.html",
    ),
    Quota(
        "DynamoDB partition: rank lookups",
        "RRU/s",
        PARTITION_READS,
        lambda busy: (
            busy.players.sessions * busy.game.rank_lookups_per_session * busy.ledger.units(calls.RANK).reads
        ),
        "fewer rank lookups: each reads the root of its board's index",
        _PARTITION,
    ),
    Quota(
        "DynamoDB partition: subscribers",
        "RRU/s",
        PARTITION_READS,
        lambda busy: (
            busy.global_board.versions
            * calls.read_units(busy.ledger.row_bytes[CONNECTIONS] * busy.global_board.subscribers)
        ),
        "a longer window: all subscribers of the global board are read for every version",
        _PARTITION,
    ),
    Quota(
        "DynamoDB partition: board's row",
        "RRU/s",
        PARTITION_READS,
        _board_row_reads,
        "a smaller K: every subscribe reads the row of the global board whole",
        _PARTITION,
    ),
    Quota(
        "DynamoDB partition: subscriptions",
        "WRU/s",
        PARTITION_WRITES,
        _subscription_writes,
        "longer sessions; DynamoDB splits a busy partition by itself",
        _PARTITION,
    ),
    Quota(
        "DynamoDB row: spectators counted",
        "WRU/s",
        PARTITION_WRITES,
        # One write as a spectator comes, and one as it goes.
        lambda busy: 2 * busy.players.visits,
        "fewer spectators (live.spectators); a single row is never split",
        _PARTITION,
    ),
    Quota(
        "DynamoDB partition: score rows",
        "WRU/s",
        PARTITION_WRITES,
        # A new best deletes a row and puts one, at twice the price.
        lambda busy: busy.players.improved * 4 * calls.write_units(busy.ledger.row_bytes[SCORES]),
        "areas that do not count for the global board; DynamoDB splits a busy partition by itself",
        _PARTITION,
    ),
    Quota(
        "Cognito: passwords and renewed tokens",
        "/s",
        120,
        lambda busy: busy.players.sessions * (1 - busy.game.google_share),
        "longer sessions; AWS sells more of it",
        _COGNITO,
    ),
    Quota(
        "Cognito: sign-ins with Google",
        "/s",
        25,
        lambda busy: busy.players.sessions * busy.game.google_share * busy.game.sign_in_share,
        "tokens kept for longer; AWS sells more of it",
        _COGNITO,
    ),
    Quota(
        "Cognito: sign-ups with a password",
        "/s",
        50,
        lambda busy: busy.sign_ups,
        "players with Google; AWS sells more of it",
        _COGNITO,
    ),
    Quota(
        "Stage: new guests of a minute",
        "/min",
        lambda workload: workload.guests_per_minute,
        lambda busy: busy.players.guests * 60,
        "guests_per_minute; players with Google",
        _TRIGGERS,
    ),
    Quota(
        "SES: emails of a day",
        "/day",
        lambda workload: workload.mails_per_day,
        lambda busy: busy.game.emails / DAYS_A_MONTH,
        "players with Google; SES raises it with what is sent, and on request",
        _SES,
    ),
    Quota(
        "SES: emails at once",
        "/s",
        lambda workload: workload.mails_per_second,
        lambda busy: busy.sign_ups - busy.players.guests,
        "players with Google; SES raises it with what is sent, and on request",
        _SES,
    ),
    Quota(
        "Cognito: emails by its own sender",
        "/day",
        50,
        lambda busy: busy.game.emails / DAYS_A_MONTH,
        "an SES identity of one's own",
        _COGNITO,
    ),
)
