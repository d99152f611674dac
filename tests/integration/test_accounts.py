"""Players' accounts on the laptop, as Cognito on AWS has them: guests, addresses, passwords."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aioboto3
import pytest
from aiobotocore.config import AioConfig
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from local import provision
from local.emulator import Emulator
from local.ministack.cognito import Minute
from local.ministack.pool import SIGN_IN
from store.users import open_user_pool
from tests.integration.emulators import EmulatorFactory, client_of

GUESTS = 4
GUEST = "guest-badger-x7k2pq4n"
PASSWORD, OTHER_PASSWORD = "Pass-word-1", "Pass-word-2"
ADDRESS, OTHER_ADDRESS = "ada@example.org", "bob@example.org"


class Pool:
    """The laptop's user pool, as a game without any rights uses it."""

    def __init__(self, client: Any, made: provision.UserPool) -> None:
        self._client = client
        self.made = made

    async def sign_up(self, name: str, **attributes: str) -> bool:
        """Return whether the new player may sign in at once."""
        given = [{"Name": key, "Value": value} for key, value in attributes.items()]
        answer = await self._client.sign_up(
            ClientId=self.made.client_id, Username=name, Password=PASSWORD, UserAttributes=given
        )
        return bool(answer["UserConfirmed"])

    async def confirm(self, name: str) -> None:
        await self._client.confirm_sign_up(
            ClientId=self.made.client_id, Username=name, ConfirmationCode="any code"
        )

    async def add_player(self, name: str, address: str) -> str:
        """Return the access token of a new player with a verified address."""
        await self.sign_up(name, email=address)
        await self.confirm(name)
        return await self.sign_in(name)

    async def add_guest(self, name: str = GUEST) -> str:
        """Return the access token of a new guest."""
        assert await self.sign_up(name)
        return await self.sign_in(name)

    async def sign_in(self, name: str, password: str = PASSWORD) -> str:
        """Return an access token."""
        answer = await self._client.initiate_auth(
            ClientId=self.made.client_id,
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": password},
        )
        return str(answer["AuthenticationResult"]["AccessToken"])

    async def attributes(self, token: str) -> Mapping[str, str]:
        user = await self._client.get_user(AccessToken=token)
        return {one["Name"]: one["Value"] for one in user["UserAttributes"]}

    async def set_address(self, token: str, address: str) -> Any:
        answer = await self._client.update_user_attributes(
            AccessToken=token, UserAttributes=[{"Name": "email", "Value": address}]
        )
        return answer["CodeDeliveryDetailsList"]

    async def verify(self, token: str, code: str = "any code") -> None:
        await self._client.verify_user_attribute(AccessToken=token, AttributeName="email", Code=code)

    async def ask(self, operation: str, **request: Any) -> Any:
        return await getattr(self._client, operation)(ClientId=self.made.client_id, **request)

    async def ask_with(self, token: str, operation: str, **request: Any) -> Any:
        return await getattr(self._client, operation)(AccessToken=token, **request)


@pytest.fixture
async def emulator(make_emulator: EmulatorFactory) -> Emulator:
    made = make_emulator(guests_per_minute=GUESTS)
    await made.start()
    return made


@pytest.fixture
async def pool(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    for name, value in emulator.credentials.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    made = await provision.create_user_pool(aioboto3.Session())
    async with client_of(emulator, "cognito-idp", config=AioConfig(signature_version=UNSIGNED)) as client:
        yield Pool(client, made)


def refused(code: str, message: str = "") -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\).*{message}")


async def test_guest_signs_in_at_once_and_others_confirm_first(pool: Pool) -> None:
    await pool.add_guest()
    for name, attributes in (
        ("ada", {}),
        ("bob", {"email": ADDRESS}),
        ("guest-otter-aaaaaaaa", {"email": ADDRESS}),
        ("Guest-otter-bbbbbbbb", {}),
        ("guest-x", {}),
    ):
        assert not await pool.sign_up(name, **attributes)
        with refused("UserNotConfirmedException"):
            await pool.sign_in(name)


async def test_guests_beyond_the_limit_are_asked_to_come_back(pool: Pool) -> None:
    """A minute may begin on the way: then as many again are let in."""
    with refused("UserLambdaValidationException", "PreSignUp failed with error guests_busy[.]"):
        for number in range(2 * GUESTS + 1):
            await pool.sign_up(f"guest-otter-{number:08}")
    assert not await pool.sign_up("ada")


