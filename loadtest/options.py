"""The options of `python -m loadtest`: one field each, with its unit, default and bounds."""

import argparse
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticUndefined

from game.catalogue import DEFAULT_PATH
from game.durations import Duration, to_text
from game.model import Model
from loadtest.errors import LoadTestError

DEFAULT_TARGET = "http://127.0.0.1:8000/client-config.json"
_SHORTEST_SEASON_MS = 4_000
"""Shorter ones are over before a laptop has pushed them: it publishes a new season within two seconds."""


def _number_or_names(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return int(value) if value.isdecimal() else tuple(name.strip() for name in value.split(","))


Boards = Annotated[
    Annotated[int, Field(ge=1, le=32)]
    | Annotated[tuple[str, ...], Field(min_length=1, max_length=32)]
    | None,
    BeforeValidator(_number_or_names),
]


class Options(Model):
    """The options: what to simulate, where, for how long. Each field is an option of the same name."""

    players: int = Field(20, ge=1, le=5_000, description="players: they watch, and submit scores")
    spectators: int = Field(
        200, ge=0, le=20_000, description="connections that only watch: they have no account"
    )
    boards: Boards = Field(
        None, description="names with commas between, or how many; every area and `global` by default"
    )
    rate: float = Field(5.0, gt=0, le=1_000, description="scores per second, of all players together")
    ramp: float = Field(
        10.0, ge=0, le=600, description="seconds over which clients arrive and the rate rises; not measured"
    )
    duration: float = Field(120.0, ge=1, le=3_600, description="seconds of play, the ramp included")
    churn: float = Field(
        10.0, ge=0, le=600, description="leavings a minute per hundred clients, who then come back"
    )
    season: Duration | None = Field(
        None,
        description="length of the seasons to cross, as in 30s: of a backend that is started for the run, or"
        " of the --target, which then has to have such seasons",
    )
    target: str | None = Field(
        None, description=f"address of a client-config.json, or a file; by default {DEFAULT_TARGET}"
    )
    seed: int = Field(1, ge=0, description="of everything random but the account names")
    out: Path = Field(Path("loadtest-report"), description="folder of the report")
    processes: int = Field(2, ge=1, le=16, description="processes that the clients are spread over")
    settle: float = Field(
        30.0, ge=1, le=600, description="seconds to wait at the end for the boards to be quiet"
    )
    catalogue: Path = Field(DEFAULT_PATH, description="the target's catalogue: areas, and what they feed")
    keep_players: bool = Field(False, description="leave accounts and scores behind instead of deleting them")
    allow_remote: bool = Field(
        False, description="play on a target that is not this machine; it may cost money and must be yours"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.ramp >= self.duration:
            raise ValueError(f"--ramp ({self.ramp:g}) must be below --duration ({self.duration:g})")
        if self.season is not None and not _SHORTEST_SEASON_MS <= self.season < self.duration * 1000:
            raise ValueError(
                f"--season ({to_text(self.season)}) must be from {to_text(_SHORTEST_SEASON_MS)} to below"
                f" --duration ({self.duration:g} seconds): no boundary would be crossed otherwise"
            )
        return self

    @property
    def address(self) -> str:
        """The target: address of a client-config.json, or a file."""
        return self.target or DEFAULT_TARGET

    @property
    def clients(self) -> int:
        """Connections in all."""
        return self.players + self.spectators

    def players_of(self, worker: int) -> range:
        """Return the players, by number from 0, that one of the processes plays."""
        return range(worker, self.players, self.processes)

    def spectators_of(self, worker: int) -> range:
        """Return the spectators, by number from 0, that one of the processes plays."""
        return range(worker, self.spectators, self.processes)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options, with their descriptions."""
    for name, field in Options.model_fields.items():
        default = field.get_default()
        if field.annotation is bool:
            parser.add_argument(_option(name), action="store_true", help=field.description)
            continue
        shown = "" if default in (None, PydanticUndefined) else f" (default: {default})"
        parser.add_argument(_option(name), metavar="X", default=default, help=f"{field.description}{shown}")


def read_options(arguments: argparse.Namespace) -> Options:
    """Return the options as given. Raises LoadTestError, which names every one that is wrong."""
    given = {name: getattr(arguments, name) for name in Options.model_fields}
    try:
        return Options.model_validate(given)
    except ValidationError as error:
        problems = [f"{_where(detail['loc'])}{detail['msg']}" for detail in error.errors(include_url=False)]
        raise LoadTestError("\n".join(dict.fromkeys(problems))) from error


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _where(location: tuple[int | str, ...]) -> str:
    return f"{_option(str(location[0]))}: " if location else ""
