"""What IAM policies allow."""

from collections.abc import Iterator, Mapping
from typing import Any


def allowed(policy: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each action with each resource that a policy's document allows. Fails where it says anything else."""
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow", statement
        for action in _as_list(statement["Action"]):
            for resource in _as_list(statement["Resource"]):
                yield action, resource


def _as_list(value: Any) -> list[Any]:
    """Return the items; a single one may come without its list."""
    return value if isinstance(value, list) else [value]
