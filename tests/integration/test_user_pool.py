"""The user pool of one machine, in the emulator."""

import uuid

import aioboto3
import pytest

from infra.passwords import PASSWORDS
from local import provision

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
async def test_password_has_to_be_as_the_policy_says(
    pool: provision.UserPool, password: str, fits: bool
) -> None:
    async with aioboto3.Session().client("cognito-idp") as cognito:
        signing_up = cognito.sign_up(ClientId=pool.client_id, Username="ada", Password=password)
        if fits:
            assert (await signing_up)["UserSub"]
        else:
            with pytest.raises(cognito.exceptions.InvalidPasswordException):
                await signing_up
