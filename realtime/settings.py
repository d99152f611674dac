"""The environment of the Lambdas that push to connections, of the routes, and of the authorizer."""

from typing import Annotated

from pydantic import Field

from runtime.settings import Settings


class RealtimeSettings(Settings):
    """Of the routes and the broadcaster. Each field is the environment variable `PODIUM_<FIELD>`."""

    table_prefix: str = ""
    """What the tables' names start with in this deployment; "" by default."""
    push_rate: Annotated[float, Field(gt=0)] | None = None
    """Requests per second to `@connections` of all functions that push, together; by default no limit.

    They share it by `store.budgets`. It is less than the account's quota, which players' requests share.
    """
    connections_url: str
    """Where `@connections` is: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`."""


class RoutesSettings(RealtimeSettings):
    """Of the routes."""

    user_pool_id: str
    """The user pool, which is asked whether an admin still is one."""


class AuthorizerSettings(Settings):
    """Of the authorizer. Each field is the environment variable `PODIUM_<FIELD>`."""

    token_issuer: str
    """The `iss` of good tokens: `https://cognito-idp.{region}.amazonaws.com/{userPoolId}`."""
    token_client_id: str
    """The app client that good tokens are for."""
    key_set_url: str
    """Where the user pool's JSON Web Key Set is: `{issuer}/.well-known/jwks.json` on AWS."""
