"""`/health`, `/client-config.json`, `/openapi.json`, and what is no resource at all."""

import json
import logging
from types import SimpleNamespace
from typing import cast

import pytest
from pydantic import ValidationError

from api import app
from api.backend import Backend
from api.problems import RETRY_AFTER_LIMIT, ProblemError
from game.catalogue import Catalogue, load_catalogue
from game.client_config import Deployment
from game.environment import ApiEnvironment
from game.headers import PREFLIGHT_SECONDS
from game.public_catalogue import publish
from runtime.settings import read
from store.boards import PublishedBoard
from store.errors import ConflictError
from tests.support.catalogues import edited
from tests.unit.api.player_requests import send
from tests.unit.api.rest_scene import (
    DEPLOYMENT,
    PLAYER,
    TOKEN_VARIABLES,
    Answer,
    RestScene,
    request_event,
)
from tests.unit.events import recorded
from tests.unit.realtime.lambda_container import container_of, fake_context

OFFERED = ("areas", "boards", "seasons", "levels", "tasks", "unlocks", "shop")


def test_health_reads_no_table(rest: RestScene) -> None:
    answer = rest.get("/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    assert rest.log == []


def test_client_config_is_the_deployment_and_the_areas(rest: RestScene) -> None:
    config = rest.get("/client-config.json").json
    assert config == {
        "region": "us-east-1",
        "restUrl": "https://rest.example.com/prod",
        "webSocketUrl": "wss://live.example.com/prod",
        "userPoolId": "us-east-1_Podium123",
        "userPoolClientId": "4h57k5example",
        "avatarBucket": "podium-avatars",
        "gameAreas": [
            {"id": name, "title": area.title, "order": area.order}
            for name, area in load_catalogue().areas.items()
        ],
        "boards": [
            {"id": "forest", "title": "Whispering Forest", "order": "desc", "areas": ["forest"]},
            {"id": "desert", "title": "Amber Desert", "order": "desc", "areas": ["desert"]},
            {"id": "sprint", "title": "Salt Flats Sprint", "order": "asc", "areas": ["sprint"]},
            {"id": "gauntlet", "title": "The Gauntlet", "order": "desc", "areas": ["gauntlet"]},
            {"id": "global", "title": "All areas", "order": "desc", "areas": ["forest", "desert"]},
            {
                "id": "forest-week",
                "title": "Forest, this week",
                "order": "desc",
                "areas": ["forest"],
                "season": "weekly",
            },
        ],
        "pictures": {
            "contentTypes": [
                *("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif", "image/avif"),
                *("image/gif", "image/bmp", "image/tiff"),
            ],
            "maxBytes": 20 * 1024**2,
            "maxPixels": 64 * 1024**2,
            "maxSide": 16_384,
        },
    }


def test_catalogue_is_what_clients_may_see_of_it(rest: RestScene) -> None:
    answer = rest.get("/catalogue")
    content = answer.json
    assert [*content] == ["version", *OFFERED]
    assert [area["id"] for area in content["areas"]] == [*load_catalogue().areas]
    assert content["areas"][2] == {
        "id": "sprint",
        "title": "Salt Flats Sprint",
        "order": "asc",
        "min": 1,
        "max": 3_600_000,
        "keep": "best",
    }
    rules = {area["id"]: area["rules"] for area in content["areas"] if "rules" in area}
    two_hours = 2 * 60 * 60 * 1000
    assert rules == {
        "forest": {"write": "player", "run": "optional", "maxTime": two_hours},
        "gauntlet": {
            "write": "player",
            "run": "required",
            "maxTime": two_hours,
            "submits": {"count": 30, "every": 60_000},
        },
    }
    assert content["boards"][4] == {
        "id": "global",
        "title": "All areas",
        "order": "desc",
        "areas": ["forest", "desert"],
        "size": 50,
    }
    assert content["boards"][5] == {
        "id": "forest-week",
        "title": "Forest, this week",
        "order": "desc",
        "areas": ["forest"],
        "season": "weekly",
        "size": 50,
        "prizes": [
            {"ranks": [1, 1], "money": 500, "items": {"camel": 1}},
            {"top": "10%", "money": 20, "items": {}},
        ],
    }
    assert content["seasons"] == [
        {"id": "weekly", "startsAt": 1767571200000, "grace": 600_000, "review": 86_400_000, "keep": 26}
    ]
    assert content["levels"] == {"xp": [*load_catalogue().levels.xp]}
    assert {task["id"] for task in content["tasks"]} == load_catalogue().tasks.keys()
    assert content["unlocks"][1]["requires"] == ["lantern-path"]
    assert content["shop"][2] == {
        "id": "camel",
        "title": "A camel of your own",
        "price": 300,
        "unique": True,
        "requires": "oasis",
    }
    assert "pickup" not in answer.text, "what bounds a cheat is not told"
    assert answer.headers["ETag"] == f'"{content["version"]}"'
    assert rest.log == []


@pytest.mark.parametrize(
    ("held", "status"),
    [
        ('"{version}"', 304),
        ('W/"{version}"', 304),
        ('"other", "{version}"', 304),
        ("*", 304),
        ('"other"', 200),
        ("{version}", 200),
        ("", 200),
    ],
)
def test_catalogue_that_the_client_holds_is_not_sent_again(rest: RestScene, held: str, status: int) -> None:
    version = rest.get("/catalogue").json["version"]
    answer = send(rest, "GET", "/catalogue", player=None, if_none_match=held.format(version=version))
    assert answer.status == status
    assert (not answer.text) == (status == 304)
    assert answer.headers["ETag"] == f'"{version}"'
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


def test_version_of_the_catalogue_follows_from_its_content() -> None:
    shipped = load_catalogue()
    assert publish(shipped) == publish(load_catalogue())
    assert publish(edited(shipped, areas={"forest": {"max": 5}})).version != publish(shipped).version
    hidden = shipped.model_copy(update={"levels": shipped.levels.model_copy(update={"xp_per_save": 7})})
    assert publish(hidden) == publish(shipped)


def test_largest_game_is_told_whole_and_a_wrong_area_briefly(rest: RestScene) -> None:
    levels = {"count": 2_400, "title": "Level {n}", "order": "desc", "min": 0, "max": 9, "top": 50}
    catalogue = Catalogue.model_validate({"series": {"level": levels}})
    assert len(publish(catalogue).text) < 1024**2
    backend = SimpleNamespace(catalogue=catalogue)
    with pytest.raises(ProblemError) as refusal:
        Backend.area(cast(Backend, backend), "swamp")
    assert len(refusal.value.problem.detail) < 300


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("GET", "/score"), ("DELETE", "/leaderboard"), ("GET", "/")]
)
def test_unknown_resource_is_a_problem(rest: RestScene, method: str, path: str) -> None:
    rest.invoke(request_event(method, path, player=None)).problem(404)


