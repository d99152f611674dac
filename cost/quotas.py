"""Which quotas of the AWS account a game reaches, with how many players, and what helps.

The quotas are those of a new account in us-east-1. AWS's pages bear no date; they said so in November 2026.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cost import database_calls as calls
from cost.board_rates import board_rates, fans_out_alone
from cost.rates import rates
from cost.request_units import Ledger, row_bytes
from cost.traffic import traffic
from cost.workload import DAYS_A_MONTH, Workload
from game.account import PUSH_SHARE

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
_DYNAMODB = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
_PARTITION = _DYNAMODB + "throttling-key-range-limit-exceeded-mitigation.html"


@dataclass(frozen=True)
class Quota:
    """`usage` is what a game uses of it at the busiest moment, in `unit`; `help` names what lowers that."""

    title: str
    unit: str
    limit: Callable[[Workload], float]
    usage: Callable[[Workload], float]
    help: str
    page: str

    def used(self, workload: Workload) -> float:
        """Return the part that is used; above 1 it is not enough."""
        return self.usage(workload) / self.limit(workload)


class Reached(NamedTuple):
    """A quota, the part of it that is used, and with how many players all of it is; None: out of reach."""

    quota: Quota
    used: float
    players: int | None


def reached(workload: Workload) -> list[Reached]:
    """Return every quota, the one that is reached first at the front."""
    found = [Reached(quota, quota.used(workload), players_at(quota, workload)) for quota in QUOTAS]
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


def _requests(workload: Workload) -> float:
    busiest = rates(workload, workload.peak_factor)
    return busiest.requests + busiest.wanted_pushes


def _others(workload: Workload) -> float:
    return traffic(workload, workload.peak_factor).requests


def _connections(workload: Workload) -> float:
    return workload.sessions * workload.peak_factor


def _running(workload: Workload) -> float:
    return rates(workload, workload.peak_factor).running


def _rank_reads(workload: Workload) -> float:
    lookups = _connections(workload) * workload.rank_lookups_per_session
    return lookups * Ledger(workload).units(calls.RANK).reads


def _subscriber_reads(workload: Workload) -> float:
    board, _ = board_rates(workload, workload.peak_factor)
    return board.versions * calls.read_units(row_bytes(workload)["connection"] * board.subscribers)


def _board_row_reads(workload: Workload) -> float:
    """Return the reads of the global board's row: by batches, by every subscribe, and by pings.

    Each container at work reads it for its pings at most once a second, and pays half.
    """
    players = traffic(workload, workload.peak_factor)
    board, _ = board_rates(workload, workload.peak_factor)
    containers = max(1.0, players.sockets_in * workload.request_milliseconds / 1000)
    pings = min(players.pings, containers) / 2
    clients = (players.sessions + pings) * min(1.0, workload.boards_followed)
    return (clients + board.batches) * Ledger(workload).units(calls.BATCH).reads


def _subscription_writes(workload: Workload) -> float:
    """Return the writes on the global board's channel: every session puts a row and deletes it."""
    sessions = _connections(workload) * min(1.0, workload.boards_followed)
    return sessions * 2 * calls.write_units(row_bytes(workload)["connection"])


def _frames(workload: Workload) -> float:
    return traffic(workload, workload.peak_factor).sockets_in


def _rest(workload: Workload) -> float:
    return traffic(workload, workload.peak_factor).rest


def _address_requests(workload: Workload) -> float:
    """Return the requests of one address, without portraits, which the firewall does not count."""
    players = traffic(workload, workload.peak_factor)
    return (players.rest - players.views) * workload.address_share * _FIREWALL_SECONDS


def _sign_ups(workload: Workload) -> float:
    return workload.sign_ups * workload.peak_factor


def _address_sign_ups(workload: Workload) -> float:
    return _sign_ups(workload) * workload.address_share * _FIREWALL_SECONDS


def _fan_out_seconds(workload: Workload) -> float:
    """Return the seconds of one version of the global board with pushers; 0 where one function does it."""
    board, _ = board_rates(workload, workload.peak_factor)
    if fans_out_alone(workload, board):
        return 0.0
    return board.subscribers / (workload.requests_quota * PUSH_SHARE)


def _score_writes(workload: Workload) -> float:
    """Return the writes on the global board: a new best deletes a row and puts one, at twice the price."""
    improved = traffic(workload, workload.peak_factor).improved
    return improved * 4 * calls.write_units(row_bytes(workload)["score"])


