"""What functions print for CloudWatch to count, in Embedded Metric Format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from typing import Any, NamedTuple


class Metric(NamedTuple):
    """A metric as CloudWatch tells it from others; `dimensions` are pairs of name and value."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]


def documents(output: str) -> list[dict[str, Any]]:
    """Return every document of metrics among a function's output, in order."""
    return [json.loads(line) for line in output.splitlines() if '"CloudWatchMetrics"' in line]


def metrics(output: str) -> set[Metric]:
    """Return every metric that CloudWatch finds in a function's output."""
    return {
        Metric(directive["Namespace"], metric["Name"], frozenset((name, document[name]) for name in names))
        for document in documents(output)
        for directive in document["_aws"]["CloudWatchMetrics"]
        for names in directive["Dimensions"]
        for metric in directive["Metrics"]
    }
