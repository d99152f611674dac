"""The bill of a month: what is metered, at what price."""

from collections import defaultdict
from dataclasses import dataclass

from cost.day import activity
from cost.prices import Prices
from cost.rates import Rates, rates
from cost.request_units import stored_bytes
from cost.workload import SECONDS_A_DAY, SECONDS_A_MONTH, Workload
from game.metrics import Metric

GB = 2**30
"""AWS bills binary gigabytes."""

PORTRAIT_BYTES = 60_000
"""Of a portrait in its three sizes: a guess."""

_UPLOAD_PUTS = 4
"""The player's POST, and a PUT for each size."""
_UPLOAD_GETS = 2
"""Is it there, and what is it."""


@dataclass(frozen=True)
class Line:
    """A line of the bill. `price` is its entry's path in the price file."""

    service: str
    price: str
    unit: str
    quantity: float
    usd: float


@dataclass(frozen=True)
class Bill:
    """A month: USD in all and by service, in the order of the lines, and the mean rates behind them."""

    usd: float
    by_service: dict[str, float]
    lines: tuple[Line, ...]
    mean: Rates


def bill(workload: Workload, prices: Prices) -> Bill:
    """Return what a month costs."""
    mean = Rates.mean([rates(workload, moment) for moment in activity(workload.peak_factor)])
    lines: list[Line] = []
    by_service: defaultdict[str, float] = defaultdict(float)
    for (service, path), quantity in _quantities(workload, mean).items():
        price = prices.named[path]
        usd = (price if workload.free_tier else price.without_allowance()).cost(quantity)
        lines.append(Line(service, path, price.unit, quantity, usd))
        by_service[service] += usd
    return Bill(sum(line.usd for line in lines), dict(by_service), tuple(lines), mean)


def _quantities(workload: Workload, mean: Rates) -> dict[tuple[str, str], float]:
    """Return what is counted, by service and path of the price."""
    month = SECONDS_A_MONTH
    logs = mean.invocations * month * workload.log_bytes / GB
    return {
        ("API Gateway", "api_gateway.websocket_messages"): mean.messages * month,
        ("API Gateway", "api_gateway.connection_minutes"): mean.connected * month / 60,
        ("API Gateway", "api_gateway.rest_requests"): mean.rest_requests * month,
        ("Lambda", "lambda.requests"): mean.invocations * month,
        ("Lambda", "lambda.gb_seconds"): mean.gb_seconds * month,
        ("DynamoDB", "dynamodb.write_units"): mean.write_units * month,
        ("DynamoDB", "dynamodb.read_units"): mean.read_units * month,
        ("DynamoDB", "dynamodb.storage"): stored_bytes(workload) / GB,
        ("Secrets Manager", "secrets_manager.secrets"): 1,
        ("Cognito", f"cognito.{workload.cognito_plan}_players"): workload.players,
        ("Cognito", "ses.emails"): workload.emails,
        ("S3", "s3.put_requests"): mean.uploads * month * _UPLOAD_PUTS,
        ("S3", "s3.get_requests"): (mean.uploads * _UPLOAD_GETS + mean.picture_views) * month,
        ("S3", "s3.storage"): workload.players * workload.portrait_share * PORTRAIT_BYTES / GB,
        ("Data transfer", "transfer.out"): mean.out_bytes * month / GB,
        ("CloudWatch", "cloudwatch.logs"): logs,
        ("CloudWatch", "cloudwatch.log_storage"): logs * workload.log_days * SECONDS_A_DAY / month,
        ("CloudWatch", "cloudwatch.metrics"): len(Metric),
        ("CloudWatch", "cloudwatch.alarms"): workload.alarms,
        ("CloudWatch", "cloudwatch.dashboards"): workload.dashboards,
    }
