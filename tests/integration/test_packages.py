"""The Lambda functions' zip: what is in it, and that each function answers from it what AWS sends."""

import json
import time
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from game.client_config import PictureLimits
from game.functions import ZIPPED, Function, entry_of
from infra.packaging.bundle import HOST, Bundle, build
from local.emulator import Emulator
from runtime.clock import now_ms
from store import connections, scores
from streams.broadcaster import Broadcaster
from streams.fanout import FanOutRunner, Slice
from streams.report import Report
from tests.integration.package_process import DEPLOYMENT, FunctionError, running
from tests.integration.package_scene import CATALOGUE, CONNECTION, FOREST, PLAYER, Scene, playing
from tests.unit.api.rest_scene import request_event
from tests.unit.events import recorded
from tests.unit.realtime.fakes import RecordingPush
from tests.unit.realtime.user_pool import ID_CLAIMS, token

ZIP_LIMIT = 25_000_000
"""Bytes of the zip. Lambda itself takes 50 MB when one is uploaded to it directly."""


def test_zip_holds_the_package_and_is_small(bundle: Bundle) -> None:
    assert bundle.zip_size < ZIP_LIMIT
    with zipfile.ZipFile(bundle.zip) as archive:
        assert archive.testzip() is None
        content = {name: archive.read(name) for name in archive.namelist()}
    files = [path for path in bundle.folder.rglob("*") if path.is_file()]
    assert content == {path.relative_to(bundle.folder).as_posix(): path.read_bytes() for path in files}


def test_same_sources_give_the_same_bytes(bundle: Bundle, tmp_path: Path) -> None:
    assert build(HOST, tmp_path).zip.read_bytes() == bundle.zip.read_bytes()


def test_bytecode_does_not_name_the_folder_where_it_was_made(bundle: Bundle) -> None:
    bytecode = [*(bundle.folder / "realtime").rglob("*.pyc")]
    assert bytecode
    for path in bytecode:
        assert str(bundle.folder).encode() not in path.read_bytes()


async def api(scene: Scene) -> None:
    """A score is written; clients are told where to connect; what needs S3's and OpenAPI's parts works."""
    answer = await scene.function.invoke(recorded("rest_score"))
    assert answer["statusCode"] == 201
    assert json.loads(answer["body"]) == {"gameArea": "forest", "score": 420, "best": 420, "improved": True}
    assert [(one.user_id, one.points) for one in await scores.top(scene.db, FOREST)] == [(PLAYER, 420)]
    assert scene.counted() == {"ScoresAccepted"}

    answer = await scene.function.invoke(recorded("rest_client_config"))
    config = json.loads(answer["body"])
    assert [area["id"] for area in config.pop("gameAreas")] == list(CATALOGUE.areas)
    assert config.pop("pictures") == PictureLimits().model_dump(mode="json", by_alias=True)
    assert (answer["statusCode"], config) == (200, DEPLOYMENT)

    answer = await scene.function.invoke(request_event("GET", "/openapi.json", player=None))
    assert "/score" in json.loads(answer["body"])["paths"]

    wanted = {"contentType": "image/png", "contentLength": 1000}
    event = request_event("POST", "/avatar/presign", player=PLAYER) | {"body": json.dumps(wanted)}
    answer = await scene.function.invoke(event)
    assert json.loads(answer["body"])["fields"]["key"].startswith(f"uploads/{PLAYER}/")


async def authorizer(scene: Scene) -> None:
    """A token that the user pool signed lets in, and one that another pool signed does not."""

    def event(text: str) -> dict[str, Any]:
        request = recorded("websocket_authorizer")
        request["headers"]["Sec-WebSocket-Protocol"] = f"podium, {text}"
        return request

    claims = ID_CLAIMS | {"iat": int(time.time()), "exp": int(time.time()) + 3600}
    policy = await scene.function.invoke(event(token(claims)))
    (statement,) = policy["policyDocument"]["Statement"]
    assert (statement["Effect"], policy["context"]["userId"]) == ("Allow", PLAYER)
    for refused in (token(claims, signed_by="key-2"), token(claims | {"exp": int(time.time()) - 3600})):
        with pytest.raises(FunctionError, match=r"^UnauthorizedError: Unauthorized$"):
            await scene.function.invoke(event(refused))


