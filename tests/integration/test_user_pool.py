"""The user pool of one machine, in the emulator."""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import aioboto3
import pytest

from game.groups import ADMINS
from infra.passwords import PASSWORDS
from local import provision
from store.users import UserPool, UsersUnavailableError, open_user_pool

NAME = "ada"
GUEST = "guest-badger-x7k2p"

FITTING = "Aa1-" + "x" * (PASSWORDS.min_length - 4)


@pytest.fixture
async def pool(aws_environment: str, monkeypatch: pytest.MonkeyPatch) -> provision.UserPool:
    # SignUp lands in the default account, which all tests share.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setattr(provision, "USER_POOL", f"pool-{uuid.uuid4()}")
    return await provision.create_user_pool(aioboto3.Session())


@pytest.mark.parametrize(
    ("password", "fits"),
    [
        (FITTING, True),
        (FITTING[:-1], False),
        (FITTING.lower(), not PASSWORDS.require_uppercase),
        (FITTING.upper(), not PASSWORDS.require_lowercase),
        (FITTING.replace("1", "y"), not PASSWORDS.require_digits),
        (FITTING.replace("-", "y"), not PASSWORDS.require_symbols),
    ],
)
async def test_password_is_accepted_exactly_when_it_fits_the_policy(
    pool: provision.UserPool, password: str, fits: bool
) -> None:
    async with aioboto3.Session().client("cognito-idp") as cognito:
        signing_up = cognito.sign_up(ClientId=pool.client_id, Username="ada", Password=password)
        if fits:
            assert (await signing_up)["UserSub"]
        else:
            with pytest.raises(cognito.exceptions.InvalidPasswordException):
                await signing_up


@pytest.fixture
async def cognito(pool: provision.UserPool) -> AsyncIterator[Any]:
    """Cognito's administrator."""
    async with aioboto3.Session().client("cognito-idp") as client:
        yield client


@pytest.fixture
async def users(pool: provision.UserPool) -> AsyncIterator[UserPool]:
    """Yield the pool as the functions ask it."""
    async with open_user_pool(aioboto3.Session(), pool.id) as users:
        yield users


async def add_admin(pool: provision.UserPool, cognito: Any) -> str:
    """Return a new user called NAME, in the group; their `sub`."""
    made = await cognito.admin_create_user(UserPoolId=pool.id, Username=NAME)
    await cognito.admin_add_user_to_group(UserPoolId=pool.id, Username=NAME, GroupName=ADMINS)
    return str({one["Name"]: one["Value"] for one in made["User"]["Attributes"]}["sub"])


async def test_member_of_a_group_is_one(pool: provision.UserPool, cognito: Any, users: UserPool) -> None:
    user_id = await add_admin(pool, cognito)
    assert await users.is_member(NAME, user_id, ADMINS)
    assert not await users.is_member(NAME, user_id, "servers")


async def test_user_who_was_removed_from_the_group_is_no_member(
    pool: provision.UserPool, cognito: Any, users: UserPool
) -> None:
    user_id = await add_admin(pool, cognito)
    await cognito.admin_remove_user_from_group(UserPoolId=pool.id, Username=NAME, GroupName=ADMINS)
    assert not await users.is_member(NAME, user_id, ADMINS)


async def test_disabled_user_is_no_member_until_enabled(
    pool: provision.UserPool, cognito: Any, users: UserPool
) -> None:
    user_id = await add_admin(pool, cognito)
    await cognito.admin_disable_user(UserPoolId=pool.id, Username=NAME)
    assert not await users.is_member(NAME, user_id, ADMINS)
    await cognito.admin_enable_user(UserPoolId=pool.id, Username=NAME)
    assert await users.is_member(NAME, user_id, ADMINS)


async def test_deleted_user_is_no_member_even_if_another_takes_the_name(
    pool: provision.UserPool, cognito: Any, users: UserPool
) -> None:
    user_id = await add_admin(pool, cognito)
    await cognito.admin_delete_user(UserPoolId=pool.id, Username=NAME)
    assert not await users.is_member(NAME, user_id, ADMINS)
    another = await add_admin(pool, cognito)
    assert await users.is_member(NAME, another, ADMINS)
    assert not await users.is_member(NAME, user_id, ADMINS)


