"""An account and a guest with something of everything, and what the account must have once they are one."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from game.catalogue import Catalogue
from game.merge import Record, merged_progress, merged_record, merged_sum
from game.player import Player, add_money, buy, complete_task, save
from store import appearance, connections, merge, players, profiles, progress
from store.actions import act
from store.database import Database
from store.idempotency import Answer, request_key
from store.portraits import PortraitBucket
from store.profiles import Profile, avatar_prefix
from store.progress import Progress
from store.schema import PLAYERS, SCORES, STANDINGS, USER_PROFILES, USER_PROGRESS
from store.standings import Standing
from store.submission import submit
from store.unfinished import OLD_MS, Janitor
from tests.unit.realtime.fakes import NOW
from tests.unit.store.bookkeeping import TODAY
from tests.unit.store.interrupted import InterruptedDatabase

HEIR, GUEST = "heir-0001", "guest-0001"
SHOWN = Profile(user_id=HEIR, name="Ada")
AREA = {"title": "A", "order": "desc", "min": 0, "max": 1000, "top": 3}
COINS = {"name": "coins", "order": "desc", "min": 0, "max": 9}

CATALOGUE = Catalogue.model_validate(
    {
        "areas": {
            "forest": AREA | {"tiebreak": COINS, "metadata": 64},
            "desert": AREA,
            "sprint": AREA | {"order": "asc"},
            "mine": AREA | {"keep": "sum", "metadata": 64},
            "mood": AREA | {"keep": "latest"},
            "cave": {key: value for key, value in AREA.items() if key != "top"},
        },
        "boards": {
            "forest-again": {"title": "Forest", "areas": ["forest"], "top": 3},
            "global": {"title": "All", "areas": ["forest", "desert", "cave"], "top": 3},
            "odd": {"title": "Odd", "areas": ["desert", "mine", "mood"], "top": 3},
        },
        "tasks": {
            "quest": {"title": "Quest", "money": 40, "xp": 5, "repeat": "once"},
            "visit": {"title": "Visit", "money": 7, "repeat": "daily"},
        },
        "shop": {
            "torch": {"title": "Torch", "price": 10, "unique": False},
            "crown": {"title": "Crown", "price": 50, "unique": True},
        },
        "money": {"pickup": {"perRequest": 100, "perDay": 500}},
    }
)


@dataclass
class Outside:
    """What becomes of players outside of the tables."""

    copied: list[tuple[str, str]] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    guests: Callable[[str], bool] = lambda _: True

    async def copy_portrait(self, avatar: str, user_id: str) -> str | None:
        self.copied.append((avatar, user_id))
        return f"{avatar_prefix(user_id)}{avatar.rpartition('/')[2]}"

    async def delete_all(self, user_id: str) -> None:
        self.pictures.append(user_id)

    async def hang_up(self, connection_id: str) -> None:
        self.closed.append(connection_id)

    async def delete_user(self, username: str, user_id: str) -> None:
        assert username == login(user_id)
        self.users.append(user_id)

    async def is_guest(self, username: str, user_id: str) -> bool:
        assert username == login(user_id)
        return self.guests(user_id)


def login(user_id: str) -> str:
    """Return a player's name in the user pool."""
    return f"login-of-{user_id}"


def shown_as(user_id: str) -> Profile:
    return Profile(user_id=user_id, name=user_id)


async def merge_into(
    db: Database, outside: Outside, *, heir: str = HEIR, guest: str = GUEST, catalogue: Catalogue = CATALOGUE
) -> None:
    """Do what the request does."""
    shown = SHOWN if heir == HEIR else shown_as(heir)
    await merge.begin(db, shown, guest, NOW, username=login(guest), is_guest=outside.is_guest)
    await merge.finish(
        db,
        cast(PortraitBucket, outside),
        catalogue,
        guest,
        NOW,
        hang_up=outside.hang_up,
        delete_user=outside.delete_user,
    )


