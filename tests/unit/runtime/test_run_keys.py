"""The keys of runs: which are good after a change of the secret, and how often it is read."""

import asyncio
from typing import Any, cast

import aioboto3
import pytest
from botocore.exceptions import ClientError

from game.run_ticket import Key
from runtime.run_keys import KEPT_SECONDS, RELOAD_SECONDS, RunKeys, RunKeysError, keys_of_secret
from tests.simulation.aws import answered_client, ask_moto, shared_session

FIRST, SECOND, THIRD = (Key(name, name.encode()) for name in ("first", "second", "third"))
UNAVAILABLE = ClientError({"Error": {"Code": "InternalServiceError"}}, "GetSecretValue")


class Secret:
    """A secret, and a clock."""

    def __init__(self, *keys: Key) -> None:
        self.answer: list[Key] | Exception = list(keys)
        self.reads = 0
        self.seconds = 1000.0

    async def read(self) -> list[Key]:
        self.reads += 1
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def keys(self) -> RunKeys:
        return RunKeys(self.read, lambda: self.seconds)


async def test_later_version_signs_and_both_verify() -> None:
    secret = Secret(SECOND, FIRST)
    keys = secret.keys()
    assert await keys.signing() == SECOND
    assert [await keys.find(one.id) for one in (FIRST, SECOND, THIRD)] == [FIRST, SECOND, None]


async def test_keys_are_read_once_however_many_ask() -> None:
    secret = Secret(FIRST)
    keys = secret.keys()
    await asyncio.gather(*(keys.signing() for _ in range(20)), *(keys.find("first") for _ in range(20)))
    assert secret.reads == 1


async def test_forged_key_ids_read_the_secret_once_in_a_while() -> None:
    secret = Secret(FIRST)
    keys = secret.keys()
    await keys.signing()
    secret.seconds += RELOAD_SECONDS
    for number in range(100):
        assert await keys.find(f"forged-{number}") is None
    assert secret.reads == 2
    secret.seconds += RELOAD_SECONDS
    await keys.find("forged")
    assert secret.reads == 3


async def test_key_that_another_process_signs_with_already_is_found() -> None:
    secret = Secret(FIRST)
    keys = secret.keys()
    await keys.signing()
    secret.answer = [SECOND, FIRST]
    secret.seconds += RELOAD_SECONDS
    assert await keys.find("second") == SECOND
    assert await keys.signing() == SECOND


async def test_key_that_was_withdrawn_is_good_for_an_hour_at_most() -> None:
    secret = Secret(SECOND, FIRST)
    keys = secret.keys()
    await keys.signing()
    secret.answer = [THIRD, SECOND]
    secret.seconds += KEPT_SECONDS - 1
    assert await keys.find("first") == FIRST
    secret.seconds += 1
    assert await keys.find("first") is None
    assert await keys.signing() == THIRD


async def test_keys_go_on_while_the_secret_cannot_be_read() -> None:
    secret = Secret(FIRST)
    keys = secret.keys()
    await keys.signing()
    secret.answer = UNAVAILABLE
    secret.seconds += 5 * KEPT_SECONDS
    assert await keys.signing() == FIRST
    assert await keys.find("first") == FIRST
    assert secret.reads == 2


async def test_key_that_cannot_be_looked_up_is_not_called_forged() -> None:
    """The client would drop the score of an honest run."""
    secret = Secret(FIRST)
    keys = secret.keys()
    await keys.signing()
    secret.seconds += RELOAD_SECONDS
    secret.answer = UNAVAILABLE
    with pytest.raises(RunKeysError):
        await keys.find(SECOND.id)
    assert await keys.find(FIRST.id) == FIRST
    secret.seconds += RELOAD_SECONDS
    secret.answer = [SECOND, FIRST]
    assert await keys.find(SECOND.id) == SECOND


async def test_without_any_key_the_next_ask_tries_again() -> None:
    secret = Secret()
    secret.answer = UNAVAILABLE
    keys = secret.keys()
    for ask in (keys.signing(), keys.find("first")):
        with pytest.raises(RunKeysError):
            await ask
    assert secret.reads == 1
    secret.answer = [FIRST]
    secret.seconds += RELOAD_SECONDS
    assert await keys.signing() == FIRST


class MotoSession:
    """Opens clients as a session of the SDK does, which moto answers."""

    def client(self, service: str, **options: Any) -> Any:
        return answered_client(shared_session(), service, ask_moto, **options)


async def test_secret_gives_its_versions_as_it_is_changed() -> None:
    session = cast(aioboto3.Session, MotoSession())
    read = keys_of_secret(session, "runs")
    async with session.client("secretsmanager") as admin:
        await admin.create_secret(Name="runs", SecretString="one")
        (first,) = await read()
        assert first.secret == b"one"
        for value in ("two", "three"):
            await admin.put_secret_value(SecretId="runs", SecretString=value)
        assert [key.secret for key in await read()] == [b"three", b"two"]
        await admin.delete_secret(SecretId="runs", ForceDeleteWithoutRecovery=True)
        with pytest.raises(ClientError):
            await read()