async def test_membership_raises_for_a_missing_pool(aws_environment: str) -> None:
    async with open_user_pool(aioboto3.Session(), "us-east-1_nowhere") as users:
        with pytest.raises(UsersUnavailableError, match="stranger"):
            await users.is_member(NAME, "stranger", ADMINS)


async def add_player(pool: provision.UserPool, cognito: Any, name: str, **attributes: str) -> str:
    """Return the `sub` of a new user."""
    given = [{"Name": key, "Value": value} for key, value in attributes.items()]
    made = await cognito.admin_create_user(UserPoolId=pool.id, Username=name, UserAttributes=given)
    return str({one["Name"]: one["Value"] for one in made["User"]["Attributes"]}["sub"])


async def test_guest_is_one_until_there_is_an_address(
    pool: provision.UserPool, cognito: Any, users: UserPool
) -> None:
    user_id = await add_player(pool, cognito, GUEST)
    assert await users.is_guest(GUEST, user_id)
    address = [{"Name": "email", "Value": "ada@example.org"}]
    await cognito.admin_update_user_attributes(UserPoolId=pool.id, Username=GUEST, UserAttributes=address)
    assert not await users.is_guest(GUEST, user_id)


async def test_player_of_another_name_is_no_guest_without_an_address(
    pool: provision.UserPool, cognito: Any, users: UserPool
) -> None:
    assert not await users.is_guest(NAME, await add_player(pool, cognito, NAME))


async def test_guest_of_the_same_name_as_a_deleted_one_is_another(
    pool: provision.UserPool, cognito: Any, users: UserPool
) -> None:
    user_id = await add_player(pool, cognito, GUEST)
    await cognito.admin_delete_user(UserPoolId=pool.id, Username=GUEST)
    assert not await users.is_guest(GUEST, user_id)
    another = await add_player(pool, cognito, GUEST)
    assert await users.is_guest(GUEST, another)
    assert not await users.is_guest(GUEST, user_id)


async def test_asking_for_a_guest_raises_for_a_missing_pool(aws_environment: str) -> None:
    async with open_user_pool(aioboto3.Session(), "us-east-1_nowhere") as users:
        with pytest.raises(UsersUnavailableError, match="stranger"):
            await users.is_guest(GUEST, "stranger")


async def test_user_is_described_by_what_the_pool_has(
    pool: provision.UserPool, cognito: Any, users: UserPool
) -> None:
    user_id = await add_player(pool, cognito, NAME, email="ada@example.org", locale="en")
    described = await users.describe(NAME, user_id)
    assert {"sub": user_id, "email": "ada@example.org", "locale": "en", "username": NAME}.items() <= (
        described.items()
    )
    assert datetime.fromisoformat(described["createdAt"]).tzinfo
    assert await users.describe(NAME, "another-sub") == {}
    assert await users.describe("stranger", user_id) == {}


async def test_deleted_user_is_gone_and_deleting_again_is_no_error(
    pool: provision.UserPool, cognito: Any, users: UserPool
) -> None:
    user_id = await add_admin(pool, cognito)
    for _ in range(2):
        await users.delete(NAME, user_id)
        with pytest.raises(cognito.exceptions.UserNotFoundException):
            await cognito.admin_get_user(UserPoolId=pool.id, Username=NAME)


async def test_new_user_of_the_same_name_is_not_deleted(
    pool: provision.UserPool, cognito: Any, users: UserPool
) -> None:
    user_id = await add_admin(pool, cognito)
    await users.delete(NAME, user_id)
    another = await add_admin(pool, cognito)
    await users.delete(NAME, user_id)
    assert await users.is_member(NAME, another, ADMINS)


async def test_delete_raises_for_a_missing_pool(aws_environment: str) -> None:
    async with open_user_pool(aioboto3.Session(), "us-east-1_nowhere") as users:
        with pytest.raises(UsersUnavailableError, match="stranger"):
            await users.delete(NAME, "stranger")
