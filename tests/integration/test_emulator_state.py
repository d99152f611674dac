"""What becomes of the emulator's data when it is killed, the disk is full, or a file is damaged."""

import asyncio
import contextlib
import logging
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local.emulator import PYTHON, Emulator, EmulatorError
from store.schema import LEADERBOARDS, USER_PROGRESS, create_request
from tests.integration.emulators import EmulatorFactory, client_of
from tests.support.waiting import PATIENCE_SECONDS, patience, until_async

_ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="limits the files of another process")
_BUCKET = "pictures"
_KILLS = 5
_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "garbage": lambda content: b"\xff\x00garbage" * 20,
}
_damages = pytest.mark.parametrize("damage", _DAMAGES.values(), ids=_DAMAGES)


async def _until(holds: Callable[[], bool], seen: Callable[[], str] = lambda: "it never held") -> None:
    async def holds_now() -> bool:
        return holds()

    await until_async(holds_now, seen)


def _saves(data: Path) -> list[Path]:
    return sorted((data / "state").glob("*.state"))


def _contents(data: Path) -> dict[Path, bytes]:
    """Everything but what is written at any start: log, credentials, and the locks of ministack's keys."""
    return {
        path: path.read_bytes()
        for path in data.rglob("*")
        if path.is_file() and path.name not in ("emulator.log", "credentials") and path.suffix != ".lock"
    }


def _kill(emulator: Emulator) -> None:
    """As `kill -9` for it and for the process that saves, which has its group."""
    assert emulator.pid is not None
    os.killpg(emulator.pid, signal.SIGKILL)


async def _save(emulator: Emulator, data: Path) -> None:
    """Wait for a save that began after all that has happened until now."""
    # The first save that is seen may have begun before; the second begins after the first has ended.
    for _ in range(2):
        before = _saves(data)
        async with client_of(emulator, "dynamodb") as dynamodb:
            await dynamodb.put_item(TableName=USER_PROGRESS.name, Item={"userId": {"S": "anybody"}})
        await _until(partial(_are_new, data, before))


def _are_new(data: Path, before: list[Path]) -> bool:
    return _saves(data) != before


async def _create(emulator: Emulator) -> None:
    async with client_of(emulator, "dynamodb") as dynamodb, client_of(emulator, "s3") as s3:
        for table in (LEADERBOARDS, USER_PROGRESS):
            await dynamodb.create_table(**create_request(table, table.name))
        await s3.create_bucket(Bucket=_BUCKET)
    async with client_of(emulator, "cognito-idp") as cognito:
        await cognito.create_user_pool(PoolName="players")


async def _put(emulator: Emulator, points: int) -> None:
    async with client_of(emulator, "dynamodb") as dynamodb:
        item = {"gameArea": {"S": "forest"}, "points": {"N": str(points)}}
        await dynamodb.put_item(TableName=LEADERBOARDS.name, Item=item)


async def _points(emulator: Emulator) -> int:
    async with client_of(emulator, "dynamodb") as dynamodb:
        answer = await dynamodb.get_item(TableName=LEADERBOARDS.name, Key={"gameArea": {"S": "forest"}})
    return int(answer["Item"]["points"]["N"])


async def _picture(emulator: Emulator, key: str) -> tuple[bytes, str]:
    async with client_of(emulator, "s3") as s3:
        answer = await s3.get_object(Bucket=_BUCKET, Key=key)
        async with answer["Body"] as body:
            return await body.read(), answer["ContentType"]


async def _put_picture(emulator: Emulator, key: str, content: bytes) -> None:
    async with client_of(emulator, "s3") as s3:
        await s3.put_object(Bucket=_BUCKET, Key=key, Body=content, ContentType="image/webp")


