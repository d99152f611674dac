"""A player's row that cannot be read is refused, for that player alone, and never overwritten."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from game.scoring import encode
from store.database import Database, to_item
from store.errors import RequestError
from store.schema import IDEMPOTENCY, SCORES, STANDINGS, USER_PROFILES, USER_PROGRESS, Table
from tests.support.damage import Item, damaged
from tests.unit.api.player_requests import send
from tests.unit.api.rest_scene import PLAYER, Answer, RestScene
from tests.unit.realtime.fakes import NOW

PROGRESS = to_item(
    {
        "userId": PLAYER,
        "level": 3,
        "xp": 250,
        "checkpoint": '{"door": 7}',
        "version": 4,
        "money": 90,
        "unlocked": ["desert"],
        "tasks": {"first-steps": "2026-11-22"},
        "inventory": {"torch": 2},
        "earned": {"pickup": {"day": "2026-11-22", "amount": 10}},
        "revision": "aa",
    }
)
PROFILE = to_item(
    {"userId": PLAYER, "name": "Ada", "portraits": ["a", "b"], "createdAt": NOW, "updatedAt": NOW}
    | {"revision": "bb"}
)


STANDING = to_item(
    {
        "userId": PLAYER,
        "board": "forest",
        "points": 5,
        "achievedAt": NOW,
        "score": encode("desc", 5, NOW, PLAYER),
        "revision": "cc",
    }
)
SCORE = ("POST", "/score", {"gameArea": "forest", "score": 700})


REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/profile", None),
    ("PUT", "/profile", {"name": "Adele"}),
    ("GET", "/progress", None),
    SCORE,
    ("POST", "/money/add", {"amount": 1, "reason": "pickup"}),
    ("POST", "/progress", {"level": 3, "xp": 250, "checkpoint": None, "version": 4}),
]


def ask(rest: RestScene, method: str, path: str, body: Any, *, player: str = PLAYER, key: str = "") -> Answer:
    """Return the answer to a request; `key` is its Idempotency-Key."""
    return send(rest, method, path, body, player=player, **({"Idempotency_Key": key} if key else {}))


def write(rest: RestScene, table: Table, item: Item) -> bool:
    """Put a row, and say whether DynamoDB takes such a one."""

    async def put(db: Database) -> bool:
        try:
            await db.client.put_item(TableName=table.name, Item=item)
        except (RequestError, ValueError, TypeError):
            return False
        return True

    return rest.run(put)


def stored(rest: RestScene, table: Table) -> Item | None:
    """Return the player's row as it stands in a table."""

    async def get(db: Database) -> Item | None:
        key = {name: STANDING[name] for name in table.keys}
        answer = await db.client.get_item(TableName=table.name, Key=key)
        return answer.get("Item")

    return rest.run(get)


DAMAGES = st.one_of(
    damaged(PROGRESS, USER_PROGRESS.keys).map(lambda item: (USER_PROGRESS, item)),
    damaged(PROFILE, USER_PROFILES.keys).map(lambda item: (USER_PROFILES, item)),
)


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(DAMAGES, st.sampled_from(REQUESTS))
def test_row_is_read_or_refused_and_never_overwritten(
    rest: RestScene, damage: tuple[Table, Item], request_: tuple[str, str, Any]
) -> None:
    write(rest, USER_PROGRESS, PROGRESS)
    write(rest, USER_PROFILES, PROFILE)
    table, item = damage
    if not write(rest, table, item):
        return
    before = stored(rest, table)
    answer = ask(rest, *request_)
    if answer.status >= 400:
        assert stored(rest, table) == before
        if answer.status >= 500:
            detail = answer.problem(500)["detail"]
            assert "cannot be read" in detail, "an error that nothing expects"
    assert ask(rest, *request_, player="another").status < 500, "others do not notice"


@pytest.mark.parametrize(
    "request_", [one for one in REQUESTS[2:] if one != SCORE], ids=lambda request: " ".join(request[:2])
)
@pytest.mark.parametrize(
    "damage",
    [
        {"money": {"S": "lots"}},
        {"checkpoint": {"S": "{"}},
        {"checkpoint": {"S": "[" * 100_000}},
        {"tasks": {"M": {"first-steps": {"S": "yesterday"}}}},
    ],
    ids=str,
)
def test_progress_that_cannot_be_read_is_named_in_the_log_and_kept(
    rest: RestScene, caplog: pytest.LogCaptureFixture, damage: Item, request_: tuple[str, str, Any]
) -> None:
    write(rest, USER_PROGRESS, PROGRESS | damage)
    answer = ask(rest, *request_)
    assert "cannot be read" in answer.problem(500)["detail"]
    assert "money" not in answer.text
    assert any(
        f"UserProgress cannot be read, at {{'userId': '{PLAYER}'}}" in line for line in caplog.messages
    )
    assert stored(rest, USER_PROGRESS) == PROGRESS | damage


BAD_STANDINGS: list[Item] = [
    {"points": {"S": "many"}},
    {"achievedAt": {"N": "-1"}},
    {"score": {"S": ""}},
    {"score": {"S": encode("desc", 5, NOW, "another")}},
    {"tiebreak": {"S": "3"}},
]


