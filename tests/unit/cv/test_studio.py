"""What the container does to a player's profile, boards and pictures when a portrait is made."""

from collections.abc import AsyncIterator
from typing import cast

import pytest
from aiobotocore.config import AioConfig
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from cv import handler
from cv.handler import Studio
from cv.vision import Models
from runtime.clock import now_ms
from store import players
from store.database import Database
from store.players import DeletedError
from store.portraits import UNFINISHED_SECONDS, PortraitBucket
from store.profiles import PORTRAITS_KEPT, Outcome, Profile
from tests.simulation.aws import answered_client, ask_moto, shared_session
from tests.unit.realtime.fakes import NOW
from tests.unit.store.appearance_scene import rename, score, show, shown
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.interrupted import InterruptedDatabase, interrupted_database

BUCKET = "podium-avatars"
LATER = UNFINISHED_SECONDS * 1000 + 60_000


@pytest.fixture
async def tables() -> AsyncIterator[InterruptedDatabase]:
    """Ada's score in the forest, and her profile."""
    async with interrupted_database() as it:
        await score(it.direct, "forest", 40)
        await rename(it.direct, "Ada")
        yield it


@pytest.fixture
async def studio(tables: InterruptedDatabase) -> AsyncIterator[Studio]:
    """Yield a container, without its networks, over an empty bucket."""
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].reset()
    config = AioConfig(signature_version="s3v4")
    async with answered_client(shared_session(), "s3", ask_moto, config=config) as s3:
        await s3.create_bucket(Bucket=BUCKET)
        yield Studio(PortraitBucket(s3, BUCKET), cast(Models, None), tables.db)


def outcome(number: int) -> Outcome:
    return Outcome(upload=f"uploads/{ADA}/{number}", picture=f"made-{number}", face=True)


def avatar(number: int) -> str:
    return f"avatars/{ADA}/made-{number}"


async def make(studio: Studio, *numbers: int) -> None:
    """Portraits are written, and their outcomes stored."""
    for number in numbers:
        write(avatar(number))
        await studio.finish(ADA, outcome(number))


def write(portrait: str) -> None:
    # Directly: the SDK streams an object's content, and moto here takes bytes.
    for size in (512, 128, 48):
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(BUCKET, f"{portrait}/{size}.webp", b"picture")


async def pictures(studio: Studio) -> set[str]:
    """Return the portraits in the bucket, of which each has to have all its sizes."""
    listed = await studio.bucket.client.list_objects_v2(Bucket=BUCKET)
    keys = [item["Key"] for item in listed.get("Contents", [])]
    portraits = {key.rpartition("/")[0] for key in keys}
    assert len(keys) == 3 * len(portraits)
    return portraits


async def avatar_on_board(db: InterruptedDatabase) -> str | None:
    _, _, on_board = (await shown(db))["forest"]
    return on_board


async def test_new_portrait_is_on_the_boards(studio: Studio, tables: InterruptedDatabase) -> None:
    await make(studio, 1)
    assert await avatar_on_board(tables) == avatar(1)


async def test_finishing_with_the_same_outcome_again_changes_nothing(
    studio: Studio, tables: InterruptedDatabase
) -> None:
    await make(studio, 1, 2)
    await show(tables.direct, avatar(1))
    before = await studio.load(ADA)
    await studio.finish(ADA, outcome(2))
    after = await studio.load(ADA)
    assert before
    assert after
    assert after.model_copy(update={"revision": before.revision}) == before
    assert await avatar_on_board(tables) == avatar(1)


async def test_portraits_that_are_not_kept_are_deleted_once_none_can_be_in_the_making(
    studio: Studio, tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f"avatars/{ADA}/crashed")
    bobs = "avatars/bob/made-1"
    write(bobs)
    await make(studio, *range(PORTRAITS_KEPT))
    await show(tables.direct, avatar(0))
    await make(studio, PORTRAITS_KEPT)
    # They are young: the one that was never finished might be.
    everything = {bobs, f"avatars/{ADA}/crashed", *map(avatar, range(PORTRAITS_KEPT + 1))}
    assert await pictures(studio) == everything
    monkeypatch.setattr(handler, "now_ms", lambda: now_ms() + LATER)
    await make(studio, PORTRAITS_KEPT + 1)
    profile = await studio.load(ADA)
    assert profile
    assert await pictures(studio) == {bobs, *profile.portraits}
    assert profile.portraits == tuple(map(avatar, range(2, PORTRAITS_KEPT + 2)))


async def test_picture_on_a_board_is_never_deleted(
    studio: Studio, tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board was last published with the portrait that was shown before."""
    monkeypatch.setattr(handler, "now_ms", lambda: now_ms() + LATER)
    await make(studio, *range(PORTRAITS_KEPT))
    await show(tables.direct, avatar(0))
    for number in range(PORTRAITS_KEPT, 2 * PORTRAITS_KEPT):
        before = await avatar_on_board(tables)
        await make(studio, number)
        assert {before, await avatar_on_board(tables)} <= await pictures(studio)


async def test_refused_picture_leaves_a_portrait_that_another_writer_set(
    studio: Studio, tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(f"avatars/{ADA}/set")
    await show(tables.direct, f"avatars/{ADA}/set")
    monkeypatch.setattr(handler, "now_ms", lambda: now_ms() + LATER)
    refused = Outcome(upload="x", picture="x", error="too_small", message="Too small.")
    await studio.finish(ADA, refused)
    assert await pictures(studio) == {f"avatars/{ADA}/set"}


async def test_deleted_player_has_no_profile_to_change(studio: Studio, tables: InterruptedDatabase) -> None:
    await bury(tables.direct)
    with pytest.raises(DeletedError):
        await studio.load(ADA)
    with pytest.raises(DeletedError):
        await studio.finish(ADA, outcome(1))


async def bury(db: Database) -> None:
    await players.bury(db, ADA, NOW)


async def test_load_of_a_player_without_a_profile_finds_nothing(studio: Studio) -> None:
    assert await studio.load("carol") is None


async def test_profile_of_uploads_is_read_as_it_was_stored(studio: Studio) -> None:
    await make(studio, 1)
    profile = await studio.load(ADA)
    assert isinstance(profile, Profile)
    assert profile.outcomes == (outcome(1),)