async def routes(scene: Scene) -> None:
    """A player connects, with the token as a subprotocol, asks for a board, and leaves."""
    answer = await scene.function.invoke(recorded("websocket_connect"))
    assert answer == {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "podium"}}
    assert set(await connections.channels(scene.db, CONNECTION)) == {"all", f"user#{PLAYER}"}

    assert await scene.function.invoke(recorded("websocket_message")) == {"statusCode": 200}
    frame = await scene.frame()
    assert (frame["type"], frame["board"], frame["entries"]) == ("snapshot", "forest", [])
    assert "forest" in await connections.channels(scene.db, CONNECTION)

    assert await scene.function.invoke(recorded("websocket_disconnect")) == {"statusCode": 200}
    assert await connections.channels(scene.db, CONNECTION) == []


async def avatar_outcome(scene: Scene) -> None:
    """The player hears about a portrait, and about one that the container failed at."""
    await connections.open_connection(scene.db, CONNECTION, PLAYER, now_ms())
    made, failed = recorded("portrait_made"), recorded("portrait_failed")
    assert await scene.function.invoke(made) is None
    told = await scene.frame()
    assert (told["type"], told["avatar"]) == ("avatar", made["responsePayload"]["avatar"])
    assert await scene.function.invoke(failed) is None
    told = await scene.frame()
    assert (told["key"], told["error"]) == (failed["requestPayload"]["key"], "failed")


async def broadcaster(scene: Scene) -> None:
    """A batch of the stream is on the screen."""
    before = await scene.follow_the_forest()
    await scene.score()
    assert await scene.function.invoke(recorded("dynamodb_stream")) == {"batchItemFailures": []}
    await scene.check_everybody_has_the_score(before)
    assert {"BoardsChanged", "DiffsPushed", "ScoreToPushed"} <= scene.counted()


async def sweep(scene: Scene) -> None:
    """A score that no batch brought is on the screen."""
    before = await scene.follow_the_forest()
    await scene.score()
    assert await scene.function.invoke(recorded("scheduled_sweep")) is None
    await scene.check_everybody_has_the_score(before)
    assert {"BoardsChanged", "DiffsPushed"} <= scene.counted()


async def pusher(scene: Scene) -> None:
    """The slice that the broadcaster of a large board has started a pusher for is on the screen."""
    started: list[Slice] = []

    async def start_pusher(task: Slice) -> None:
        started.append(task)

    before = await scene.follow_the_forest()
    await scene.score()
    runner = FanOutRunner(
        scene.db, CATALOGUE, RecordingPush(), now_ms, start_pusher, direct_limit=0, pushers=1
    )
    records = recorded("dynamodb_stream")["Records"]
    assert await Broadcaster(scene.db, CATALOGUE, runner, now_ms).process(records, Report()) == []
    (task,) = started
    assert await scene.function.invoke(json.loads(task.model_dump_json(by_alias=True))) is None
    await scene.check_everybody_has_the_score(before)
    assert {"DiffsPushed", "ScoreToPushed", "FanOutTime"} <= scene.counted()


SCENES: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "api": api,
    "authorizer": authorizer,
    "avatar-outcome": avatar_outcome,
    "broadcaster": broadcaster,
    "pusher": pusher,
    "routes": routes,
    "sweep": sweep,
}


@pytest.fixture(scope="module")
def unpacked(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the zip, unpacked into a folder of its own."""
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(bundle.zip) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize("function", ZIPPED, ids=lambda function: function.name)
async def test_function_answers_what_aws_sends_with_nothing_but_its_zip(
    function: Function, unpacked: Path, emulator: Emulator, aws_environment: str, tmp_path: Path
) -> None:
    account = emulator.credentials | {"AWS_ACCESS_KEY_ID": aws_environment}
    endpoint = {"AWS_ENDPOINT_URL": emulator.url, **account}
    async with playing(function, unpacked, tmp_path, endpoint) as scene:
        await SCENES[function.name](scene)
        imports = await scene.function.finish()
    assert entry_of(function.module) in imports.modules
    assert imports.strangers(unpacked) == set()


async def test_module_from_outside_of_the_zip_is_found(tmp_path: Path) -> None:
    package, elsewhere, home = (tmp_path / name for name in ("package", "elsewhere", "home"))
    for folder in (package, elsewhere, home):
        folder.mkdir()
    (elsewhere / "stray.py").touch()
    source = (
        f"import sys; sys.path.append({str(elsewhere)!r}); import stray; handler = lambda event, _: event"
    )
    (package / "entry.py").write_text(source)
    async with running("entry.handler", package, home, {}) as process:
        assert await process.invoke({"a": 1}) == {"a": 1}
        imports = await process.finish()
    assert imports.strangers(package) == {str(elsewhere), str(elsewhere / "stray.py")}
