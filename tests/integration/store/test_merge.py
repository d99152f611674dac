"""A merge on the emulator, while both players play on, and two requests ask for it."""

import asyncio

import pytest

from store import appearance
from store.database import Database
from tests.support.waiting import PATIENCE_SECONDS
from tests.unit.store.merge_scene import GUEST, HEIR
from tests.unit.store.test_merge_interleaved import OTHER, Story

# Moto does transactions one after the other, and copies the tables for each.
pytestmark = pytest.mark.parametrize("engine", ["ministack"], indirect=True)


async def test_nothing_is_lost_or_doubled_while_both_play_on(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appearance, "SECONDS", PATIENCE_SECONDS)
    story = Story()
    await story.begin(db)
    works = [story.merges(heir) for heir in (HEIR, OTHER, HEIR)]
    for user_id in (HEIR, GUEST):
        works += [story.scores(user_id, 10 + number) for number in range(6)]
        works += [story.earns(user_id, 10 + number) for number in range(3)]
    await asyncio.gather(*(work(db) for work in works))
    await story.check(db)