def test_preflight_is_answered_for_any_origin(rest: RestScene) -> None:
    event = request_event("OPTIONS", "/score", player=None)
    answer = rest.invoke(event)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Max-Age"] == str(PREFLIGHT_SECONDS)


def test_problem_can_be_read_from_another_origin(rest: RestScene) -> None:
    answer = rest.get("/leaderboard", {"gameArea": "swamp"})
    answer.problem(404)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_unexpected_error_is_logged_and_told_without_its_secrets(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> PublishedBoard | None:
        raise RuntimeError("table arn:aws:secret")

    monkeypatch.setattr("store.boards.load", broken)
    with caplog.at_level(logging.ERROR, "podium.api"):
        answer = rest.get("/leaderboard", {"gameArea": "forest"})
    answer.problem(500)
    assert "secret" not in answer.text
    assert "table arn:aws:secret" in caplog.text


def test_too_many_writes_at_once_say_when_to_come_back(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def conflict(*_: object, **__: object) -> None:
        raise ConflictError("50 times")

    monkeypatch.setattr("api.routes.score.submit", conflict)
    answer = rest.invoke(recorded("rest_score"))
    answer.problem(503)
    assert comes_back_in(answer) in range(1, RETRY_AFTER_LIMIT + 1)


def comes_back_in(answer: Answer) -> int:
    """Return the seconds of `Retry-After`, which pages of any origin may read."""
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    return int(answer.headers["Retry-After"])


@pytest.mark.parametrize("operation", ["BatchGetItem", "TransactWriteItems"])
def test_score_on_a_throttled_partition_is_a_503_after_four_transactions(
    rest: RestScene, operation: str
) -> None:
    rest.throttled.add(operation)
    answer = rest.invoke(recorded("rest_score"))
    answer.problem(503)
    assert comes_back_in(answer) in range(1, RETRY_AFTER_LIMIT + 1)
    assert len([line for line in rest.log if line.startswith(operation)]) == 4
    rest.throttled.clear()
    assert rest.invoke(recorded("rest_score")).status == 201


@pytest.mark.parametrize(
    ("event", "operation"),
    [
        (("GET", "/profile"), "BatchGetItem"),
        (("GET", "/progress"), "BatchGetItem"),
        (("DELETE", "/profile"), "Query"),
    ],
)
def test_other_request_to_a_throttled_partition_is_a_503_too(
    rest: RestScene, event: tuple[str, str], operation: str
) -> None:
    rest.throttled.add(operation)
    answer = rest.invoke(request_event(*event, player=PLAYER))
    answer.problem(503)
    assert comes_back_in(answer) in range(1, RETRY_AFTER_LIMIT + 1)
    assert len([line for line in rest.log if line.startswith(operation)]) == 4


def test_page_of_a_throttled_board_is_a_503(rest: RestScene) -> None:
    rest.throttled.add("Query")
    rest.get("/leaderboard", {"gameArea": "forest"}).problem(503)
    assert rest.log.count("Query Scores") == 4


def test_retry_after_is_spread_over_throttled_callers(rest: RestScene) -> None:
    rest.throttled.add("Query")
    answers = [rest.get("/leaderboard", {"gameArea": "forest"}) for _ in range(12)]
    assert len({comes_back_in(answer) for answer in answers}) > 1


def test_request_keeps_no_state_for_the_next_one(rest: RestScene) -> None:
    event = recorded("rest_score")
    assert rest.invoke(event).status == 201
    del event["requestContext"]["authorizer"]
    rest.invoke(event).problem(401)


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_TABLE_PREFIX", "dev-")
    monkeypatch.setenv("PODIUM_DEPLOYMENT", DEPLOYMENT.model_dump_json(by_alias=True))
    monkeypatch.setenv("PODIUM_PORTRAIT_FUNCTION", "portraits")
    monkeypatch.setenv("PODIUM_RUN_SECRET", "runs")
    for name, setting in TOKEN_VARIABLES.items():
        monkeypatch.setenv(name, setting)
    monkeypatch.setenv("PODIUM_CONNECTIONS_URL", "https://live.example.com/prod")
    settings = read(ApiEnvironment)
    assert settings.table_prefix == "dev-"
    assert Deployment.model_validate_json(settings.deployment) == DEPLOYMENT


@pytest.mark.parametrize(
    ("value", "named"), [(None, "PODIUM_DEPLOYMENT"), (json.dumps({"region": "x"}), "restUrl")]
)
def test_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, value: str | None, named: str) -> None:
    monkeypatch.setenv("PODIUM_PORTRAIT_FUNCTION", "portraits")
    monkeypatch.setenv("PODIUM_RUN_SECRET", "runs")
    for name, setting in TOKEN_VARIABLES.items():
        monkeypatch.setenv(name, setting)
    monkeypatch.setenv("PODIUM_CONNECTIONS_URL", "https://live.example.com/prod")
    monkeypatch.delenv("PODIUM_DEPLOYMENT", raising=False)
    if value is not None:
        monkeypatch.setenv("PODIUM_DEPLOYMENT", value)
    with (
        container_of(monkeypatch, app, app._open_backend),
        pytest.raises(ValidationError, match=named),
    ):
        app.handler(request_event("GET", "/health", player=None), fake_context())