def test_count_of_guests_begins_again_with_each_minute() -> None:
    now = 59.0
    minute = Minute(2, lambda: now)
    assert [minute.take() for _ in range(3)] == [True, True, False]
    now = 60.0
    assert minute.take()


async def test_emulator_that_takes_no_guests_says_so(
    make_emulator: EmulatorFactory, pool: Pool, emulator: Emulator
) -> None:
    await emulator.stop()
    closed = make_emulator()
    await closed.start()
    async with client_of(closed, "cognito-idp", config=AioConfig(signature_version=UNSIGNED)) as client:
        with refused("UserLambdaValidationException", "guests_off"):
            await Pool(client, pool.made).sign_up(GUEST)


async def test_pool_of_an_earlier_podium_is_brought_up_to_date(
    make_emulator: EmulatorFactory, emulator: Emulator
) -> None:
    async with client_of(emulator, "cognito-idp") as administrator:
        earlier = (await administrator.create_user_pool(PoolName="podium"))["UserPool"]["Id"]
    await emulator.stop()
    again = make_emulator()
    await again.start()
    async with client_of(again, "cognito-idp") as administrator:
        pool = (await administrator.describe_user_pool(UserPoolId=earlier))["UserPool"]
    assert {name: pool[name] for name in SIGN_IN} == SIGN_IN


async def test_guest_becomes_a_player_with_an_address_and_stays_the_same(pool: Pool) -> None:
    token = await pool.add_guest()
    sub = (await pool.attributes(token))["sub"]
    (sent,) = await pool.set_address(token, ADDRESS)
    assert (sent["AttributeName"], sent["DeliveryMedium"]) == ("email", "EMAIL")
    assert sent["Destination"] != ADDRESS
    async with open_user_pool(aioboto3.Session(), pool.made.id) as users:
        assert await users.is_guest(GUEST, sub)
        await pool.verify(token)
        assert not await users.is_guest(GUEST, sub)
    await pool.ask_with(token, "change_password", PreviousPassword=PASSWORD, ProposedPassword=OTHER_PASSWORD)
    for name in (ADDRESS, ADDRESS.upper(), GUEST, GUEST.upper()):
        assert (await pool.attributes(await pool.sign_in(name, OTHER_PASSWORD)))["sub"] == sub


async def test_old_address_is_good_until_the_new_one_is_verified(pool: Pool) -> None:
    token = await pool.add_player("ada", ADDRESS)
    await pool.set_address(token, OTHER_ADDRESS)
    assert (await pool.attributes(token))["email"] == ADDRESS
    await pool.sign_in(ADDRESS)
    with refused("NotAuthorizedException"):
        await pool.sign_in(OTHER_ADDRESS)
    await pool.verify(token)
    assert (await pool.attributes(token))["email"] == OTHER_ADDRESS
    await pool.sign_in(OTHER_ADDRESS)
    with refused("NotAuthorizedException"):
        await pool.sign_in(ADDRESS)


async def test_pending_address_outlasts_a_restart(
    make_emulator: EmulatorFactory, emulator: Emulator, pool: Pool
) -> None:
    token = await pool.add_guest()
    await pool.set_address(token, ADDRESS)
    await emulator.stop()
    again = make_emulator()
    await again.start()
    async with client_of(again, "cognito-idp", config=AioConfig(signature_version=UNSIGNED)) as client:
        later = Pool(client, pool.made)
        assert "email" not in await later.attributes(token)
        await later.verify(token)
        assert (await later.attributes(token))["email"] == ADDRESS


async def test_address_of_another_player_is_refused_when_it_would_be_verified(pool: Pool) -> None:
    await pool.add_player("ada", ADDRESS)
    guest = await pool.add_guest()
    await pool.set_address(guest, ADDRESS.upper())
    with refused("AliasExistsException"):
        await pool.verify(guest)
    assert "email" not in await pool.attributes(guest)
    await pool.set_address(guest, OTHER_ADDRESS)
    await pool.verify(guest)
    await pool.sign_up("bob", email=OTHER_ADDRESS)
    with refused("AliasExistsException"):
        await pool.confirm("bob")
    with refused("UserNotConfirmedException"):
        await pool.sign_in("bob")


