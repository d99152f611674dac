"""The environment of `make run`."""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Field(ge=1, le=65535)]

REGION = "us-east-1"
CHECKOUT = Path(__file__).resolve().parent.parent


class LocalSettings(BaseSettings):
    """Each field is the environment variable `PODIUM_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="PODIUM_", frozen=True)

    http_port: Port = 8000
    """REST, the demo page and `/client-config.json`; 8000 by default."""
    ws_port: Port = 8001
    """The WebSocket API and `/@connections`; 8001 by default."""
    emulator_port: Port = 4566
    """DynamoDB, S3 and Cognito; 4566 by default. Not used where AWS_ENDPOINT_URL is set."""
    data_dir: Path = CHECKOUT / ".podium"
    """The folder that is kept between runs; `.podium` in the checkout by default."""
    sweep_seconds: Annotated[float, Field(gt=0)] = 60
    """Between two sweeps, which put right what no score showed; 60 by default, as on AWS."""
    spectators: Annotated[int, Field(ge=0)] = 10_000
    """Connections without a token at once, all from one address; 10,000 by default, and 0 lets none in."""
    catalogue: Path = CHECKOUT / "game" / "catalogue.toml"
    """The game's catalogue; the one that comes with Podium by default."""


def has_own_endpoint(environment: MutableMapping[str, str]) -> bool:
    """Return whether an endpoint of the caller's is to be used, so that no emulator is started."""
    return "AWS_ENDPOINT_URL" in environment


def point_at_emulator(
    environment: MutableMapping[str, str], url: str, credentials: Mapping[str, str]
) -> None:
    """Make the SDK of this process use the emulator, with its credentials and never with real ones.

    A variable for one service (`AWS_ENDPOINT_URL_DYNAMODB`, …) still counts for that one.
    """
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        environment.pop(name, None)
    environment.update(
        {
            "AWS_ENDPOINT_URL": url,
            **credentials,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )
    set_region(environment)


def set_region(environment: MutableMapping[str, str]) -> str:
    """Set the SDK's Region, us-east-1 where the environment names none, and return it."""
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or REGION
    environment["AWS_REGION"] = environment["AWS_DEFAULT_REGION"] = region
    return region
