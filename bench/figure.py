"""One measured figure: ours beside a peer's."""

import json
import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Figure:
    """A comparison. `unit` is that of `ours` and `peer`; `better` says which of them one wants."""

    bench: str
    case: str
    ours: float
    peer: float
    peer_name: str
    unit: str
    better: Literal["more", "less"]

    @property
    def ratio(self) -> float:
        """How many times better ours is; above 1 means better. Infinite when there is nothing to divide."""
        over, under = (self.ours, self.peer) if self.better == "more" else (self.peer, self.ours)
        return over / under if under else math.inf

    def to_json(self) -> str:
        """Return `{"bench","case","ours","peer","peer_name","ratio","unit"}` as a line; null for infinity."""
        return json.dumps(
            {
                "bench": self.bench,
                "case": self.case,
                "ours": self.ours,
                "peer": self.peer,
                "peer_name": self.peer_name,
                "ratio": self.ratio if math.isfinite(self.ratio) else None,
                "unit": self.unit,
            },
            allow_nan=False,
        )


def number(value: float) -> str:
    """Return three significant digits and more: 0.0123, 1.23, 12.3, 123, 1,234."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"
