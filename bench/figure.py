"""One measured figure: ours beside a peer's."""

import json
from dataclasses import asdict, dataclass
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
        """How many times better ours is; above 1 means better. Infinite when there is nothing to divide by."""
        over, under = (self.ours, self.peer) if self.better == "more" else (self.peer, self.ours)
        return over / under if under else float("inf")

    def to_json(self) -> str:
        """`{"bench","case","ours","peer","peer_name","ratio","unit"}` on one line."""
        values = asdict(self)
        del values["better"]
        return json.dumps(values | {"ratio": self.ratio})
