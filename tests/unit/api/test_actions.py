"""Every route that acts on a player's progress: what it answers, what it refuses, and once for each key."""

import json
from typing import Any, NamedTuple

import pytest

from store import idempotency, scores
from store.database import Database
from store.idempotency import Answer, request_key
from tests.unit.api.player_requests import (
    LANTERN,
    NEW,
    PICKUP,
    SAVE,
    SCORE,
    SUCCESSES,
    TASK,
    TODAY,
    Step,
    Success,
    post,
    prepare,
    progress_of,
)
from tests.unit.api.rest_scene import PLAYER, RestScene
from tests.unit.realtime.fakes import NOW
from tests.unit.store.appearance_scene import held_by

each_route = pytest.mark.parametrize("success", SUCCESSES, ids=lambda success: success.path)


@each_route
def test_action_answers_with_the_progress_after_it(rest: RestScene, success: Success) -> None:
    prepare(rest, *success.before)
    before = progress_of(rest)
    answer = post(rest, success.path, success.body)
    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    after = before | success.changes
    bests = after.pop("bests")
    assert answer.json == after | success.says
    assert progress_of(rest) == after | {"bests": bests}


@each_route
def test_action_asks_no_more_of_a_player_of_many_areas(rest: RestScene, success: Success) -> None:
    prepare(rest, *success.before)
    before = len(rest.log)
    post(rest, success.path, success.body, Idempotency_Key="k")
    assert [request for request in rest.log[before:] if request.startswith("Query")] == (
        ["Query Standings"] if success.path == TASK[0] else []
    )


@each_route
def test_replay_answers_the_same_and_acts_once(rest: RestScene, success: Success) -> None:
    prepare(rest, *success.before)
    first = post(rest, success.path, success.body, Idempotency_Key="k")
    assert first.status == 200
    after = progress_of(rest)
    prepare(rest, PICKUP)
    again = post(rest, success.path, success.body, idempotency_key="k")
    assert (again.status, again.text, again.headers) == (first.status, first.text, first.headers)
    assert progress_of(rest) == after | {"money": after["money"] + 100}


@each_route
def test_key_with_another_body_is_refused(rest: RestScene, success: Success) -> None:
    prepare(rest, *success.before)
    post(rest, success.path, success.body, Idempotency_Key="k")
    after = progress_of(rest)
    other = {name: other_value(value) for name, value in success.body.items()}
    problem = post(rest, success.path, other, Idempotency_Key="k").problem(422)
    assert [error["field"] for error in problem["errors"]] == ["header.Idempotency-Key"]
    assert progress_of(rest) == after