def _limit_files(emulator: Emulator, size: int) -> None:
    """Let no file of a running emulator grow beyond `size` bytes, as on a full disk; -1 for any size."""
    assert emulator.pid is not None
    _, most = resource.prlimit(emulator.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(emulator.pid, resource.RLIMIT_FSIZE, (size, most))


async def test_signals_that_come_again_do_not_end_the_last_save(make_emulator: EmulatorFactory) -> None:
    """Linux can send SIGTERM again as the other threads of a killed parent end."""
    emulator = make_emulator()
    await emulator.start()
    await _create(emulator)
    await _put(emulator, 42)
    pid = emulator.pid
    assert pid is not None
    waiting = asyncio.create_task(emulator.wait())
    while not waiting.done():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        await asyncio.sleep(0.001)
    await emulator.stop()

    assert not list((make_emulator.data_dir / "state").glob("*.new"))
    await emulator.start()
    assert await _points(emulator) == 42


async def test_killed_emulator_has_what_it_saved_while_it_ran(make_emulator: EmulatorFactory) -> None:
    emulator = make_emulator()
    await emulator.start()
    await _create(emulator)
    await _put(emulator, 42)
    await _put_picture(emulator, "a", b"a picture")
    async with client_of(emulator, "cognito-idp") as cognito:
        pool = await _pool_id(cognito)
    await _save(emulator, make_emulator.data_dir)
    waiting = asyncio.create_task(emulator.wait())
    _kill(emulator)
    assert "is lost" in await waiting
    await emulator.stop()

    await emulator.start()
    assert await _points(emulator) == 42
    assert await _picture(emulator, "a") == (b"a picture", "image/webp")
    async with client_of(emulator, "cognito-idp") as cognito:
        assert await _pool_id(cognito) == pool


async def test_killed_while_it_saves_it_has_all_services_of_one_moment(
    make_emulator: EmulatorFactory,
) -> None:
    emulator = make_emulator()
    await emulator.start()
    await _create(emulator)
    await _make_large(emulator)
    chance = random.Random(1)
    written = -1
    for _ in range(_KILLS):
        told: list[int] = []
        playing = asyncio.create_task(_play(emulator, written + 1, told))
        await _until(partial(bool, told))
        least = told[-1]
        await _save(emulator, make_emulator.data_dir)
        # In the midst of the next one.
        await _until(lambda: any((make_emulator.data_dir / "state").glob("*.new")))
        await asyncio.sleep(chance.uniform(0, 0.1))
        _kill(emulator)
        with contextlib.suppress(EmulatorError):
            await emulator.stop()
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)

        await emulator.start()
        written = await _points(emulator)
        assert written >= least
        # Each round writes first the points, then the name.
        assert written - await _named(emulator) in (0, 1)


async def _make_large(emulator: Emulator) -> None:
    """Rows enough that a save takes a while."""
    async with client_of(emulator, "dynamodb") as dynamodb:
        for number in range(40):
            rows = [
                {"PutRequest": {"Item": {"userId": {"S": f"{number}-{row}"}, "filler": {"S": "x" * 4000}}}}
                for row in range(25)
            ]
            await dynamodb.batch_write_item(RequestItems={USER_PROGRESS.name: rows})


async def _play(emulator: Emulator, number: int, told: list[int]) -> None:
    """Write ever higher numbers, here and there; `told` has those that are written in both."""
    async with client_of(emulator, "dynamodb") as dynamodb, client_of(emulator, "cognito-idp") as cognito:
        user = {"UserPoolId": await _pool_id(cognito), "Username": "ada"}
        with contextlib.suppress(cognito.exceptions.UsernameExistsException):
            await cognito.admin_create_user(**user)
        while True:
            item = {"gameArea": {"S": "forest"}, "points": {"N": str(number)}}
            await dynamodb.put_item(TableName=LEADERBOARDS.name, Item=item)
            name = {"Name": "name", "Value": str(number)}
            await cognito.admin_update_user_attributes(**user, UserAttributes=[name])
            told.append(number)
            number += 1


