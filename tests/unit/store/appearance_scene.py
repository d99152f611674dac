"""Two players on three areas, and what the tables say of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from game.area_rules import Allowance
from game.catalogue import GLOBAL_BOARD, Board, Catalogue
from game.standing import Held
from store import appearance, claims, connections, held_scores, limits, players, profiles, scores, standings
from store.actions import act
from store.claims import Claim
from store.database import Database, to_item
from store.deletion import delete_player
from store.held_scores import HeldScore
from store.players import DeletedError
from store.portraits import PortraitBucket
from store.profiles import Profile
from store.schema import BUDGETS, PLAYERS, RANKS, SCORES
from store.standings import Standing
from store.submission import submit
from store.unfinished import OLD_MS, Done, Janitor
from streams.report import Report
from tests.simulation import aws
from tests.unit.realtime.fakes import NOW, RecordingPush, broadcaster
from tests.unit.store.bookkeeping import ADA, EARN
from tests.unit.store.interrupted import InterruptedDatabase

_AREA = {"title": "A", "order": "desc", "min": 0, "max": 100, "top": 3}
CATALOGUE = Catalogue.model_validate(
    {
        "boards": {"global": {"title": "All", "top": 3, "areas": ["forest", "desert"]}},
        "areas": {
            "forest": _AREA,
            "desert": _AREA,
            "sprint": _AREA | {"order": "asc"},
        },
    }
)
BOB = "bob"


def catalogue_with(areas: Sequence[str]) -> Catalogue:
    """Return a catalogue of these areas alone; fewer points are better."""
    return Catalogue.model_validate({"areas": dict.fromkeys(areas, _AREA | {"order": "asc"})})


TOKEN = Profile(user_id=ADA, name="From the token")
POINTS = {"forest": 40, "sprint": 7, GLOBAL_BOARD: 40}
REQUESTS = 8
"""Of a rename on three boards: read, write, find the rows, show it in each, find no more, say so."""


async def rename(db: Database, name: str, *, at: int = NOW) -> Profile:
    return await appearance.change(db, TOKEN, lambda profile: profile.model_copy(update={"name": name}), at)


async def show(db: Database, avatar: str) -> Profile:
    return await appearance.change(
        db, TOKEN, lambda profile: profile.model_copy(update={"avatar": avatar}), NOW
    )


@dataclass
class Erased:
    """What became of a player outside of the tables."""

    pictures: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    users: int = 0

    async def delete_all(self, user_id: str) -> None:
        """Stand in for the bucket."""
        self.pictures.append(user_id)

    async def hang_up(self, connection_id: str) -> None:
        self.closed.append(connection_id)

    async def delete_user(self, username: str, user_id: str) -> None:
        assert username == login(user_id)
        self.users += 1


def login(user_id: str) -> str:
    """Return a player's name in the user pool."""
    return f"login-of-{user_id}"


async def erase(db: Database, player: str = ADA) -> Erased:
    erased = Erased()
    await delete_player(
        db,
        cast(PortraitBucket, erased),
        player,
        NOW,
        username=login(player),
        hang_up=erased.hang_up,
        delete_user=erased.delete_user,
    )
    return erased


async def clean(
    db: Database, *, at: int = NOW + OLD_MS, finished: int | None = None, failed: int = 0
) -> Erased:
    """Let the janitor finish what is pending, a minute later; it counts `finished` players, where given."""
    erased = Erased()
    janitor = Janitor(
        db, CATALOGUE, cast(PortraitBucket, erased), lambda: at, erased.hang_up, erased.delete_user
    )
    done = await janitor.run(600)
    assert done == Done(done.finished if finished is None else finished, failed)
    return erased


async def score(db: Database, area: str, points: int, profile: Profile = TOKEN, *, at: int = NOW) -> None:
    await submit(db, CATALOGUE, profile, area, points, at)


async def take_away(tables: InterruptedDatabase, board: str, player: str = ADA) -> None:
    """Delete a player's row on a board by hand, as an operator does."""
    for row in (await tables.rows())[SCORES.name]:
        if (row["gameArea"], row["userId"]) == (board, player):
            key = to_item({name: row[name] for name in SCORES.keys})
            await tables.direct.client.delete_item(TableName=SCORES.name, Key=key)


async def hold(tables: InterruptedDatabase, boards: Sequence[str]) -> None:
    """Ada has five points on each of these boards, which are in no catalogue."""
    db, board = tables.direct, Board(id="any", order="asc", top=3)
    sort_key = scores.sort_key(board, Held(5, NOW), ADA)
    held = [standings.new_standing(ADA, name, Held(5, NOW), sort_key) for name in boards]
    for start in range(0, len(held), 40):
        part = held[start : start + 40]
        rows = [scores.put(db, one, TOKEN, unless_there=True) for one in part]
        await players.write(db, ADA, [*(standings.put(db, None, one) for one in part), *rows])


