"""Words of messages that several rooms write."""

from collections.abc import Iterable


def listed(names: Iterable[str], most: int = 10) -> str:
    """Return names in their order, as a message lists them: the first ones, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more
