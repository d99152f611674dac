"""The environment of the portrait container."""

from pathlib import Path

from game.catalogue import DEFAULT_PATH
from runtime.settings import Settings


class PortraitSettings(Settings):
    """Each field is the environment variable `PODIUM_<FIELD>`."""

    avatar_bucket: str
    """The bucket of uploads and portraits."""
    table_prefix: str = ""
    """What the tables' names start with in this deployment; "" by default."""
    catalogue: Path = DEFAULT_PATH
    """The game's catalogue, whose boards show portraits; the one that comes with Podium by default."""
