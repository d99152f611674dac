"""Accounts: made, signed in, renewed and deleted."""

from typing import Any

import aiohttp
import pytest
from botocore.exceptions import ClientError

from loadtest import accounts
from loadtest.accounts import Account, AccountError, Cognito
from tests.unit.loadtest.stand_in import StandIn

PASSWORD = "Secret-1"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "_BACKOFF_SECONDS", 0.001)


async def test_account_is_made_signed_in_and_deleted(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    async with Cognito.open(http, stand_in.config(), PASSWORD) as cognito:
        account = await Account.make(cognito, "ada", "Ada")
        assert account.user_id == "sub-ada"
        assert stand_in.requests[0]["UserAttributes"] == [{"Name": "name", "Value": "Ada"}]
        token = await account.token()
        assert token == await account.token()
        await account.delete()
    assert stand_in.calls == ["SignUp", "ConfirmSignUp", "InitiateAuth", "DeleteUser"]
    assert stand_in.users == {}


async def test_token_that_runs_out_is_renewed(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    stand_in.expires_in = 59
    async with Cognito.open(http, stand_in.config(), PASSWORD) as cognito:
        account = await Account.make(cognito, "ada", "Ada")
        await account.token()
    assert stand_in.calls.count("InitiateAuth") == 2


@pytest.mark.parametrize(
    "failure",
    [
        (400, {"__type": "TooManyRequestsException"}),
        (400, {"__type": "com.amazonaws.cognito#TooManyRequestsException"}),
        (500, {"__type": "InternalErrorException"}),
        (503, "<html>"),
    ],
    ids=["throttled", "throttled by full name", "internal", "not JSON"],
)
async def test_throttled_call_is_repeated(
    failure: tuple[int, Any], stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    stand_in.failures["InitiateAuth"].extend([failure] * 3)
    async with Cognito.open(http, stand_in.config(), PASSWORD) as cognito:
        await Account.make(cognito, "ada", "Ada")
    assert stand_in.calls.count("InitiateAuth") == 4


async def test_throttling_without_end_is_told(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    stand_in.failures["SignUp"].extend([(400, {"__type": "TooManyRequestsException"})] * 100)
    async with Cognito.open(http, stand_in.config(), PASSWORD) as cognito:
        with pytest.raises(AccountError, match="Cognito SignUp: TooManyRequestsException"):
            await Account.make(cognito, "ada", "Ada")
    assert stand_in.calls == ["SignUp"] * 8


async def test_sign_up_whose_answer_was_lost_is_no_failure(
    stand_in: StandIn, http: aiohttp.ClientSession
) -> None:
    stand_in.users["ada"] = PASSWORD
    async with Cognito.open(http, stand_in.config(), PASSWORD) as cognito:
        account = await Account.make(cognito, "ada", "Ada")
    assert account.user_id == "sub-ada"


async def test_refusal_names_operation_and_reason(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    stand_in.failures["SignUp"].append((400, {"__type": "InvalidPasswordException"}))
    async with Cognito.open(http, stand_in.config(), PASSWORD) as cognito:
        with pytest.raises(AccountError, match=r"^Cognito SignUp: InvalidPasswordException$"):
            await Account.make(cognito, "ada", "Ada")
    assert stand_in.calls == ["SignUp"]


async def test_sign_in_that_asks_for_more_is_refused(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    stand_in.failures["InitiateAuth"].append((200, {"ChallengeName": "SMS_MFA"}))
    async with Cognito.open(http, stand_in.config(), PASSWORD) as cognito:
        with pytest.raises(AccountError, match="SMS_MFA"):
            await Account.make(cognito, "ada", "Ada")


class _Admin:
    """The caller's own client of Cognito on AWS."""

    def __init__(self, stand_in: StandIn, refuses: bool) -> None:
        self._stand_in = stand_in
        self._refuses = refuses

    async def admin_confirm_sign_up(self, **request: str) -> None:
        if self._refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "AdminConfirmSignUp")
        assert request == {"UserPoolId": "us-east-1_pool", "Username": "ada"}
        self._stand_in.unconfirmed.discard(request["Username"])


async def test_on_aws_the_caller_confirms(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    cognito = Cognito(http, stand_in.config(), PASSWORD, _Admin(stand_in, refuses=False))
    await Account.make(cognito, "ada", "Ada")
    assert stand_in.calls == ["SignUp", "InitiateAuth"]


async def test_caller_who_may_not_confirm_is_told(stand_in: StandIn, http: aiohttp.ClientSession) -> None:
    cognito = Cognito(http, stand_in.config(), PASSWORD, _Admin(stand_in, refuses=True))
    with pytest.raises(AccountError, match=r"AdminConfirmSignUp: .*AccessDeniedException"):
        await Account.make(cognito, "ada", "Ada")


async def test_on_aws_cognito_is_amazons_own(stand_in: StandIn) -> None:
    assert stand_in.config(on_aws=True).cognito_url == "https://cognito-idp.us-east-1.amazonaws.com/"
