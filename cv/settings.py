"""The environment of the portrait container."""

from store.settings import Settings


class PortraitSettings(Settings):
    """Each field is the environment variable `PODIUM_<FIELD>`."""

    avatar_bucket: str
    """The bucket of uploads and portraits."""
    table_prefix: str = ""
    """What the tables' names start with in this deployment; "" by default."""