def other_value(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    return value + "x" if isinstance(value, str) else None


def test_key_of_another_route_is_refused(rest: RestScene) -> None:
    post(rest, "/unlock", {"id": "oasis"}, Idempotency_Key="k").problem(409)
    assert "Idempotency-Key" in post(rest, *PICKUP, Idempotency_Key="k").problem(422)["detail"]
    assert progress_of(rest) == NEW


def test_request_spelt_differently_is_replayed(rest: RestScene) -> None:
    post(rest, "/money/add", '{"amount":100,"reason":"pickup"}', Idempotency_Key="k")
    again = post(rest, "/money/add", '{ "reason": "pick\\u0075p", "amount": 100 }', Idempotency_Key="k")
    assert (again.status, again.json["money"]) == (200, 100)


class Refused(NamedTuple):
    """A request, what comes before it, the status, and what the answer mentions (of a 422: the field)."""

    path: str
    body: dict[str, Any]
    before: tuple[Step, ...]
    status: int
    mention: str


# One of each status of each route; tests/unit/game has every rule.
REFUSALS = {
    "leap of xp": Refused("/progress", SAVE | {"xp": 501}, (), 422, "body.xp"),
    "unlock unknown": Refused("/unlock", {"id": "moat"}, (), 404, "id: "),
    "unlock twice": Refused(*LANTERN, (SCORE, TASK, LANTERN), 409, "already"),
    "task unknown": Refused("/task/complete", {"taskId": "chore"}, (), 404, "taskId: "),
    "daily task twice a day": Refused(
        "/task/complete",
        {"taskId": "daily-visit"},
        (("/task/complete", {"taskId": "daily-visit"}),),
        409,
        TODAY,
    ),
    "money above a day": Refused(*PICKUP, (PICKUP,) * 10, 422, "body.amount"),
    "money for no reason": Refused("/money/add", PICKUP[1] | {"reason": "x"}, (), 422, "body.reason"),
    "purchase unknown": Refused("/shop/buy", {"itemId": "sword"}, (), 404, "itemId: "),
    "purchase without the money": Refused("/shop/buy", {"itemId": "torch"}, (), 402, "costs 10"),
    "purchase of two of one": Refused(
        "/shop/buy", {"itemId": "compass", "quantity": 2}, (PICKUP,) * 3, 422, "body.quantity"
    ),
    "purchase before the unlock": Refused("/shop/buy", {"itemId": "camel"}, (PICKUP,) * 3, 409, "oasis"),
}


@pytest.mark.parametrize("refused", REFUSALS.values(), ids=REFUSALS)
def test_refusal_changes_nothing_and_is_replayed(rest: RestScene, refused: Refused) -> None:
    prepare(rest, *refused.before)
    before = progress_of(rest)
    answer = post(rest, refused.path, refused.body, Idempotency_Key="k")
    problem = answer.problem(refused.status)
    if refused.status == 422:
        assert [error["field"] for error in problem["errors"]] == [refused.mention]
    assert refused.mention in problem["detail"]
    assert progress_of(rest) == before
    again = post(rest, refused.path, refused.body, Idempotency_Key="k")
    assert (again.text, again.headers) == (answer.text, answer.headers)
    assert documented(rest, refused.path)[str(refused.status)]["content"].keys() == {
        "application/problem+json"
    }


def documented(rest: RestScene, path: str) -> dict[str, Any]:
    """Return the answers that the API's description names."""
    responses: dict[str, Any] = rest.get("/openapi.json").json["paths"][path]["post"]["responses"]
    return responses


BAD_KEYS = ["", " ", "a b", "a\tb", "a\n", "\x00", "é", "x" * 256]


@each_route
def test_malformed_key_is_refused(rest: RestScene, success: Success) -> None:
    prepare(rest, *success.before)
    before = progress_of(rest)
    for key in BAD_KEYS:
        problem = post(rest, success.path, success.body, Idempotency_Key=key).problem(400)
        assert "Idempotency-Key" in problem["detail"]
    assert progress_of(rest) == before


@pytest.mark.parametrize("key", ["k", "x" * 255, "!~/{}", "3f1c0d9e-0b5c-4b1e-9a53-4f6a9f1a2b3c"])
def test_well_formed_key_is_accepted(rest: RestScene, key: str) -> None:
    for _ in range(2):
        assert post(rest, *PICKUP, Idempotency_Key=key).json["money"] == 100


def test_task_is_paid_once_its_score_is_there_and_the_refusal_names_the_rule(rest: RestScene) -> None:
    problem = post(rest, *TASK).problem(409)
    assert problem["rule"] == "tasks.first-score.requires.score"
    prepare(rest, SCORE, TASK)
    assert progress_of(rest)["money"] == 50


def test_score_that_an_operator_took_away_completes_no_task(rest: RestScene) -> None:
    prepare(rest, SCORE)

    async def remove(db: Database) -> None:
        held = await held_by(db, PLAYER)
        await scores.delete_rows(db, [(one.board, one.sort_key) for one in held.values() if one.sort_key])

    rest.run(remove)
    post(rest, *TASK).problem(409)
    prepare(rest, SCORE, TASK)


@pytest.mark.parametrize(
    ("path", "body", "rule"),
    [
        ("/money/add", PICKUP[1] | {"amount": 101}, "money.pickup.perRequest"),
        ("/unlock", {"id": "oasis"}, "unlocks.oasis.requires"),
        (*LANTERN, "unlocks.lantern-path.level"),
        ("/shop/buy", {"itemId": "camel"}, "shop.camel.requires"),
    ],
)
def test_refusal_by_the_catalogue_names_its_rule(
    rest: RestScene, path: str, body: dict[str, Any], rule: str
) -> None:
    answer = post(rest, path, body)
    assert answer.problem(answer.status)["rule"] == rule


NESTED = {"at": "gate", "bag": [{"torch": 1, "rope": 2.0}, 7]}


def test_key_with_the_members_in_another_order_is_the_same_request(rest: RestScene) -> None:
    first = post(rest, "/progress", SAVE | {"checkpoint": NESTED}, Idempotency_Key="k")
    other = {"bag": [{"rope": 2, "torch": 1}, 7], "at": "gate"}
    body = {name: SAVE[name] for name in reversed(SAVE)} | {"checkpoint": other}
    again = post(rest, "/progress", body, Idempotency_Key="k")
    assert (first.status, again.status, again.text) == (200, 200, first.text)
    other["bag"] = [7, {"rope": 2, "torch": 1}]
    post(rest, "/progress", body, Idempotency_Key="k").problem(422)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (SAVE | {"checkpoint": NESTED}, 200),
        (SAVE | {"checkpoint": NESTED | {"at": "moat"}}, 422),
    ],
)
def test_key_that_an_earlier_release_kept_is_still_the_same_request(
    rest: RestScene, body: dict[str, Any], status: int
) -> None:
    """Objects within the fields were taken as sent then."""
    content = json.dumps({name: (SAVE | {"checkpoint": NESTED})[name] for name in SAVE})
    key = request_key(PLAYER, "k", "POST", "/progress", content)
    kept = Answer(status=200, body='{"kept":true,"bests":{"forest":7}}')

    async def keep(db: Database) -> None:
        await db.client.transact_write_items(TransactItems=[idempotency.put(db, key, kept, NOW)])

    rest.run(keep)
    answer = post(rest, "/progress", body, Idempotency_Key="k")
    assert answer.status == status
    if status == 200:
        assert answer.text == kept.body
