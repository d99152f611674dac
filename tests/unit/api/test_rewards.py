"""`GET /rewards` and `POST /rewards/claim`: each case its own clear answer."""

import asyncio
from typing import Any

import pytest

from game.economy import AMOUNT_LIMIT
from store import players, progress, rewards
from store.claims import Claim
from store.database import Database
from store.idempotency import Answer
from store.progress import Progress
from store.schema import CLAIMS
from tests.unit.api.player_requests import post, progress_of, send
from tests.unit.api.rest_scene import PLAYER, RestScene
from tests.unit.realtime.fakes import NOW
from tests.unit.store.bookkeeping import ADA
from tests.unit.store.reward_scene import CATALOGUE, LAST, OPEN, SEASONS, put_row, seat, take_away, week

assert PLAYER == ADA

PRIZE = {"money": 500, "items": {"crown": 1, "torch": 2}}
ASKED = {"gameArea": "forest-week", "season": LAST}
PLACES = {PLAYER: 30, "bob": 20, "cyd": 10, "dan": 5}


@pytest.fixture(autouse=True)
def seasons(rest: RestScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board of the week with a prize for the first three, and four players in the last one."""
    rest.replace(monkeypatch, catalogue=CATALOGUE)
    rest.run(lambda db: seat(db, week(), PLACES))


def claim(rest: RestScene, body: dict[str, Any] = ASKED, *, player: str = PLAYER, **headers: str) -> Any:
    return send(rest, "POST", "/rewards/claim", body, player=player, **headers)


def listed(rest: RestScene, *, player: str = PLAYER, **query: Any) -> Any:
    answer = rest.get("/rewards", query, player=player)
    assert answer.status == 200, answer.text
    return answer.json


def test_reward_is_listed_claimed_and_listed_as_claimed(rest: RestScene) -> None:
    reward = {
        "gameArea": "forest-week",
        "season": LAST,
        "rank": 1,
        "of": 4,
        "prize": PRIZE,
        "claimableAt": SEASONS.claimable_at(LAST),
        "expiresAt": SEASONS.expires_at(LAST),
        "claimed": False,
    }
    assert listed(rest) == {"rewards": [reward], "nextCursor": None}
    answer = claim(rest)
    assert answer.status == 200
    after = progress_of(rest)
    assert answer.json == {
        "gameArea": "forest-week",
        "season": LAST,
        "rank": 1,
        "of": 4,
        "prize": PRIZE,
        **{name: value for name, value in after.items() if name != "bests"},
    }
    assert (after["money"], after["inventory"]) == (500, {"crown": 1, "torch": 2})
    assert listed(rest) == {"rewards": [reward | {"claimed": True}], "nextCursor": None}


def test_second_claim_is_told_the_prize(rest: RestScene) -> None:
    first = claim(rest, Idempotency_Key="k")
    assert (claim(rest, Idempotency_Key="k").status, claim(rest, Idempotency_Key="k").json) == (
        200,
        first.json,
    )
    for problem in (claim(rest).json, claim(rest, Idempotency_Key="other").json):
        assert (problem["status"], problem["code"]) == (409, "claimed")
        assert (problem["prize"], problem["rank"]) == (PRIZE, 1)
    assert progress_of(rest)["money"] == 500


def test_of_64_claims_at_once_one_gives_the_prize(rest: RestScene) -> None:
    async def play(db: Database) -> list[Any]:
        async def one() -> Any:
            try:
                return await rewards.claim(db, CATALOGUE, PLAYER, week(), None, NOW, show)
            except rewards.ClaimedError as error:
                return error

        def show(_: Claim, after: Progress) -> Answer:
            return Answer(status=200, body=str(after.money))

        return [*await asyncio.gather(*(one() for _ in range(64)))]

    answers = rest.run(play)
    assert sum(not isinstance(answer, rewards.ClaimedError) for answer in answers) == 1
    assert progress_of(rest)["money"] == 500


@pytest.mark.parametrize("season", [LAST, OPEN])
def test_claim_before_its_time_says_when_that_is(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch, season: int
) -> None:
    rest.replace(monkeypatch, now_ms=lambda: SEASONS.claimable_at(LAST) - 1)
    problem = claim(rest, ASKED | {"season": season}, Idempotency_Key="k").json
    assert (problem["status"], problem["code"]) == (409, "in_review")
    assert problem["claimableAt"] == SEASONS.claimable_at(season)
    rest.replace(monkeypatch, now_ms=lambda: SEASONS.claimable_at(LAST))
    assert claim(rest, Idempotency_Key="k2").status == 200


def test_same_key_is_good_for_the_claim_that_came_too_early(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest.replace(monkeypatch, now_ms=lambda: SEASONS.claimable_at(LAST) - 1)
    assert claim(rest, Idempotency_Key="k").status == 409
    rest.replace(monkeypatch, now_ms=lambda: NOW)
    assert claim(rest, Idempotency_Key="k").status == 200


def test_claim_that_comes_too_late_says_so(rest: RestScene, monkeypatch: pytest.MonkeyPatch) -> None:
    rest.replace(monkeypatch, now_ms=lambda: SEASONS.expires_at(LAST))
    assert (claim(rest).status, claim(rest).json["code"]) == (409, "expired")
    assert listed(rest)["rewards"] == []
    assert progress_of(rest)["money"] == 0


@pytest.mark.parametrize(
    ("body", "player"),
    [
        (ASKED, "stranger"),
        (ASKED, "dan"),
        (ASKED | {"season": LAST - 1}, PLAYER),
        (ASKED | {"season": OPEN + 1}, PLAYER),
        (ASKED | {"season": 0}, PLAYER),
        (ASKED | {"season": 10**9}, PLAYER),
        (ASKED | {"gameArea": "plain-week"}, PLAYER),
        (ASKED | {"gameArea": "forest"}, PLAYER),
        (ASKED | {"gameArea": "nowhere"}, PLAYER),
    ],
    ids=str,
)
def test_nothing_won_is_a_404(rest: RestScene, body: dict[str, Any], player: str) -> None:
    claim(rest, body, player=player).problem(404)
    assert rest.run(lambda db: _claims(db)) == []


async def _claims(db: Database) -> list[Any]:
    return [*(await db.client.scan(TableName=CLAIMS.name))["Items"]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"gameArea": "forest-week"},
        ASKED | {"season": "1"},
        ASKED | {"season": -1},
        ASKED | {"season": 10**30},
        ASKED | {"x": 1},
    ],
    ids=str,
)
def test_malformed_claim_is_a_422(rest: RestScene, body: dict[str, Any]) -> None:
    claim(rest, body).problem(422)


def test_removal_in_review_moves_the_prizes(rest: RestScene) -> None:
    rest.run(lambda db: take_away(db, week(), PLAYER))
    assert listed(rest)["rewards"] == []
    claim(rest).problem(404)
    assert [one["rank"] for one in listed(rest, player="dan")["rewards"]] == [3]
    assert claim(rest, player="dan").json["prize"] == {"money": 20, "items": {}}


def test_list_is_paged(rest: RestScene) -> None:
    for season in range(LAST - 3, LAST):
        rest.run(lambda db, season=season: seat(db, week(season), PLACES))  # type: ignore[misc]
    whole = [one["season"] for one in listed(rest)["rewards"]]
    assert whole == [LAST, LAST - 1, LAST - 2, LAST - 3]
    for limit in (1, 2, 3):
        found: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            page = listed(rest, limit=limit, cursor=cursor)
            found += [one["season"] for one in page["rewards"]]
            cursor = page["nextCursor"]
        assert found == whole


@pytest.mark.parametrize("cursor", ["x", "%", "Zm9yZXN0fDE", "cGxhaW4td2Vla3wx", "Zm9yZXN0LXdlZWt8eA", "é"])
def test_what_is_no_cursor_is_refused(rest: RestScene, cursor: str) -> None:
    problem = rest.get("/rewards", {"cursor": cursor}, player=PLAYER).problem(422)
    assert [error["field"] for error in problem["errors"]] == ["query.cursor"]


@pytest.mark.parametrize("limit", [0, 101, "many"])
def test_limit_of_a_page_has_bounds(rest: RestScene, limit: Any) -> None:
    rest.get("/rewards", {"limit": limit}, player=PLAYER).problem(422)


def test_both_need_a_token(rest: RestScene) -> None:
    rest.get("/rewards").problem(401)
    send(rest, "POST", "/rewards/claim", ASKED, player=None).problem(401)


def test_claim_row_that_cannot_be_read_is_a_500_and_changes_nothing(
    rest: RestScene, caplog: pytest.LogCaptureFixture
) -> None:
    rest.run(lambda db: put_row(db, CLAIMS.name, {"userId": PLAYER, "board": week().key, "rank": "x"}))
    claim(rest).problem(500)
    assert f"forest-week#{LAST}" in caplog.text
    assert progress_of(rest)["money"] == 0
    assert listed(rest)["rewards"] == []
    assert claim(rest, player="bob").status == 200


def test_prize_that_is_too_much_for_the_balance_says_which_rule_refuses(rest: RestScene) -> None:
    async def enrich(db: Database) -> None:
        new = Progress(user_id=PLAYER)
        rich = new.model_copy(update={"money": AMOUNT_LIMIT})
        await players.write(db, PLAYER, [progress.replace(db, new, rich)])

    rest.run(enrich)
    problem = claim(rest).problem(422)
    assert problem["rule"] == "boards.forest-week.prizes"
    assert [error["field"] for error in problem["errors"]] == ["body.gameArea"]


def test_ranks_that_cannot_be_told_yet_are_a_503(rest: RestScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewards, "COUNTED", 2)
    answer = claim(rest, Idempotency_Key="k")
    assert "compared" in answer.problem(503)["detail"]
    assert "Retry-After" in answer.headers


def test_claim_of_a_deleted_player_is_gone(rest: RestScene, portraits: None) -> None:
    assert claim(rest).status == 200
    assert send(rest, "DELETE", "/profile").status == 204
    assert rest.run(lambda db: _claims(db)) == []
    assert claim(rest).problem(410)["code"] == "deleted"


def test_export_has_what_was_claimed(rest: RestScene, portraits: None) -> None:
    post(rest, "/rewards/claim", ASKED)
    (won,) = rest.get("/profile/export", player=PLAYER).json["claims"]
    assert (won["board"], won["rank"], won["items"]) == (week().key, 1, {"crown": 1, "torch": 2})
