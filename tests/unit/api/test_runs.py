"""`POST /run`, and scores under the rules of their areas."""

import base64
import json
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from game.idempotency import KEPT_SECONDS
from game.run_ticket import Key, Ticket, sign
from runtime.run_keys import RunKeys
from store import limits
from store.database import Database, to_item
from store.schema import HELD_SCORES, IDEMPOTENCY, LIMITS, SCORES, STANDINGS, TABLES
from tests.unit.api.rest_scene import PLAYER, RestScene
from tests.unit.api.run_scene import BOB, CATALOGUE, DAY, HOUR, MINUTE, SECOND, RunScene, run_scene
from tests.unit.realtime.fakes import NOW

WEEKLY = CATALOGUE.seasons["weekly"]


@pytest.fixture
def runs(rest: RestScene, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunScene]:
    with run_scene(rest, monkeypatch) as scene:
        yield scene


def payload(run: str) -> dict[str, object]:
    text = run.partition(".")[0]
    content: dict[str, object] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return content


def test_run_tells_its_times_and_writes_nothing(runs: RunScene) -> None:
    run = runs.begin("gauntlet")
    assert run.keys() == {"run", "seed", "startedAt", "expiresAt"}
    assert (run["startedAt"], run["expiresAt"]) == (NOW, NOW + 2 * HOUR)
    assert 0 <= run["seed"] < 2**31
    assert runs.begin("gauntlet")["seed"] != run["seed"]
    assert runs.writes() == []


def test_run_in_an_area_that_is_not_there_is_a_404(runs: RunScene) -> None:
    assert "there is no 'moon'" in runs.send("POST", "/run", {"gameArea": "moon"}).problem(404)["detail"]


def test_run_is_for_every_area_of_players(runs: RunScene) -> None:
    for name in set(CATALOGUE.areas) - {"vault"}:
        assert runs.play(name, 5).status == 201
    assert runs.send("POST", "/run", {"gameArea": "vault"}).problem(422)["rule"] == "areas.vault.rules.write"


def test_score_with_its_run_is_accepted(runs: RunScene) -> None:
    answer = runs.play("gauntlet", 3000)
    assert (answer.status, answer.json) == (
        201,
        {
            "gameArea": "gauntlet",
            "score": 3000,
            "best": 3000,
            "improved": True,
            "verdict": "accepted",
            "boards": [{"gameArea": "gauntlet", "points": 3000, "improved": True}],
        },
    )


def test_used_run_gets_its_first_answer_and_no_other_score(runs: RunScene) -> None:
    run = runs.begin()["run"]
    runs.now += MINUTE
    first = runs.score("gauntlet", 10, run)
    assert runs.play("gauntlet", 20).json["best"] == 20
    runs.rest.log.clear()
    # The first answer, though better points came since, and the run has expired.
    for later in (0, 2 * HOUR, 20 * HOUR):
        runs.now = NOW + later + MINUTE
        assert runs.score("gauntlet", 10, run, key="another").json == first.json
        other = runs.score("gauntlet", 11, run).problem(422)
        assert other["rule"] == "areas.gauntlet.rules.run"
        assert [error["field"] for error in other["errors"]] == ["body.run"]
    assert runs.writes() == []


def test_row_of_a_used_run_outlives_the_run(runs: RunScene) -> None:
    run = runs.begin()
    runs.now += MINUTE
    runs.score("gauntlet", 10, run["run"])
    (row,) = runs.rows(IDEMPOTENCY)
    assert row["expiresAt"] == run["expiresAt"] // 1000 + KEPT_SECONDS
    assert row["userId"] == PLAYER


def test_run_without_a_key_counts_a_sum_once(runs: RunScene) -> None:
    run = runs.begin("added")["run"]
    for _ in range(3):
        assert runs.score("added", 7, run).json["best"] == 7
    assert "header.Idempotency-Key" in runs.score("added", 7).problem(422)["detail"]


def test_malformed_key_beside_a_run_is_refused(runs: RunScene) -> None:
    run = runs.begin("added")["run"]
    runs.score("added", 7, run, key="not a key").problem(400)