async def held_by(db: Database, player: str) -> dict[str, Standing]:
    """Return what a player has, by area or board. Raises DeletedError."""
    await players.require_alive(db, player)
    return {one.board: one async for page in standings.readable(db, player) for one in page}


async def score_everywhere(db: Database) -> None:
    await score(db, "forest", 40, at=NOW - 2)
    await score(db, "sprint", 7, at=NOW - 1)


async def shown(tables: InterruptedDatabase, user_id: str = ADA) -> dict[str, tuple[int, str, str | None]]:
    """Return the points, name and portrait on every board; one row on each at the most."""
    rows = [row for row in (await tables.rows())[SCORES.name] if row["userId"] == user_id]
    found = {row["gameArea"]: (int(row["points"]), row["name"], row.get("avatar")) for row in rows}
    assert len(found) == len(rows)
    return found


async def assert_consistent(tables: InterruptedDatabase) -> None:
    """The boards show what the profile says, and the points that the progress has; the sum is right."""
    try:
        profile = await profiles.load(tables.direct, ADA) or TOKEN
        achieved = await held_by(tables.direct, ADA)
    except DeletedError:
        assert await left_of(tables, ADA) == ""
        return
    bests = {board: best.points for board, best in achieved.items()}
    assert await shown(tables) == {
        board: (points, profile.name, profile.avatar) for board, points in bests.items()
    }
    counting = [bests[area] for area in CATALOGUE.boards[GLOBAL_BOARD].areas if area in bests]
    assert bests.get(GLOBAL_BOARD) == (sum(counting) if counting else None)


async def left_of(tables: InterruptedDatabase, player: str) -> str:
    """Return a player's data beside the tombstone, as text; boards have to be published for that."""
    rows = await tables.rows()
    found = {name: [row for row in rows[name] if player in str(row)] for name in rows if name != PLAYERS.name}
    return json.dumps({name: mine for name, mine in found.items() if mine}, default=str).strip("{}")


async def fill(tables: InterruptedDatabase, requests: int = 1) -> None:
    """Something of Ada's in every table, and something of Bob's."""
    db = tables.direct
    for user_id in (ADA, BOB):
        profile = Profile(user_id=user_id, name=user_id[:20])
        for area in ("forest", "desert", "sprint"):
            await score(db, area, 10, profile)
        await appearance.change(db, profile, lambda old: old, NOW)
        claimed = Claim(
            user_id=user_id, board="week#1", rank=1, of=2, money=3, items={"torch": 1}, claimed_at=NOW
        )
        await players.write(db, user_id, [claims.put(db, claimed)])
        for number in range(requests):
            await act(db, user_id, EARN.decide(), EARN.key(str(number), user_id), NOW)
        await limit_and_hold(db, user_id)
        await connections.open_connection(db, f"{user_id}-phone", user_id, NOW)
        await connections.subscribe(db, f"{user_id}-phone", ["forest"], user_id, NOW)
    await publish(tables)
    rows = await tables.rows()
    assert all(
        ADA in json.dumps(found, default=str)
        for name, found in rows.items()
        # One has those who were deleted, the others nothing of any player.
        if name not in {PLAYERS.name, BUDGETS.name, RANKS.name}
    ), "a table is missed"


async def limit_and_hold(db: Database, user_id: str, *, used: int = 1, points: int = 99) -> HeldScore:
    """A player has had some of an allowance, and a score of theirs waits for a moderator."""
    hours = Allowance(9, 3_600_000)
    taken = [limits.take(db, user_id, limits.quota("forest", "submits", hours, hours.window(NOW)))]
    for _ in range(used):
        await players.write(db, user_id, taken)
    held = HeldScore(
        user_id=user_id,
        slot=held_scores.free_slot(await held_scores.of_player(db, user_id)),
        id=held_scores.new_id(NOW),
        game_area="forest",
        points=points,
        rule="pace",
        name=user_id[:20],
        started_at=NOW - 5000,
        achieved_at=NOW,
        seed=7,
    )
    await players.write(db, user_id, [held_scores.put(db, held)])
    return held


async def publish(tables: InterruptedDatabase) -> None:
    """Publish what the stream has by now."""
    live = broadcaster(tables.direct, CATALOGUE, RecordingPush())
    assert await live.process(aws.score_records(), Report()) == []


def by_text(rows: Any) -> list[str]:
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)