async def tidy(db: Database, outside: Outside, *, failed: int = 0, catalogue: Catalogue = CATALOGUE) -> None:
    """Let the janitor finish what is pending, a minute later."""
    pictures = cast(PortraitBucket, outside)
    janitor = Janitor(db, catalogue, pictures, lambda: NOW + OLD_MS, outside.hang_up, outside.delete_user)
    assert (await janitor.run(600)).failed == failed


Run = tuple[str, int, int, int | None, str | None]
"""Area, points, when (milliseconds before NOW), tie-break, metadata."""
RUNS: dict[str, list[Run]] = {
    HEIR: [
        ("forest", 50, 90, 3, '"heir"'),
        ("desert", 70, 80, None, None),
        ("mine", 5, 70, None, '"heir"'),
        ("mood", 9, 60, None, None),
        ("sprint", 30, 50, None, None),
    ],
    GUEST: [
        ("forest", 50, 40, 4, '"guest"'),
        ("desert", 60, 30, None, None),
        ("mine", 7, 25, None, '"guest"'),
        ("mood", 2, 20, None, None),
        ("cave", 11, 10, None, None),
    ],
}


async def score(db: Database, user_id: str, run: Run, *, key: str | None = None) -> int:
    """Submit a score; the best that is answered."""
    area, points, ago, tiebreak, metadata = run
    named = request_key(user_id, key, "POST", area, str(points)) if key else None
    shown = SHOWN if user_id == HEIR else shown_as(user_id)
    submission = await submit(
        db, CATALOGUE, shown, area, points, NOW - ago, tiebreak=tiebreak, metadata=metadata, key=named
    )
    assert submission.best is not None
    return submission.best


async def change(
    db: Database, user_id: str, change: Callable[[Progress], Progress], *, key: str | None = None
) -> int:
    """Change a player's progress; the money that is answered."""
    named = request_key(user_id, key, "POST", "change") if key else None

    def decide(read: Progress, _: object) -> tuple[Progress, Answer]:
        new = change(read)
        return new, Answer(status=200, body=str(new.money))

    return int((await act(db, user_id, decide, named, NOW)).body)


async def earn(db: Database, user_id: str, amount: int, *, key: str | None = None) -> int:
    return await change(
        db,
        user_id,
        lambda read: add_money(CATALOGUE, read, amount=amount, reason="pickup", today=TODAY),
        key=key,
    )


async def save_game(db: Database, user_id: str, xp: int) -> None:
    def saved(read: Progress) -> Progress:
        return save(CATALOGUE, read, level=1, xp=xp, checkpoint={"xp": xp}, version=read.version)

    await change(db, user_id, saved)


async def fill(tables: InterruptedDatabase, *, heir_saved: bool = True) -> None:
    """Both have scores, money, items, tasks done, a profile, answers that are kept, and a connection."""
    db = tables.direct
    for user_id, runs in RUNS.items():
        for run in runs:
            await score(db, user_id, run, key=f"{user_id}-{run[0]}")
        await earn(db, user_id, 100, key="earned")
        for name in ("quest", "visit"):
            await change(db, user_id, lambda read, name=name: complete_task(CATALOGUE, read, name, TODAY))  # type: ignore[misc]
        for name in ("torch", "crown"):
            await change(db, user_id, lambda read, name=name: buy(CATALOGUE, read, name=name, quantity=1))  # type: ignore[misc]
        await connections.open_connection(db, f"phone-of-{user_id}", user_id, NOW)
    await save_game(db, GUEST, 40)
    if heir_saved:
        await save_game(db, HEIR, 20)
    else:
        fresh = {"version": 0, "xp": 0, "level": 1}
        await change(db, HEIR, lambda read: read.model_copy(update=fresh))
    await appearance.change(
        db,
        shown_as(GUEST),
        lambda old: old.model_copy(update={"name": "Gus"}).with_portrait(f"{avatar_prefix(GUEST)}face"),
        NOW,
    )
    tables.restart()