@pytest.mark.parametrize("damage", BAD_STANDINGS, ids=str)
def test_standing_that_cannot_be_read_is_kept_and_harms_its_board_alone(
    rest: RestScene, caplog: pytest.LogCaptureFixture, damage: Item
) -> None:
    write(rest, STANDINGS, STANDING | damage)
    write(rest, USER_PROGRESS, PROGRESS)
    assert "cannot be read" in ask(rest, *SCORE).problem(500)["detail"]
    assert any("Standings cannot be read, at" in line for line in caplog.messages)
    assert stored(rest, STANDINGS) == STANDING | damage
    assert ask(rest, "POST", "/score", {"gameArea": "sprint", "score": 700}).status == 201
    assert ask(rest, "PUT", "/profile", {"name": "Adele"}).status == 200
    progress = ask(rest, "GET", "/progress", None).json
    assert (progress["money"], progress["bests"]) == (90, {"sprint": 700})


def test_answer_that_cannot_be_read_is_not_given_again_and_nothing_happens_twice(rest: RestScene) -> None:
    earn = ("POST", "/money/add", {"amount": 1, "reason": "pickup"})
    assert ask(rest, *earn, key="k").status == 200

    async def damage(db: Database) -> None:
        (row,) = (await db.client.scan(TableName=IDEMPOTENCY.name))["Items"]
        await db.client.put_item(TableName=IDEMPOTENCY.name, Item=row | {"status": {"S": "fine"}})

    rest.run(damage)
    ask(rest, *earn, key="k").problem(500)
    assert ask(rest, *earn, key="another").status == 200
    assert ask(rest, "GET", "/progress", None).json["money"] == 2


def test_bad_rows_are_on_no_page_and_in_no_rank(rest: RestScene) -> None:
    """A page full of them does not end the board, and the cursor goes on behind it."""
    for number, player in enumerate(["ada", "bo", "cy", "dee"]):
        rest.score(player, 100 - 10 * number)
    # Between the first and the second, and better than all.
    for points in [*range(91, 99), 1000]:
        row = {"gameArea": "forest", "points": points, "achievedAt": NOW}
        row |= {"score": encode("desc", points, NOW, "stranger"), "userId": "stranger"}
        write(rest, SCORES, to_item(row))
    seen: list[tuple[int, str]] = []
    query: dict[str, Any] = {"gameArea": "forest", "limit": 2}
    while True:
        page = rest.get("/leaderboard", query).json
        seen += [(entry["rank"], entry["userId"]) for entry in page["entries"]]
        if page["nextCursor"] is None:
            break
        query["cursor"] = page["nextCursor"]
    assert seen == [(1, "ada"), (2, "bo"), (3, "cy"), (4, "dee")]
    for rank, player in seen:
        standing = rest.get("/leaderboard/me", {"gameArea": "forest", "around": 2}, player=player).json
        assert standing["rank"] == rank
        ours = [(entry["rank"], entry["userId"]) for entry in standing["entries"]]
        assert ours == seen[max(0, rank - 3) : rank + 2]


def test_published_board_that_cannot_be_read_leaves_its_pages_alone(rest: RestScene) -> None:
    rest.score("ada", 5)

    async def damage(db: Database) -> None:
        await db.client.put_item(TableName="Leaderboards", Item=to_item({"gameArea": "forest", "epoch": "?"}))

    rest.run(damage)
    page = rest.get("/leaderboard", {"gameArea": "forest"}).json
    assert (page["version"], [entry["userId"] for entry in page["entries"]]) == (0, ["ada"])


@pytest.mark.usefixtures("portraits")
@pytest.mark.parametrize(
    ("table", "row"),
    [
        (USER_PROGRESS, PROGRESS | {"money": {"S": "lots"}}),
        (STANDINGS, STANDING | {"points": {"S": "many"}}),
        (USER_PROFILES, PROFILE | {"name": {"N": "7"}}),
    ],
    ids=str,
)
def test_player_whose_row_cannot_be_read_can_still_be_deleted(
    rest: RestScene, table: Table, row: Item
) -> None:
    write(rest, table, row)
    assert ask(rest, "DELETE", "/profile", None).status == 204
    assert stored(rest, table) is None


@pytest.mark.usefixtures("portraits")
def test_deletion_spares_the_row_of_another_that_a_damaged_row_names(rest: RestScene) -> None:
    rest.score("another", 5)
    write(rest, STANDINGS, STANDING | {"score": {"S": encode("desc", 5, NOW, "another")}})
    assert ask(rest, "DELETE", "/profile", None).status == 204
    page = rest.get("/leaderboard", {"gameArea": "forest"}).json
    assert [entry["userId"] for entry in page["entries"]] == ["another"]


def test_profile_without_a_revision_can_be_changed(rest: RestScene) -> None:
    """Nothing but the revision tells it from one that this release wrote."""
    write(rest, USER_PROFILES, {name: value for name, value in PROFILE.items() if name != "revision"})
    assert ask(rest, "PUT", "/profile", {"name": "Adele"}).status == 200
    assert ask(rest, "GET", "/profile", None).json["name"] == "Adele"
