"""Players' accounts: made, signed in and kept signed in with Cognito, as a game's client does it."""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from loadtest.target import TargetConfig

ATTEMPTS = 8
"""Cognito's quotas are per account and second; a request over them is asked to come back, as the SDK does."""

_AT_ONCE = 50
_RENEW_SECONDS = 60


class AccountError(Exception):
    """Cognito refused, or does not answer; the message names the operation and Cognito's word for it."""


class Cognito:
    """The operations of one user pool. All accounts share a password that only this run knows."""

    def __init__(self, client: Any, config: TargetConfig, password: str) -> None:
        self._client = client
        self._config = config
        self._password = password

    @classmethod
    @asynccontextmanager
    async def open(cls, config: TargetConfig, password: str) -> AsyncIterator[Self]:
        """Yield a client of the target's user pool."""
        async with aioboto3.Session(region_name=config.region).client(
            "cognito-idp",
            endpoint_url=config.cognito_endpoint,
            config=AioConfig(
                max_pool_connections=_AT_ONCE,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            ),
        ) as client:
            yield cls(client, config, password)

    async def sign_up(self, username: str, name: str) -> None:
        """Make an account that can sign in. Raises AccountError.

        On AWS the codes that are mailed to made-up players are not read: they are confirmed with the caller's
        own AWS credentials. The emulator takes any code.
        """
        try:
            await self._call(
                "sign_up",
                ClientId=self._config.user_pool_client_id,
                Username=username,
                Password=self._password,
                UserAttributes=[{"Name": "name", "Value": name}],
            )
        except AccountError as error:
            # The name is random, so it is ours: made by a request whose answer was lost.
            if "UsernameExistsException" not in str(error):
                raise
        if self._config.cognito_endpoint is None:
            pool = self._config.user_pool_id
            await self._call("admin_confirm_sign_up", UserPoolId=pool, Username=username)
        else:
            client_id = self._config.user_pool_client_id
            await self._call(
                "confirm_sign_up", ClientId=client_id, Username=username, ConfirmationCode="000000"
            )

    async def sign_in(self, username: str) -> dict[str, Any]:
        """Return `IdToken`, `AccessToken` and so on. Raises AccountError."""
        answer = await self._call(
            "initiate_auth",
            ClientId=self._config.user_pool_client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": username, "PASSWORD": self._password},
        )
        if "AuthenticationResult" not in answer:
            raise AccountError(f"Cognito InitiateAuth: {answer.get('ChallengeName', 'no tokens')}")
        tokens: dict[str, Any] = answer["AuthenticationResult"]
        return tokens

    async def _call(self, method: str, **request: Any) -> dict[str, Any]:
        operation = self._client.meta.method_to_api_mapping[method]
        try:
            answer: dict[str, Any] = await getattr(self._client, method)(**request)
        except ClientError as error:
            raise AccountError(f"Cognito {operation}: {error.response['Error']['Code']}") from error
        except BotoCoreError as error:
            raise AccountError(f"Cognito {operation}: {type(error).__name__}") from error
        return answer


class Account:
    """One account, signed in. `token` is good for a while yet."""

    def __init__(self, cognito: Cognito, username: str) -> None:
        self._cognito = cognito
        self._username = username
        self._signing_in = asyncio.Lock()
        self._id_token = self.user_id = ""
        self._expires_at = 0.0

    @classmethod
    async def make(cls, cognito: Cognito, username: str, name: str) -> Self:
        """Return a new account, signed in. Raises AccountError."""
        await cognito.sign_up(username, name)
        account = cls(cognito, username)
        await account.token()
        return account

    async def token(self) -> str:
        """Return an id token that has at least a minute left. Raises AccountError."""
        async with self._signing_in:
            if time.monotonic() > self._expires_at - _RENEW_SECONDS:
                tokens = await self._cognito.sign_in(self._username)
                self._id_token = tokens["IdToken"]
                self._expires_at = time.monotonic() + tokens["ExpiresIn"]
                payload = self._id_token.split(".")[1]
                claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
                self.user_id = claims["sub"]
        return self._id_token
