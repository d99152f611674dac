"""What a player is given of what is stored of them: every table is in it, or excused by name."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from store import export as exporting
from store import players
from store.database import Database, to_item
from store.export import LEFT_OUT, NOT_READ, Export, Row, export
from store.players import EXPORT_SECONDS, DeletedError, TooManyExportsError
from store.portraits import Picture, PortraitBucket
from store.schema import (
    BUDGETS,
    CLAIMS,
    CONNECTIONS,
    HELD_SCORES,
    IDEMPOTENCY,
    LEADERBOARDS,
    LIMITS,
    PLAYERS,
    RANKS,
    SCORES,
    STANDINGS,
    TABLES,
    USER_PROFILES,
    USER_PROGRESS,
)
from tests.unit.realtime.fakes import NOW
from tests.unit.store.appearance_scene import BOB, fill
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.interrupted import InterruptedDatabase

READ = {
    USER_PROFILES,
    USER_PROGRESS,
    STANDINGS,
    SCORES,
    CLAIMS,
    CONNECTIONS,
    IDEMPOTENCY,
    PLAYERS,
    LIMITS,
    HELD_SCORES,
}
PICTURE = Picture(f"avatars/{ADA}/face/48.webp", 7, datetime.fromtimestamp(NOW / 1000, UTC), "https://there")


class Bucket:
    """One picture."""

    async def pictures(self, user_id: str) -> AsyncIterator[Picture]:
        assert user_id == ADA
        yield PICTURE


async def exported(db: Database, *, at: int = NOW) -> Export:
    return await export(db, cast(PortraitBucket, Bucket()), ADA, at)


def texts(value: Any) -> Iterator[str]:
    """Yield each single value in some JSON, as text."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, (list, set)):
        for one in value:
            yield from texts(one)
    else:
        yield str(value)


def test_every_table_is_exported_or_excused_by_name() -> None:
    assert set(TABLES) == READ | NOT_READ.keys()
    assert not READ & NOT_READ.keys()
    assert NOT_READ.keys() == {LEADERBOARDS, BUDGETS, RANKS}


async def test_every_value_of_a_players_rows_is_exported_or_excused_by_name(
    tables: InterruptedDatabase,
) -> None:
    await fill(tables, requests=3)
    rows = await tables.rows()
    found = await exported(tables.db)
    told = set(texts(vars(found)))
    for table in READ:
        mine = [row for row in rows[table.name] if ADA in json.dumps(row, default=str)]
        assert mine or table is PLAYERS
        for row in mine:
            for name, value in row.items():
                if name in LEFT_OUT.get(table, {}) or (table, name) in {(CONNECTIONS, "channel")}:
                    continue
                assert set(texts(value)) <= told, f"{table.name}.{name}"
    assert found.left_out == []
    assert BOB not in json.dumps(vars(found))
    for named in LEFT_OUT.values():
        for shown in (found.profile, found.progress, found.standings[0], found.answers[0]):
            assert shown
            assert not named.keys() & shown.keys()


async def test_export_has_the_whole_of_what_a_player_has(tables: InterruptedDatabase) -> None:
    await fill(tables)
    found = await exported(tables.db)
    assert json.loads(json.dumps(vars(found))) == vars(found), "it is JSON"
    assert {one["board"]: one["points"] for one in found.standings} == {
        "forest": 10,
        "desert": 10,
        "sprint": 10,
        "global": 20,
    }
    assert all(one["entry"]["userId"] == ADA for one in found.standings)
    (won,) = found.claims
    assert won == {
        "userId": ADA,
        "board": "week#1",
        "rank": 1,
        "of": 2,
        "money": 3,
        "items": {"torch": 1},
        "claimedAt": NOW,
    }
    assert found.pictures == [
        {"key": PICTURE.key, "bytes": 7, "lastModified": NOW, "url": "https://there"},
    ]
    (phone,) = found.connections
    assert sorted(phone["channels"]) == ["all", "forest", f"user#{ADA}"]
    (answer,) = found.answers
    assert (answer["status"], answer["userId"]) == (200, ADA)
    assert (found.player or {})["exportedAt"] == NOW


async def test_player_with_nothing_is_told_so(tables: InterruptedDatabase) -> None:
    found = await exported(tables.db)
    assert (found.profile, found.progress, found.standings, found.left_out) == (None, None, [], [])


async def test_damaged_rows_are_exported_as_they_are(tables: InterruptedDatabase) -> None:
    await fill(tables)
    for table, row in (
        (STANDINGS, {"userId": ADA, "board": "desert", "points": "many", "score": 7}),
        (USER_PROGRESS, {"userId": ADA, "money": "a fortune"}),
    ):
        await tables.direct.client.put_item(TableName=table.name, Item=to_item(row))
    found = await exported(tables.db)
    assert (found.progress or {})["money"] == "a fortune"
    assert "many" in [one["points"] for one in found.standings]


async def test_what_is_too_much_for_an_answer_is_counted(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(tables, requests=6)
    with monkeypatch.context() as patch:
        patch.setattr(exporting, "ANSWERS_LIMIT", 4)
        found = await exported(tables.db)
        assert (len(found.answers), found.left_out) == (4, ["2 of 6 answers"])
    monkeypatch.setattr(exporting, "EXPORT_BYTES", 0)
    found = await exported(tables.db, at=NOW + EXPORT_SECONDS * 1000)
    assert found.left_out == [
        "4 of 4 standings",
        "1 of 1 claims",
        "1 of 1 limits",
        "1 of 1 held scores",
        "1 of 1 pictures",
        "1 of 1 connections",
        "6 of 6 answers",
    ]
    assert found.profile, "what is small in any case is there"
    assert found.progress


async def test_answer_full_of_quotes_fits_into_lambdas(
    tables: InterruptedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotes = json.dumps('"' * 200)

    async def answers(*_: object) -> AsyncIterator[Row]:
        for _number in range(8000):
            yield {"body": quotes}

    monkeypatch.setattr(exporting, "_answers", answers)
    found = await exported(tables.db)
    assert len(found.answers) > 3000
    # The body of Lambda's answer is a text, so each quote of it is written with a backslash.
    assert len(json.dumps({"body": json.dumps(vars(found))})) < 6_000_000


async def test_export_is_given_once_a_minute(tables: InterruptedDatabase) -> None:
    await exported(tables.db)
    with pytest.raises(TooManyExportsError) as refused:
        await exported(tables.db, at=NOW + 1)
    assert refused.value.seconds == EXPORT_SECONDS
    assert tables.log[-2:] == ["UpdateItem Players", "GetItem Players"], "a refusal reads nothing else"
    await exported(tables.db, at=NOW + EXPORT_SECONDS * 1000)


async def test_deleted_player_is_given_nothing(tables: InterruptedDatabase) -> None:
    await players.bury(tables.direct, ADA, NOW)
    with pytest.raises(DeletedError):
        await exported(tables.db)
