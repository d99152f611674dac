"""The news of a portrait: Lambda's invocation records become `avatar` frames."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from realtime.avatars import announce
from store import connections, profiles
from store.database import to_item
from store.profiles import Outcome, Profile
from store.schema import USER_PROFILES
from tests.unit.realtime.fakes import NOW, RecordedDatabase, RecordingPush, recorded_database

ADA = "87313b53-604d-4405-b676-4eb8a21c5969"
KEY = f"uploads/{ADA}/one"
PORTRAIT = f"avatars/{ADA}/one"


@pytest.fixture
async def tables() -> AsyncIterator[RecordedDatabase]:
    """Ada is connected twice, and Bob once."""
    async with recorded_database() as it:
        for connection_id, user_id in (("phone", ADA), ("tablet", ADA), ("bobs", "bob")):
            await connections.open_connection(it.direct, connection_id, user_id, NOW)
        yield it


def record(response: Any, *, condition: str = "Success") -> dict[str, Any]:
    """Return what Lambda hands to a destination, where it matters.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    return {
        "version": "1.0",
        "timestamp": "2025-11-22T12:00:00.000Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:portraits:$LATEST",
            "condition": condition,
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"userId": ADA, "key": KEY, "background": "none"},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": response,
    }


def avatar_frame(**fields: Any) -> dict[str, Any]:
    return {"type": "avatar", "key": KEY, **fields}


@pytest.mark.parametrize("face", [True, False])
async def test_finished_portrait_is_told_to_every_connection_of_its_player(
    tables: RecordedDatabase, face: bool
) -> None:
    push = RecordingPush()
    await announce(tables.db, push, record({"avatar": PORTRAIT, "face": face}))
    told = avatar_frame(avatar=PORTRAIT, face=face)
    assert push.frames == [("phone", told), ("tablet", told)]


async def test_picture_that_could_not_be_used_is_told_with_its_reason(tables: RecordedDatabase) -> None:
    push = RecordingPush()
    reason = {"error": "too_small", "message": "The picture is 10 by 10 pixels."}
    await announce(tables.db, push, record(reason))
    assert push.sent_to("phone") == [avatar_frame(**reason)]


@pytest.mark.parametrize("condition", ["RetriesExhausted", "EventAgeExceeded"])
@pytest.mark.parametrize(
    "response",
    [None, {"errorType": "Runtime.ExitError", "errorMessage": "RequestId: … Error: signal: killed"}],
)
async def test_container_that_failed_is_told_without_its_insides(
    tables: RecordedDatabase, condition: str, response: Any
) -> None:
    push = RecordingPush()
    await announce(tables.db, push, record(response, condition=condition))
    (told,) = push.sent_to("phone")
    assert told == avatar_frame(error="failed", message="The picture could not be worked on.")


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Outcome(upload=KEY, picture="two", face=False), {"avatar": f"avatars/{ADA}/two", "face": False}),
        (
            Outcome(upload=KEY, picture="two", error="too_small", message="Too small."),
            {"error": "too_small", "message": "Too small."},
        ),
    ],
)
async def test_failure_after_the_outcome_is_known_tells_the_outcome(
    tables: RecordedDatabase, outcome: Outcome, told: dict[str, Any]
) -> None:
    other = Outcome(upload=f"uploads/{ADA}/other", picture="three")
    profile = Profile(user_id=ADA, name="Ada").with_outcome(outcome).with_outcome(other)
    put = profiles.put(tables.direct, None, profile)
    await tables.direct.client.transact_write_items(TransactItems=[put])
    push = RecordingPush()
    await announce(tables.db, push, record(None, condition="RetriesExhausted"))
    assert push.sent_to("phone") == [avatar_frame(**told)]


async def test_failure_is_told_though_the_profile_cannot_be_read(tables: RecordedDatabase) -> None:
    row = to_item({"userId": ADA, "name": 7})
    await tables.direct.client.put_item(TableName=USER_PROFILES.name, Item=row)
    push = RecordingPush()
    await announce(tables.db, push, record(None, condition="RetriesExhausted"))
    assert push.sent_to("phone")[0]["error"] == "failed"


async def test_record_without_a_payload_is_a_failure_too(tables: RecordedDatabase) -> None:
    push = RecordingPush()
    failed = record(None, condition="RetriesExhausted")
    del failed["responsePayload"], failed["responseContext"]
    await announce(tables.db, push, failed)
    assert push.sent_to("phone")[0]["error"] == "failed"


async def test_gone_connection_is_forgotten_and_the_others_are_told(tables: RecordedDatabase) -> None:
    push = RecordingPush(gone={"phone"})
    await announce(tables.db, push, record({"avatar": PORTRAIT, "face": True}))
    assert await connections.channels(tables.direct, "phone") == []
    assert set(await connections.channels(tables.direct, "tablet")) == {"all", f"user#{ADA}"}
    assert push.closed == ["phone"]
    assert len(push.sent_to("tablet")) == 1


async def test_player_who_is_not_connected_is_no_error(tables: RecordedDatabase) -> None:
    push = RecordingPush()
    unknown = record({"avatar": PORTRAIT, "face": True})
    unknown["requestPayload"]["userId"] = "carol"
    await announce(tables.db, push, unknown)
    assert push.frames == []
