"""Accounts: made, signed in, renewed and deleted."""

from typing import Any

import pytest

from loadtest.accounts import ATTEMPTS, Account, AccountError, Cognito
from tests.unit.loadtest.stand_in import StandIn

PASSWORD = "Secret-1"


async def made(stand_in: StandIn) -> Account:
    async with Cognito.open(stand_in.config(), PASSWORD) as cognito:
        return await Account.make(cognito, "ada", "Ada")


async def test_account_is_made_and_signed_in_once(stand_in: StandIn) -> None:
    async with Cognito.open(stand_in.config(), PASSWORD) as cognito:
        account = await Account.make(cognito, "ada", "Ada")
        assert account.user_id == "sub-ada"
        assert stand_in.requests[0]["UserAttributes"] == [{"Name": "name", "Value": "Ada"}]
        token = await account.token()
        assert token == await account.token()
    assert stand_in.calls == ["SignUp", "ConfirmSignUp", "InitiateAuth"]


async def test_token_that_runs_out_is_renewed(stand_in: StandIn) -> None:
    stand_in.expires_in = 59
    async with Cognito.open(stand_in.config(), PASSWORD) as cognito:
        account = await Account.make(cognito, "ada", "Ada")
        await account.token()
    assert stand_in.calls.count("InitiateAuth") == 2


@pytest.mark.parametrize(
    "failure",
    [(400, {"__type": "TooManyRequestsException"}), (500, {"__type": "InternalErrorException"})],
    ids=["throttled", "internal"],
)
async def test_throttled_call_is_repeated(failure: tuple[int, Any], stand_in: StandIn) -> None:
    stand_in.failures["InitiateAuth"].append(failure)
    await made(stand_in)
    assert stand_in.calls.count("InitiateAuth") == 2


async def test_throttling_without_end_is_told(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.accounts.ATTEMPTS", 2)
    stand_in.failures["SignUp"].extend([(400, {"__type": "TooManyRequestsException"})] * ATTEMPTS)
    with pytest.raises(AccountError, match="Cognito SignUp: TooManyRequestsException"):
        await made(stand_in)
    assert stand_in.calls == ["SignUp"] * 2


async def test_sign_up_whose_answer_was_lost_is_no_failure(stand_in: StandIn) -> None:
    stand_in.users["ada"] = PASSWORD
    assert (await made(stand_in)).user_id == "sub-ada"


@pytest.mark.parametrize(
    ("operation", "answer", "told"),
    [
        ("SignUp", (400, {"__type": "InvalidPasswordException"}), "SignUp: InvalidPasswordException"),
        ("InitiateAuth", (200, {"ChallengeName": "SMS_MFA"}), "InitiateAuth: SMS_MFA"),
    ],
)
async def test_refusal_names_operation_and_reason(
    operation: str, answer: tuple[int, Any], told: str, stand_in: StandIn
) -> None:
    stand_in.failures[operation].append(answer)
    with pytest.raises(AccountError, match=f"^Cognito {told}$"):
        await made(stand_in)


async def test_on_aws_the_caller_confirms(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{stand_in.url}/cognito")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "caller")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    async with Cognito.open(stand_in.config(on_aws=True), PASSWORD) as cognito:
        await Account.make(cognito, "ada", "Ada")
        stand_in.failures["AdminConfirmSignUp"].append((400, {"__type": "AccessDeniedException"}))
        with pytest.raises(AccountError, match=r"^Cognito AdminConfirmSignUp: AccessDeniedException$"):
            await Account.make(cognito, "grace", "Grace")
    assert stand_in.calls[:3] == ["SignUp", "AdminConfirmSignUp", "InitiateAuth"]
    assert {"UserPoolId": "us-east-1_pool", "Username": "ada"} in stand_in.requests
    assert stand_in.config(on_aws=True).cognito_url == "https://cognito-idp.us-east-1.amazonaws.com/"
