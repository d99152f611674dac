"""The emulator's door, with the real emulator behind it: what a web page gets, and what it does not."""

import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import httpx
import pytest
from aiobotocore.config import AioConfig

from local.emulator import Emulator
from store.schema import LEADERBOARDS, create_request
from tests.integration.emulators import EmulatorFactory, client_of
from tests.support.waiting import PATIENCE_SECONDS

_BUCKET = "game-avatars"
_COGNITO = "AWSCognitoIdentityProviderService"
_PAGE = {"Origin": "https://evil.example"}
_PASSWORD = "Pass-word-1"


class Scene(NamedTuple):
    """An emulator with a row, a picture, and a pool with its client and its group of admins."""

    emulator: Emulator
    http: httpx.AsyncClient
    pool: str
    client: str


@pytest.fixture
async def scene(make_emulator: EmulatorFactory) -> AsyncIterator[Scene]:
    emulator = make_emulator()
    await emulator.start()
    async with client_of(emulator, "dynamodb") as dynamodb:
        await dynamodb.create_table(**create_request(LEADERBOARDS, LEADERBOARDS.name))
        await dynamodb.put_item(TableName=LEADERBOARDS.name, Item={"gameArea": {"S": "forest"}})
    async with client_of(emulator, "s3") as s3:
        await s3.create_bucket(Bucket=_BUCKET)
        await s3.put_object(Bucket=_BUCKET, Key="a", Body=b"a picture")
    async with client_of(emulator, "cognito-idp") as cognito:
        pool = (await cognito.create_user_pool(PoolName="players"))["UserPool"]["Id"]
        await cognito.create_group(UserPoolId=pool, GroupName="admins")
        created = await cognito.create_user_pool_client(
            UserPoolId=pool, ClientName="game", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
        )
    async with httpx.AsyncClient(base_url=emulator.url, trust_env=False, timeout=PATIENCE_SECONDS) as http:
        yield Scene(emulator, http, pool, created["UserPoolClient"]["ClientId"])


async def _cognito(scene: Scene, operation: str, **parameters: Any) -> httpx.Response:
    """As a page of another origin asks."""
    return await scene.http.post(
        "/",
        headers={
            "X-Amz-Target": f"{_COGNITO}.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
            **_PAGE,
        },
        content=json.dumps(parameters),
    )


async def _contents(emulator: Emulator) -> Any:
    async with client_of(emulator, "dynamodb") as dynamodb, client_of(emulator, "s3") as s3:
        tables = (await dynamodb.list_tables())["TableNames"]
        rows = (await dynamodb.scan(TableName=LEADERBOARDS.name))["Items"]
        objects = [item["Key"] for item in (await s3.list_objects_v2(Bucket=_BUCKET))["Contents"]]
    return tables, rows, objects


async def test_page_of_another_origin_gets_nothing_and_changes_nothing(scene: Scene) -> None:
    await _cognito(scene, "SignUp", ClientId=scene.client, Username="eve", Password=_PASSWORD)
    before = await _contents(scene.emulator)
    member = {"UserPoolId": scene.pool, "Username": "eve", "GroupName": "admins"}
    targets: list[tuple[str, object]] = [
        ("DynamoDB_20120810.Scan", {"TableName": LEADERBOARDS.name}),
        ("DynamoDB_20120810.CreateTable", create_request(LEADERBOARDS, "another")),
        ("DynamoDB_20120810.DeleteTable", {"TableName": LEADERBOARDS.name}),
        (f"{_COGNITO}.AdminAddUserToGroup", member),
        (f"{_COGNITO}.ListUsers", {"UserPoolId": scene.pool}),
    ]
    for target, parameters in targets:
        headers = {**_PAGE, "X-Amz-Target": target}
        _assert_refused(await scene.http.post("/", headers=headers, content=json.dumps(parameters)))
    for method, path in (
        ("POST", "/_ministack/reset"),
        ("GET", f"/{_BUCKET}/a"),
        ("PUT", f"/{_BUCKET}/b"),
        ("POST", "/?Action=CreateUser&Version=2010-05-08&UserName=eve"),
    ):
        for headers in (_PAGE, {}):
            _assert_refused(await scene.http.request(method, path, headers=headers))
    form = {"key": "b"}, {"file": b"unsigned"}
    _assert_refused(await scene.http.post(f"/{_BUCKET}", headers=_PAGE, data=form[0], files=form[1]))
    assert await _contents(scene.emulator) == before
    async with client_of(scene.emulator, "cognito-idp") as cognito:
        found = await cognito.list_users_in_group(UserPoolId=scene.pool, GroupName="admins")
    assert found["Users"] == []


def _assert_refused(response: httpx.Response) -> None:
    assert response.status_code == 403, response.request
    assert "access-control-allow-origin" not in response.headers


async def test_game_on_any_origin_signs_up_and_in(scene: Scene) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-amz-target"}
    preflight = await scene.http.options("/", headers={**_PAGE, **asked})
    assert preflight.headers["access-control-allow-origin"] == "*"
    player = {"ClientId": scene.client, "Username": "ada"}
    for operation, parameters in (
        ("SignUp", {**player, "Password": _PASSWORD}),
        ("ConfirmSignUp", {**player, "ConfirmationCode": "any code"}),
    ):
        assert (await _cognito(scene, operation, **parameters)).status_code == 200
    signed_in = await _cognito(
        scene,
        "InitiateAuth",
        ClientId=scene.client,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "ada", "PASSWORD": _PASSWORD},
    )
    assert signed_in.headers["access-control-allow-origin"] == "*"
    token = signed_in.json()["AuthenticationResult"]["AccessToken"]
    assert (await _cognito(scene, "GetUser", AccessToken=token)).json()["Username"] == "ada"
    assert (await _cognito(scene, "DeleteUser", AccessToken=token)).status_code == 200


async def test_presigned_form_and_address_work_from_any_origin(scene: Scene) -> None:
    async with client_of(scene.emulator, "s3", config=AioConfig(signature_version="s3v4")) as s3:
        form = await s3.generate_presigned_post(
            _BUCKET, "uploads/a", {"Content-Type": "image/png"}, [{"Content-Type": "image/png"}]
        )
        address = await s3.generate_presigned_url("get_object", {"Bucket": _BUCKET, "Key": "uploads/a"})
    other = {**form["fields"], "key": "uploads/b"}
    for fields, status in (
        (form["fields"], 204),
        (other, 403),
        ({**other, "x-amz-signature": "0" * 64}, 403),
    ):
        answer = await scene.http.post(form["url"], headers=_PAGE, data=fields, files={"file": b"a picture"})
        assert answer.status_code == status
    found = await scene.http.get(address, headers=_PAGE)
    assert (found.content, found.headers["access-control-allow-origin"]) == (b"a picture", "*")
    _assert_refused(await scene.http.get(address.replace("uploads/a", "a"), headers=_PAGE))


async def test_our_processes_find_the_credentials_of_the_run(
    make_emulator: EmulatorFactory, scene: Scene
) -> None:
    file = make_emulator.data_dir / "credentials"
    assert file.stat().st_mode & 0o777 == 0o600
    assert scene.emulator.credentials["AWS_SECRET_ACCESS_KEY"] in file.read_text()
    assert make_emulator().credentials != scene.emulator.credentials