def _authentications(workload: Workload) -> float:
    return _connections(workload) * (1 - workload.google_share)


def _federations(workload: Workload) -> float:
    return _connections(workload) * workload.google_share * workload.sign_in_share


def _fixed(limit: float) -> Callable[[Workload], float]:
    return lambda _: limit


PUSHES = Quota(
    "API Gateway: requests and pushes",
    "/s",
    lambda workload: workload.requests_quota,
    _requests,
    "a longer window, fewer boards followed, a smaller K; beyond it changes arrive later. AWS raises it",
    _GATEWAY + "limits.html",
)
QUOTAS = (
    PUSHES,
    Quota(
        "API Gateway: requests alone",
        "/s",
        lambda workload: workload.requests_quota,
        _others,
        "fewer portraits shown (K, boards followed); AWS raises it",
        _GATEWAY + "limits.html",
    ),
    Quota(
        "REST stage: its own limit",
        "/s",
        lambda workload: workload.stage_rate,
        _rest,
        "a higher [throttle] in the stage's file; fewer portraits shown",
        _THROTTLE,
    ),
    Quota(
        "WebSocket stage: its own limit",
        "/s",
        lambda workload: workload.stage_rate,
        _frames,
        "a higher [throttle] in the stage's file; longer sessions",
        _THROTTLE,
    ),
    Quota(
        "Firewall: requests of one address",
        "/5 min",
        lambda workload: workload.address_requests,
        _address_requests,
        "a higher waf_rate_limit in the stage's file",
        _FIREWALL,
    ),
    Quota(
        "Firewall: sign-ups of one address",
        "/5 min",
        lambda workload: workload.address_sign_ups,
        _address_sign_ups,
        "a higher sign_up_limit in the stage's file",
        _FIREWALL,
    ),
    Quota(
        "API Gateway: new connections",
        "/s",
        _fixed(500),
        _connections,
        "longer sessions; AWS raises it",
        _GATEWAY + "apigateway-execution-service-websocket-limits-table.html",
    ),
    Quota(
        "Lambda: functions at work",
        "at once",
        _fixed(1_000),
        _running,
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
        _fixed(PARTITION_READS),
        _rank_reads,
        "fewer rank lookups: each reads every row above the player's on the board",
        _PARTITION,
    ),
    Quota(
        "DynamoDB partition: subscribers",
        "RRU/s",
        _fixed(PARTITION_READS),
        _subscriber_reads,
        "a longer window: all subscribers of the global board are read for every version",
        _PARTITION,
    ),
    Quota(
        "DynamoDB partition: board's row",
        "RRU/s",
        _fixed(PARTITION_READS),
        _board_row_reads,
        "a smaller K: every subscribe reads the row of the global board whole",
        _PARTITION,
    ),
    Quota(
        "DynamoDB partition: subscriptions",
        "WRU/s",
        _fixed(PARTITION_WRITES),
        _subscription_writes,
        "longer sessions; DynamoDB splits a busy partition by itself",
        _PARTITION,
    ),
    Quota(
        "DynamoDB partition: score rows",
        "WRU/s",
        _fixed(PARTITION_WRITES),
        _score_writes,
        "areas that do not count for the global board; DynamoDB splits a busy partition by itself",
        _PARTITION,
    ),
    Quota(
        "Cognito: passwords and renewed tokens",
        "/s",
        _fixed(120),
        _authentications,
        "longer sessions; AWS sells more of it",
        _COGNITO,
    ),
    Quota(
        "Cognito: sign-ins with Google",
        "/s",
        _fixed(25),
        _federations,
        "tokens kept for longer; AWS sells more of it",
        _COGNITO,
    ),
    Quota(
        "Cognito: sign-ups with a password",
        "/s",
        _fixed(50),
        _sign_ups,
        "players with Google; AWS sells more of it",
        _COGNITO,
    ),
    Quota(
        "SES: emails of a day",
        "/day",
        lambda workload: workload.mails_per_day,
        lambda workload: workload.emails / DAYS_A_MONTH,
        "players with Google; SES raises it with what is sent, and on request",
        _SES,
    ),
    Quota(
        "SES: emails at once",
        "/s",
        lambda workload: workload.mails_per_second,
        _sign_ups,
        "players with Google; SES raises it with what is sent, and on request",
        _SES,
    ),
    Quota(
        "Cognito: emails by its own sender",
        "/day",
        _fixed(50),
        lambda workload: workload.emails / DAYS_A_MONTH,
        "an SES identity of one's own",
        _COGNITO,
    ),
)