def forged(runs: RunScene) -> dict[str, str]:
    """Return texts that are no ticket of Ada's in the gauntlet."""
    real = runs.begin()["run"]
    body = Ticket.model_validate(payload(real))
    long_ago = body.model_copy(update={"started_at": NOW - HOUR})
    head, _, tail = real.partition(".")
    return {
        "empty": "",
        "no ticket": "please",
        "cut": real[:-1],
        "signed with another key": sign(long_ago, Key("key-1", b"guess")),
        "of an unknown key": sign(long_ago, Key("key-9", b"guess")),
        "edited": sign(long_ago, Key("key-1", b"guess")).partition(".")[0] + "." + tail,
        "signature of another": head + "." + runs.begin()["run"].partition(".")[2],
        "another player's": runs.begin(player=BOB)["run"],
        "another area's": runs.begin("other")["run"],
        "not ASCII": "é.\u2028",
    }


def test_ticket_that_is_not_the_player_s_for_this_area_is_refused(runs: RunScene) -> None:
    tickets = forged(runs)
    runs.now += MINUTE
    runs.rest.log.clear()
    for name, ticket in tickets.items():
        problem = runs.score("gauntlet", 10, ticket).problem(422)
        assert problem["rule"] == "areas.gauntlet.rules.run", name
        assert problem["errors"][0]["field"] == "body.run", name
    assert runs.rest.log == []


@pytest.mark.parametrize("name", ["open", "added"])
def test_ticket_where_none_is_needed_is_checked_and_used(runs: RunScene, name: str) -> None:
    run = runs.begin(name)["run"]
    assert runs.score(name, 10, run).status == 201
    assert runs.score(name, 11, run).problem(422)["rule"] == f"areas.{name}.rules.run"
    assert runs.score(name, 12, run + "x").problem(422)["rule"] == f"areas.{name}.rules.run"