async def test_address_that_no_player_has_verified_can_be_taken(pool: Pool) -> None:
    await pool.sign_up("eve", email=ADDRESS)
    guest = await pool.add_guest()
    await pool.set_address(guest, ADDRESS)
    await pool.verify(guest)
    assert (await pool.attributes(guest))["email_verified"] == "true"


async def test_code_is_needed_and_was_asked_for(pool: Pool) -> None:
    token = await pool.add_guest()
    with refused("ExpiredCodeException"):
        await pool.verify(token)
    with refused("InvalidParameterException"):
        await pool.ask_with(token, "get_user_attribute_verification_code", AttributeName="email")
    await pool.set_address(token, ADDRESS)
    sent = await pool.ask_with(token, "get_user_attribute_verification_code", AttributeName="email")
    assert sent["CodeDeliveryDetails"]["AttributeName"] == "email"
    await pool.verify(token)
    with refused("ExpiredCodeException"):
        await pool.verify(token)
    with refused("InvalidParameterException"):
        await pool.ask_with(token, "verify_user_attribute", AttributeName="phone_number", Code="1")


async def test_blank_address_deletes_the_address(pool: Pool) -> None:
    token = await pool.add_player("ada", ADDRESS)
    await pool.set_address(token, "")
    assert not {"email", "email_verified"} & (await pool.attributes(token)).keys()
    with refused("NotAuthorizedException"):
        await pool.sign_in(ADDRESS)


@pytest.mark.parametrize("address", ["ada", "ada@", "ada bob@example.org"])
async def test_malformed_address_is_refused(pool: Pool, address: str) -> None:
    with refused("InvalidParameterException"):
        await pool.set_address(await pool.add_guest(), address)


async def test_player_cannot_call_an_address_verified(pool: Pool) -> None:
    token = await pool.add_guest()
    for name, value in (("email_verified", "true"), ("sub", "another")):
        with refused("NotAuthorizedException"):
            await pool.ask_with(
                token, "update_user_attributes", UserAttributes=[{"Name": name, "Value": value}]
            )


async def test_token_that_was_made_up_opens_nothing(pool: Pool) -> None:
    token = await pool.add_guest()
    head, body, signature = token.split(".")
    forged = ".".join([head, body, signature[:-8] + "AAAAAAAA"])
    for operation, request in (
        ("get_user", {}),
        ("update_user_attributes", {"UserAttributes": [{"Name": "email", "Value": ADDRESS}]}),
        ("verify_user_attribute", {"AttributeName": "email", "Code": "1"}),
        ("change_password", {"PreviousPassword": PASSWORD, "ProposedPassword": OTHER_PASSWORD}),
        ("delete_user", {}),
    ):
        with refused("NotAuthorizedException"):
            await pool.ask_with(forged, operation, **request)
    await pool.sign_in(GUEST)


async def test_forgotten_password_needs_a_verified_address(pool: Pool) -> None:
    token = await pool.add_guest()
    with refused("InvalidParameterException", "no registered/verified email"):
        await pool.ask("forgot_password", Username=GUEST)
    with refused("ExpiredCodeException"):
        await pool.ask(
            "confirm_forgot_password", Username=GUEST, ConfirmationCode="1", Password=OTHER_PASSWORD
        )
    await pool.set_address(token, ADDRESS)
    await pool.verify(token)
    await pool.ask("forgot_password", Username=ADDRESS)
    await pool.ask("confirm_forgot_password", Username=ADDRESS, ConfirmationCode="1", Password=OTHER_PASSWORD)
    await pool.sign_in(GUEST, OTHER_PASSWORD)


async def test_names_differ_by_more_than_case_and_are_no_addresses(pool: Pool) -> None:
    await pool.add_player("Ada", ADDRESS)
    with refused("UsernameExistsException"):
        await pool.sign_up("ADA")
    await pool.sign_in("aDA")
    with refused("InvalidParameterException", "email format"):
        await pool.sign_up("ada@example.org")


async def test_answers_do_not_tell_whether_a_name_is_known(pool: Pool) -> None:
    with refused("NotAuthorizedException", "Incorrect username or password"):
        await pool.sign_in("stranger")
    answer = await pool.ask("forgot_password", Username="stranger")
    assert answer["CodeDeliveryDetails"]["DeliveryMedium"] == "EMAIL"