async def _named(emulator: Emulator) -> int:
    async with client_of(emulator, "cognito-idp") as cognito:
        user = await cognito.admin_get_user(UserPoolId=await _pool_id(cognito), Username="ada")
    return next(int(found["Value"]) for found in user["UserAttributes"] if found["Name"] == "name")


async def _pool_id(cognito: Any) -> str:
    (pool,) = (await cognito.list_user_pools(MaxResults=9))["UserPools"]
    return str(pool["Id"])


async def test_emulator_that_is_only_read_writes_nothing(make_emulator: EmulatorFactory) -> None:
    emulator = make_emulator()
    await emulator.start()
    await _create(emulator)
    await _put(emulator, 1)
    await emulator.stop()
    before = _contents(make_emulator.data_dir)
    await emulator.start()
    assert await _points(emulator) == 1
    await emulator.stop()
    assert _contents(make_emulator.data_dir) == before


@_damages
async def test_damaged_save_is_refused_by_name_and_stays_as_it_is(
    make_emulator: EmulatorFactory, damage: Callable[[bytes], bytes]
) -> None:
    emulator = make_emulator()
    await emulator.start()
    await _create(emulator)
    await _put(emulator, 1)
    await emulator.stop()
    await emulator.start()
    await _put(emulator, 2)
    await emulator.stop()
    before, newest = _saves(make_emulator.data_dir)
    newest.write_bytes(damage(newest.read_bytes()))
    kept = _contents(make_emulator.data_dir)

    with pytest.raises(EmulatorError) as refused:
        await emulator.start()
    assert f"The saved state {newest} cannot be read" in str(refused.value)
    assert f"{before}, of " in str(refused.value)
    assert "\n" not in str(refused.value)
    assert emulator.pid is None
    assert _contents(make_emulator.data_dir) == kept

    # What it says to do helps.
    newest.rename(make_emulator.data_dir / "aside")
    await emulator.start()
    assert await _points(emulator) == 1


