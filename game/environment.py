"""The environment of each Lambda function as one typed model: the CDK app writes it, the handler reads it.

Each field is the environment variable `PODIUM_<FIELD>`. A function's handler gets its model from
`runtime.settings.read`; its stack builds the same model and renders it with `variables`. So the type checker
and `make synth` find a missing or misspelled variable before a deployment does.

What the CDK knows only when it deploys (an address, an id) it passes as text with a placeholder: such fields
are text. A model's validator is built when it is first used: no function uses all of them.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from game.live import DIRECT_LIMIT, PUSHERS

PREFIX = "PODIUM_"


class Environment(BaseModel):
    """The base of all: immutable, and without unknown fields."""

    model_config = ConfigDict(
        alias_generator=lambda field: f"{PREFIX}{field.upper()}",
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
    )

    def variables(self) -> dict[str, str]:
        """Return the environment variables by their names; a field that is None has none."""
        values = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {name: str(value) for name, value in values.items()}


class StoreEnvironment(Environment):
    """The environment of all that read or write tables."""

    table_prefix: str = ""
    """The beginning of the tables' names in this deployment; "" by default."""


class SignUpEnvironment(StoreEnvironment):
    """The environment of the user pool's pre-sign-up trigger."""

    guests_per_minute: Annotated[int, Field(ge=1)] | None = None
    """New guests that the stage takes in a minute; it takes none by default."""


class TokensEnvironment(Environment):
    """The environment of all that verify players' tokens themselves."""

    token_issuer: str
    """The `iss` of good tokens: `https://cognito-idp.{region}.amazonaws.com/{userPoolId}`."""
    token_client_id: str
    """The app client that good tokens are for."""
    key_set_url: str
    """Where the user pool's JSON Web Key Set is: `{issuer}/.well-known/jwks.json` on AWS."""


class ConnectionsEnvironment(StoreEnvironment):
    """The environment of all that push to connections, or close them."""

    connections_url: str
    """Where `@connections` is: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`."""


class ApiEnvironment(ConnectionsEnvironment, TokensEnvironment):
    """The environment of the REST API."""

    deployment: str
    """A `game.client_config.Deployment` as JSON, as in `client-config.json`."""
    portrait_function: str
    """The name of the Lambda function that makes portraits."""
    run_secret: str
    """The secret whose versions sign the tickets of runs, by its ARN or name."""


class PushEnvironment(ConnectionsEnvironment):
    """The environment of all that push to connections."""

    push_rate: Annotated[float, Field(gt=0)] | None = None
    """Requests per second to `@connections` of all functions that push, together; by default no limit.

    They share it by `store.budgets`. It is less than the account's quota, which players' requests share.
    """


class RoutesEnvironment(PushEnvironment):
    """The environment of the WebSocket API's routes, and of `avatar-outcome`, which is in their zip."""

    user_pool_id: str
    """The user pool, which is asked whether an admin still is one."""
    spectators: Annotated[int, Field(ge=0)] = 0
    """The most connections without a token at once; 0, the default: none are let in."""
    spectators_per_address: Annotated[int, Field(ge=0)] = 0
    """Of these, the most from one IP address."""


class AuthorizerEnvironment(TokensEnvironment):
    """The environment of the authorizer."""

    spectator_origins: str = ""
    """Origins of pages whose connections need no token, with spaces between; `*` stands for any.

    Without one, which is the default, no spectator is let in. The routes count those who are.
    """


class BroadcasterEnvironment(PushEnvironment):
    """The environment of the broadcaster, its sweep and its pushers."""

    pusher_function: str
    """The name of the Lambda function that pushes to one slice of a large board."""
    direct_limit: Annotated[int, Field(ge=1)] = DIRECT_LIMIT
    """Subscribers of one board; with more of them, pushers are started. 5,000 by default."""
    pushers: Annotated[int, Field(ge=1, le=100)] = PUSHERS
    """Into how many slices a large board's subscribers are split; 8 by default."""
    spectators: bool = False
    """Whether there are spectators for the sweep to count; no by default."""


class PortraitsEnvironment(StoreEnvironment):
    """The environment of the portrait container."""

    avatar_bucket: str
    """The bucket of uploads and portraits."""
    catalogue: Path | None = None
    """The game's catalogue, whose boards show portraits; the one that comes with Podium by default."""
