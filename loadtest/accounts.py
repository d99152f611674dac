"""Players' accounts: made, signed in, kept signed in and deleted with Cognito, as a game's client does it."""

import asyncio
import base64
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

import aiohttp

from loadtest.target import TargetConfig

_ATTEMPTS = 8
_BACKOFF_SECONDS, _BACKOFF_CAP_SECONDS = 0.2, 10.0
# Cognito's quotas are per account and second; a request over them is asked to come back.
_THROTTLED = {"TooManyRequestsException", "LimitExceededException", "InternalErrorException"}
_RENEW_SECONDS = 60


class AccountError(Exception):
    """Cognito refused, or does not answer; the message names the operation and Cognito's word for it."""


class Cognito:
    """The operations of one user pool. All accounts share a password that only this run knows."""

    def __init__(
        self, http: aiohttp.ClientSession, config: TargetConfig, password: str, admin: Any | None
    ) -> None:
        self._http = http
        self._config = config
        self._password = password
        self._admin = admin

    @classmethod
    @asynccontextmanager
    async def open(
        cls, http: aiohttp.ClientSession, config: TargetConfig, password: str
    ) -> AsyncIterator[Self]:
        """Yield a client of the target's user pool.

        On AWS the codes that are mailed to made-up players are not read: they are confirmed with the caller's
        own AWS credentials. The emulator takes any code.
        """
        async with AsyncExitStack() as stack:
            admin = None
            if config.cognito_endpoint is None:
                # A second of imports that the laptop does without.
                import aioboto3

                session = aioboto3.Session(region_name=config.region)
                admin = await stack.enter_async_context(session.client("cognito-idp"))
            yield cls(http, config, password, admin)

    async def sign_up(self, username: str, name: str) -> None:
        """Make an account that can sign in. Raises AccountError."""
        try:
            await self._call(
                "SignUp",
                ClientId=self._config.user_pool_client_id,
                Username=username,
                Password=self._password,
                UserAttributes=[{"Name": "name", "Value": name}],
            )
        except AccountError as error:
            # The name is random, so it is ours: made by a request whose answer was lost.
            if "UsernameExistsException" not in str(error):
                raise
        await self._confirm(username)

    async def sign_in(self, username: str) -> dict[str, Any]:
        """Return `IdToken`, `AccessToken` and so on. Raises AccountError."""
        parameters = {"USERNAME": username, "PASSWORD": self._password}
        answer = await self._call(
            "InitiateAuth",
            ClientId=self._config.user_pool_client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters=parameters,
        )
        if "AuthenticationResult" not in answer:
            raise AccountError(f"Cognito InitiateAuth: {answer.get('ChallengeName', 'no tokens')}")
        tokens: dict[str, Any] = answer["AuthenticationResult"]
        return tokens

    async def delete(self, access_token: str) -> None:
        """Delete the account that is signed in with this token. Raises AccountError."""
        await self._call("DeleteUser", AccessToken=access_token)

    async def _confirm(self, username: str) -> None:
        if self._admin is None:
            client_id = self._config.user_pool_client_id
            await self._call(
                "ConfirmSignUp", ClientId=client_id, Username=username, ConfirmationCode="000000"
            )
            return
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            await self._admin.admin_confirm_sign_up(UserPoolId=self._config.user_pool_id, Username=username)
        except (BotoCoreError, ClientError) as error:
            raise AccountError(f"Cognito AdminConfirmSignUp: {error}") from error

    async def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        for attempt in range(_ATTEMPTS):
            try:
                return await self._try(operation, request)
            except (aiohttp.ClientError, TimeoutError, _ThrottledError) as error:
                reason = str(error) or type(error).__name__
                bound = min(_BACKOFF_CAP_SECONDS, _BACKOFF_SECONDS * 2**attempt)
                await asyncio.sleep(random.uniform(0, bound))
        raise AccountError(f"Cognito {operation}: {reason}")

    async def _try(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        async with self._http.post(
            self._config.cognito_url,
            data=json.dumps(request),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
            },
        ) as response:
            text = await response.text()
        body = _json_object(text)
        if response.status == 200:
            return body
        kind = str(body.get("__type", response.status)).rpartition("#")[2]
        if kind in _THROTTLED or response.status >= 500:
            raise _ThrottledError(kind)
        raise AccountError(f"Cognito {operation}: {kind}")


class _ThrottledError(Exception):
    pass


class Account:
    """One account, signed in. `token` is good for a while yet."""

    def __init__(self, cognito: Cognito, username: str) -> None:
        self._cognito = cognito
        self._username = username
        self._signing_in = asyncio.Lock()
        self._id_token = self._access_token = self.user_id = ""
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
                self._id_token, self._access_token = tokens["IdToken"], tokens["AccessToken"]
                self._expires_at = time.monotonic() + tokens["ExpiresIn"]
                self.user_id = _claims(self._id_token)["sub"]
        return self._id_token

    async def delete(self) -> None:
        """Delete it for good. Raises AccountError."""
        await self.token()
        await self._cognito.delete(self._access_token)


def _claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return _json_object(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def _json_object(text: str | bytes) -> dict[str, Any]:
    try:
        body = json.loads(text or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
