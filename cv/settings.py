"""The environment of the portrait container."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class PortraitSettings(BaseSettings):
    """Each field is the environment variable `PODIUM_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="PODIUM_", frozen=True)

    avatar_bucket: str
    """The bucket of uploads and portraits."""
    table_prefix: str = ""
    """What the tables' names start with in this deployment; "" by default."""