def _save_as_before(data: Path, tmp_path: Path, unused_port: Callable[[], int]) -> None:
    """Fill a folder with ministack's own console script, whose files a Podium 0.1.0 kept."""
    port = unused_port()
    emulator = Emulator(port=port, data_dir=tmp_path / "before")
    environment = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(data / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(data / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    with subprocess.Popen(
        [PYTHON.with_name("ministack")], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            asyncio.run(_fill(emulator))
            process.terminate()
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()


async def _fill(emulator: Emulator) -> None:
    async with patience():
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", emulator.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            break
    await _create(emulator)
    await _put(emulator, 42)
    await _put_picture(emulator, "a", b"a picture")


@pytest.fixture
async def earlier(
    make_emulator: EmulatorFactory, tmp_path: Path, unused_tcp_port_factory: Callable[[], int]
) -> Path:
    """Return the data folder of `make_emulator`, as an earlier version left it."""
    await asyncio.to_thread(_save_as_before, make_emulator.data_dir, tmp_path, unused_tcp_port_factory)
    assert _saves(make_emulator.data_dir) == []
    return make_emulator.data_dir


async def test_data_of_an_earlier_version_is_taken_over(
    make_emulator: EmulatorFactory, earlier: Path
) -> None:
    files = {path.name: path.read_bytes() for path in (earlier / "state").glob("*.json")}
    assert {"dynamodb.json", "cognito.json", "s3.json"} <= files.keys()
    emulator = make_emulator()
    await emulator.start()
    assert await _points(emulator) == 42
    await emulator.stop()
    assert len(_saves(earlier)) == 1
    assert {path.name: path.read_bytes() for path in (earlier / "state" / "earlier").iterdir()} == files
    await emulator.start()
    assert await _points(emulator) == 42
    assert await _picture(emulator, "a") == (b"a picture", "image/webp")
    async with client_of(emulator, "cognito-idp") as cognito:
        assert await _pool_id(cognito)


async def test_each_damaged_file_is_refused_by_name_and_stays_as_it_is(
    make_emulator: EmulatorFactory, earlier: Path
) -> None:
    files = [
        *(earlier / "state" / f"{service}.json" for service in ("dynamodb", "cognito", "s3")),
        earlier / "state" / "cognito-rsa-key.pem",
        *(earlier / "s3").rglob("*.meta.json"),
    ]
    assert len(files) == 5
    emulator = make_emulator()
    for file in files:
        whole = file.read_bytes()
        for damage in _DAMAGES.values():
            file.write_bytes(damage(whole))
            kept = _contents(earlier)
            with pytest.raises(EmulatorError) as refused:
                await emulator.start()
            assert f" {file}" in str(refused.value)
            assert "\n" not in str(refused.value)
            assert _contents(earlier) == kept
        file.write_bytes(whole)
    await emulator.start()
    assert await _points(emulator) == 42


@_ON_LINUX
async def test_full_disk_is_told_while_it_runs_and_at_the_end(
    make_emulator: EmulatorFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "podium.emulator")
    emulator = make_emulator()
    await emulator.start()
    await _create(emulator)
    await _put(emulator, 1)
    await emulator.stop()
    kept = _contents(make_emulator.data_dir)

    await emulator.start()
    waiting = asyncio.create_task(emulator.wait())
    _limit_files(emulator, 100)
    await _put(emulator, 2)
    await _until(lambda: "cannot be saved: File too large" in caplog.text, lambda: caplog.text)
    waiting.cancel()
    with pytest.raises(
        EmulatorError, match=r"^The data is not kept \(File too large\).*at \d\d:\d\d:\d\d, is lost"
    ):
        await emulator.stop()
    assert _contents(make_emulator.data_dir) == kept
    await emulator.start()
    assert await _points(emulator) == 1


@_ON_LINUX
async def test_all_is_kept_when_the_disk_has_room_again(
    make_emulator: EmulatorFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "podium.emulator")
    picture = b"a picture" * 100
    emulator = make_emulator()
    await emulator.start()
    await _create(emulator)
    waiting = asyncio.create_task(emulator.wait())
    await _save(emulator, make_emulator.data_dir)
    _limit_files(emulator, 100)
    await _put(emulator, 2)
    await _put_picture(emulator, "a", picture)
    await _until(lambda: "cannot be saved" in caplog.text, lambda: caplog.text)
    _limit_files(emulator, -1)
    await _until(lambda: "saved again" in caplog.text, lambda: caplog.text)
    waiting.cancel()
    _kill(emulator)
    with contextlib.suppress(EmulatorError):
        await emulator.stop()
    await emulator.start()
    assert await _points(emulator) == 2
    assert await _picture(emulator, "a") == (picture, "image/webp")


@_ON_LINUX
async def test_picture_is_deleted_with_the_last_save_that_has_it(make_emulator: EmulatorFactory) -> None:
    emulator = make_emulator()
    await emulator.start()
    await _create(emulator)
    for key in ("a", "b"):
        await _put_picture(emulator, key, b"a picture")
    await _save(emulator, make_emulator.data_dir)
    _limit_files(emulator, 100)
    async with client_of(emulator, "s3") as s3:
        await s3.delete_object(Bucket=_BUCKET, Key="a")
    _kill(emulator)
    with contextlib.suppress(EmulatorError):
        await emulator.stop()

    await emulator.start()
    assert (await _picture(emulator, "a"))[0] == b"a picture"
    async with client_of(emulator, "s3") as s3:
        await s3.delete_objects(Bucket=_BUCKET, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
        # Put again before the save.
        await s3.put_object(Bucket=_BUCKET, Key="b", Body=b"another one")
    await emulator.stop()
    await emulator.start()
    async with client_of(emulator, "s3") as s3:
        listed = await s3.list_objects_v2(Bucket=_BUCKET)
    assert [item["Key"] for item in listed["Contents"]] == ["b"]
    assert (await _picture(emulator, "b"))[0] == b"another one"