@dataclass
class State:
    """What the tables say of a player."""

    progress: Player
    profile: Profile | None
    standings: dict[str, Standing]
    rows: dict[str, dict[str, Any]]

    def record(self, name: str) -> Record | None:
        """Return what the player has on a board or in an area; what has lost its row is nothing."""
        standing = self.standings.get(name)
        if standing is None or (standing.sort_key is not None and name not in self.rows):
            return None
        return Record(standing.held, self.rows.get(name, {}).get("metadata"))


async def state_of(tables: InterruptedDatabase, user_id: str) -> State:
    found = await tables.rows()
    mine = {name: [row for row in rows if row.get("userId") == user_id] for name, rows in found.items()}
    rows = {row["gameArea"]: row for row in mine[SCORES.name]}
    assert len(rows) == len(mine[SCORES.name]), "a player is twice on a board"
    held = {row["board"]: Standing.model_validate(row) for row in mine[STANDINGS.name]}
    assert {(name, row["score"]) for name, row in rows.items()} <= {
        (name, one.sort_key) for name, one in held.items()
    }, "a row that no standing names"
    (own,) = mine[USER_PROGRESS.name] or [{}]
    checkpoint = json.loads(own["checkpoint"]) if "checkpoint" in own else None
    profile = next(iter(mine[USER_PROFILES.name]), None)
    return State(
        Progress.model_validate({"userId": user_id} | own | {"checkpoint": checkpoint}),
        Profile.model_validate(profile) if profile else None,
        held,
        rows,
    )


@dataclass
class Expected:
    """What the heir must have after the merge, by what both had before it."""

    progress: Player
    records: dict[str, Record]


def expected(own: State, guest: State, catalogue: Catalogue = CATALOGUE) -> Expected:
    """Return the outcome of the pure rules."""
    records: dict[str, Record] = {}
    for name, area in catalogue.areas.items():
        if merged := merged_record(area, own.record(name), guest.record(name)):
            records[name] = merged
    for name, board in catalogue.boards.items():
        if name in catalogue.areas:
            continue
        mine, theirs = own.record(name), guest.record(name)
        if len(board.areas) == 1:
            merged = merged_record(catalogue.areas[board.areas[0]], mine, theirs)
        else:
            parts = [records[area].held for area in board.areas if area in records]
            summed = merged_sum(mine and mine.held, theirs and theirs.held, parts)
            merged = summed and Record(summed)
        if merged:
            records[name] = merged
    return Expected(merged_progress(catalogue, own.progress, guest.progress), records)


async def assert_merged(tables: InterruptedDatabase, want: Expected, *, name: str = "Ada") -> None:
    """The heir has what is expected and shows one name everywhere; of the guest the tombstone is left."""
    after = await state_of(tables, HEIR)
    records = {board: record for board in after.standings if (record := after.record(board))}
    assert records == want.records
    assert after.progress.model_copy(update={"revision": None, "user_id": HEIR}) == Progress(
        user_id=HEIR, **want.progress.model_dump(exclude={"user_id", "revision"})
    )
    assert {row["name"] for row in after.rows.values()} == {name}
    assert await left_of_guest(tables) == ""
    (own,) = (row for row in (await tables.rows())[PLAYERS.name] if row["userId"] == HEIR)
    assert (own["merges"], "pending" in own) == (1, False)
    tombstone = await players.load_own(tables.direct, GUEST)
    assert (tombstone.heir, tombstone.pending, tombstone.deleted_at) == (HEIR, None, NOW)


async def left_of_guest(tables: InterruptedDatabase, guest: str = GUEST) -> str:
    """Return a guest's data beside the tombstone, as text."""
    found = {name: [row for row in rows if guest in str(row)] for name, rows in (await tables.rows()).items()}
    found.pop(PLAYERS.name)
    return json.dumps({name: rows for name, rows in found.items() if rows}, default=str).strip("{}")


Work = Callable[[Database], Awaitable[object]]


async def profile_of(db: Database, user_id: str) -> Profile:
    stored = await profiles.load_stored(db, user_id)
    assert stored is not None
    return stored


async def progress_of(db: Database, user_id: str) -> Progress:
    return await progress.load(db, user_id)