def test_key_that_was_changed_since_verifies_and_one_before_it_does_not(
    runs: RunScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = (Key(name, name.encode()) for name in ("one", "two", "three"))
    kept = [one]

    async def read() -> list[Key]:
        return list(kept)

    runs.rest.replace(monkeypatch, run_keys=RunKeys(read, lambda: runs.now / 1000))
    first, second = runs.begin()["run"], runs.begin()["run"]
    kept[:] = [two, one]
    runs.now += HOUR
    assert payload(runs.begin()["run"])["key"] == "two"
    assert runs.score("gauntlet", 10, first).status == 201
    kept[:] = [three, two]
    # Another function has not seen the first key.
    runs.rest.replace(monkeypatch, run_keys=RunKeys(read, lambda: runs.now / 1000))
    assert runs.score("gauntlet", 11, second).problem(422)["rule"] == "areas.gauntlet.rules.run"


def test_score_without_a_run_is_refused_where_one_is_required(runs: RunScene) -> None:
    problem = runs.score("gauntlet", 10).problem(422)
    assert problem["rule"] == "areas.gauntlet.rules.run"
    assert "POST /run" in problem["detail"]
    assert runs.score("level-2", 10).problem(422)["rule"] == "series.level.rules.run"


def test_run_that_is_too_fast_is_refused_and_not_used(runs: RunScene) -> None:
    run = runs.begin()["run"]
    runs.now += 20 * SECOND - 1
    problem = runs.score("gauntlet", 10, run).problem(422)
    assert problem["rule"] == "areas.gauntlet.rules.min_time"
    assert "at least 20 seconds" in problem["detail"]
    assert runs.writes() == []
    runs.now += 1
    assert runs.score("gauntlet", 10, run).status == 201


def test_too_many_points_for_the_time_are_refused(runs: RunScene) -> None:
    run = runs.begin("level-1")["run"]
    runs.now += 20 * SECOND
    problem = runs.score("level-1", 3001, run).problem(422)
    assert problem["rule"] == "series.level.rules.pace"
    assert problem["errors"][0]["field"] == "body.score"
    assert "150 points per second" in problem["detail"]
    assert runs.score("level-1", 3000, run).status == 201


def test_run_expires(runs: RunScene) -> None:
    run = runs.begin()
    runs.now = run["expiresAt"]
    problem = runs.score("gauntlet", 10, run["run"]).problem(409)
    assert (problem["code"], problem["rule"]) == ("run_expired", "areas.gauntlet.rules.max_time")
    assert runs.writes() == []
    runs.now -= 1
    assert runs.score("gauntlet", 10, run["run"]).status == 201


def test_run_that_begins_in_the_future_by_a_clock_is_too_fast(runs: RunScene) -> None:
    run = runs.begin()["run"]
    runs.now -= MINUTE
    assert runs.score("gauntlet", 0, run).problem(422)["rule"] == "areas.gauntlet.rules.min_time"


def test_bounds_hold_with_a_run_too(runs: RunScene) -> None:
    assert runs.play("gauntlet", 1_000_001, lasting=HOUR).problem(422)["errors"][0]["field"] == "body.score"


def test_attempts_count_the_runs_that_are_submitted(runs: RunScene) -> None:
    assert [runs.begin("arena")["attemptsLeft"] for _ in range(5)] == [3] * 5
    for left in (2, 1):
        runs.play("arena", 10)
        assert runs.begin("arena")["attemptsLeft"] == left
    waiting = runs.begin("arena")["run"]
    runs.play("arena", 12)
    runs.rest.log.clear()
    for answer in (
        runs.send("POST", "/run", {"gameArea": "arena"}),
        runs.score("arena", 99, waiting),
    ):
        problem = answer.problem(409)
        assert (problem["code"], problem["rule"]) == ("no_attempts", "areas.arena.rules.attempts")
        assert problem["resetsAt"] == WEEKLY.ends_at(WEEKLY.number_at(NOW))
    assert runs.writes() == []
    # Another player has their own, and so has the next season.
    assert runs.begin("arena", player=BOB)["attemptsLeft"] == 3
    runs.now = problem["resetsAt"]
    assert runs.begin("arena")["attemptsLeft"] == 3


def test_refused_and_repeated_scores_use_no_attempt(runs: RunScene) -> None:
    run = runs.begin("daily")["run"]
    runs.score("daily", 2_000_000, run).problem(422)
    for _ in range(3):
        runs.score("daily", 10, run)
    runs.score("daily", 11, run).problem(422)
    assert runs.begin("daily")["attemptsLeft"] == 1


def test_attempts_of_a_day_begin_again_at_midnight(runs: RunScene) -> None:
    runs.play("daily", 10)
    runs.play("daily", 10)
    midnight = NOW - NOW % DAY + DAY
    assert runs.send("POST", "/run", {"gameArea": "daily"}).problem(409)["resetsAt"] == midnight
    runs.now = midnight
    assert runs.begin("daily")["attemptsLeft"] == 2
    for row in runs.rows(LIMITS):
        assert row["expiresAt"] == midnight // 1000 + limits.KEPT_SECONDS


def test_run_begun_before_a_boundary_counts_for_its_season_within_grace(runs: RunScene) -> None:
    season = WEEKLY.number_at(NOW)
    end = WEEKLY.ends_at(season)
    runs.now = end - MINUTE
    early, late = runs.begin("arena")["run"], runs.begin("arena")["run"]
    runs.now = end + 9 * MINUTE
    (week,) = [
        one for one in runs.score("arena", 10, early).json["boards"] if one["gameArea"] == "arena-week"
    ]
    assert week["season"] == season
    # It used an attempt of the season in which it began.
    assert runs.begin("arena")["attemptsLeft"] == 3
    runs.now = end + 10 * MINUTE
    problem = runs.score("arena", 10, late).problem(409)
    assert (problem["code"], problem["season"]) == ("season_over", season + 1)
    (row,) = runs.rows(LIMITS)
    assert row["limit"].startswith("arena#attempts#season@")
    assert row["expiresAt"] == (end + 10 * MINUTE) // 1000 + limits.KEPT_SECONDS


def test_submissions_above_the_limit_are_refused_until_the_next_window(runs: RunScene) -> None:
    runs.now = NOW - NOW % MINUTE + 15 * SECOND
    # One that is no better counts too.
    for points in (10, 10, 5):
        assert runs.score("busy", points).status == 201
    runs.rest.log.clear()
    answer = runs.score("busy", 11)
    assert answer.problem(429)["rule"] == "areas.busy.rules.submits"
    assert answer.headers["Retry-After"] == "45"
    assert runs.writes() == []
    assert runs.score("busy", 11, player=BOB).status == 201
    runs.now += 45 * SECOND
    assert runs.score("busy", 11).status == 201


def test_repetition_under_a_key_counts_once(runs: RunScene) -> None:
    for _ in range(5):
        assert runs.score("busy", 10, key="same").json["improved"] is True
    assert [row["used"] for row in runs.rows(LIMITS)] == [1]


def test_score_of_a_player_where_servers_write_is_refused(runs: RunScene) -> None:
    problem = runs.score("vault", 10).problem(422)
    assert problem["rule"] == "areas.vault.rules.write"
    assert runs.writes() == []


def test_score_in_doubt_is_held_and_on_no_board(runs: RunScene) -> None:
    assert runs.play("doubt", 100).json["verdict"] == "accepted"
    run = runs.begin("doubt")
    runs.now += MINUTE
    answer = runs.score("doubt", 9001, run["run"])
    assert (answer.status, answer.json) == (
        201,
        {
            "gameArea": "doubt",
            "score": 9001,
            "best": 100,
            "improved": False,
            "verdict": "held",
            "boards": [],
        },
    )
    assert {row["points"] for table in (SCORES, STANDINGS) for row in runs.rows(table)} == {100}
    (row,) = runs.rows(HELD_SCORES)
    assert (row["userId"], row["points"], row["rule"], row["seed"]) == (PLAYER, 9001, "pace", run["seed"])
    assert (row["startedAt"], row["achievedAt"]) == (run["startedAt"], runs.now)
    # The run is used.
    assert runs.score("doubt", 9001, run["run"]).json == answer.json
    assert runs.score("doubt", 100, run["run"]).problem(422)["rule"] == "areas.doubt.rules.run"


def test_first_score_that_is_held_has_no_best(runs: RunScene) -> None:
    assert runs.play("doubt", 5, lasting=SECOND).json["best"] is None


def test_player_has_few_held_scores(runs: RunScene) -> None:
    for _ in range(10):
        assert runs.play("doubt", 5, lasting=SECOND).json["verdict"] == "held"
    runs.rest.log.clear()
    problem = runs.play("doubt", 5, lasting=SECOND).problem(422)
    assert problem["rule"] == "areas.doubt.rules.min_time"
    assert "10 wait for a moderator" in problem["detail"]
    assert runs.writes() == []
    assert runs.play("doubt", 5, lasting=SECOND, player=BOB).json["verdict"] == "held"
    assert len(runs.rows(HELD_SCORES)) == 11


def test_refused_scores_leave_no_row_at_all(runs: RunScene) -> None:
    run = runs.begin()["run"]
    for answer in (
        runs.score("gauntlet", 10),
        runs.score("gauntlet", 10, run),
        runs.score("gauntlet", 10, "x"),
        runs.score("vault", 10),
    ):
        answer.problem(422)
    assert [row for table in TABLES for row in runs.rows(table)] == []


def test_keys_that_cannot_be_read_are_a_503_and_write_nothing(
    runs: RunScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.begin()["run"]

    async def read() -> list[Key]:
        raise ClientError({"Error": {"Code": "InternalServiceError"}}, "GetSecretValue")

    runs.rest.replace(monkeypatch, run_keys=RunKeys(read, lambda: runs.now / 1000))
    runs.now += MINUTE
    for answer in (runs.send("POST", "/run", {"gameArea": "gauntlet"}), runs.score("gauntlet", 5, run)):
        assert "runs cannot be signed or checked" in answer.problem(503)["detail"]
        assert 1 <= int(answer.headers["Retry-After"]) <= 5
    assert runs.writes() == []
    # Who sends no run is not held up.
    assert runs.score("open", 5).status == 201


def test_limit_that_cannot_be_read_stops_its_area_alone(runs: RunScene) -> None:
    runs.play("daily", 5)
    (row,) = runs.rows(LIMITS)

    async def damage(db: Database) -> None:
        await db.client.put_item(TableName=LIMITS.name, Item=to_item(row | {"used": "many"}))

    runs.rest.run(damage)
    runs.send("POST", "/run", {"gameArea": "daily"}).problem(500)
    assert runs.play("gauntlet", 5).status == 201
    assert runs.begin("daily", player=BOB)["attemptsLeft"] == 2
