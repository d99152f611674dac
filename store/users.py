"""The user pool, asked with the operator's rights: what a user is now, whatever an older token says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import aioboto3
from botocore.exceptions import BotoCoreError, ClientError

from game.guests import has_guest_name
from runtime.sdk import SDK_CONFIG
from store.errors import StoreError

if TYPE_CHECKING:
    from types_aiobotocore_cognito_idp import CognitoIdentityProviderClient
    from types_aiobotocore_cognito_idp.type_defs import AdminGetUserResponseTypeDef


class UsersUnavailableError(StoreError):
    """Cognito did not answer, or has more to do than its quota allows: ask again."""


class UserPool:
    """A user pool. Its client is made when it is first needed, for most invocations never need it.

    `stack` closes the client in the end.
    """

    def __init__(self, session: aioboto3.Session, pool_id: str, stack: AsyncExitStack) -> None:
        self._session = session
        self._pool_id = pool_id
        self._stack = stack
        self._lock = asyncio.Lock()
        self._opened: CognitoIdentityProviderClient | None = None

    async def is_member(self, username: str, user_id: str, group: str) -> bool:
        """Return whether the user is enabled and belongs to a group at this moment.

        `username` is as in the user's tokens; `user_id` is their `sub`, which tells a deleted user from a new
        one of the same name. Raises UsersUnavailableError.
        """
        client = await self._client()
        try:
            user = await client.admin_get_user(UserPoolId=self._pool_id, Username=username)
            if not user.get("Enabled") or _sub(user) != user_id:
                return False
            pages = client.get_paginator("admin_list_groups_for_user").paginate(
                UserPoolId=self._pool_id, Username=username
            )
            return group in [one.get("GroupName") async for page in pages for one in page["Groups"]]
        except client.exceptions.UserNotFoundException:
            return False
        except (ClientError, BotoCoreError, TimeoutError) as error:
            raise UsersUnavailableError(f"the user pool does not say who {user_id} is: {error}") from error

    async def is_guest(self, username: str, user_id: str) -> bool:
        """Return whether the user is a guest at this moment: called like one, and without an e-mail address.

        `username` and `user_id` as for `is_member`. An address that was not confirmed yet does not count: the
        pool shows it only afterwards. One who is gone is no guest. Raises UsersUnavailableError.
        """
        if not has_guest_name(username):
            return False
        client = await self._client()
        try:
            user = await client.admin_get_user(UserPoolId=self._pool_id, Username=username)
        except client.exceptions.UserNotFoundException:
            return False
        except (ClientError, BotoCoreError, TimeoutError) as error:
            raise UsersUnavailableError(f"the user pool does not say who {user_id} is: {error}") from error
        return _sub(user) == user_id and not _attributes(user).get("email")

    async def describe(self, username: str, user_id: str) -> dict[str, str]:
        """Return what the pool has of a user: attributes by name, and `createdAt`, `status` and `username`.

        `username` and `user_id` as for `is_member`. Empty for one who is gone. Raises UsersUnavailableError.
        """
        client = await self._client()
        try:
            user = await client.admin_get_user(UserPoolId=self._pool_id, Username=username)
        except client.exceptions.UserNotFoundException:
            return {}
        except (ClientError, BotoCoreError, TimeoutError) as error:
            raise UsersUnavailableError(f"the user pool does not say who {user_id} is: {error}") from error
        if _sub(user) != user_id:
            return {}
        shown = {name: value for name, value in _attributes(user).items() if value is not None}
        times = {"createdAt": "UserCreateDate", "updatedAt": "UserLastModifiedDate"}
        shown |= {name: user[key].isoformat() for name, key in times.items() if key in user}  # type: ignore[literal-required]
        return shown | {"username": user["Username"], "status": user.get("UserStatus", "")}

    async def delete(self, username: str, user_id: str) -> None:
        """Delete a user; one who is gone already is no error.

        `username` and `user_id` as for `is_member`: a new user of the same name is left alone. The name is
        what Cognito takes for every user: a `sub` stands for a local one only, not for one of Google's.
        https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminDeleteUser.html
        Raises UsersUnavailableError.
        """
        client = await self._client()
        try:
            user = await client.admin_get_user(UserPoolId=self._pool_id, Username=username)
            if _sub(user) == user_id:
                await client.admin_delete_user(UserPoolId=self._pool_id, Username=username)
        except client.exceptions.UserNotFoundException:
            pass
        except (ClientError, BotoCoreError, TimeoutError) as error:
            raise UsersUnavailableError(f"the user pool does not delete {user_id}: {error}") from error

    async def _client(self) -> "CognitoIdentityProviderClient":
        async with self._lock:
            if self._opened is None:
                opening = self._session.client("cognito-idp", config=SDK_CONFIG)
                self._opened = await self._stack.enter_async_context(opening)
        return self._opened


def _sub(user: "AdminGetUserResponseTypeDef") -> str | None:
    return _attributes(user).get("sub")


def _attributes(user: "AdminGetUserResponseTypeDef") -> dict[str, str | None]:
    return {one["Name"]: one.get("Value") for one in user.get("UserAttributes", [])}


@asynccontextmanager
async def open_user_pool(session: aioboto3.Session, pool_id: str) -> AsyncIterator[UserPool]:
    """Open the pool of this deployment; endpoint, Region and credentials come from the SDK's own settings."""
    async with AsyncExitStack() as stack:
        yield UserPool(session, pool_id, stack)
