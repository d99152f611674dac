"""Events as AWS sends them, recorded as JSON."""

import json
from pathlib import Path
from typing import Any


def recorded(name: str) -> dict[str, Any]:
    """Return a fresh copy of the event `<name>.json`."""
    path = Path(__file__).with_name(f"{name}.json")
    event: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return event
