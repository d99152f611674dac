"""The REST API with the clients that its entry opens, which end in moto: an account without a container."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends

from api import app
from api.backend import Backend
from game.catalogue import load_catalogue
from local.provision import create_tables
from runtime.tokens import TokenVerifier
from store import conversion, profiles
from store.board_rules import ROW_KEY, BrokenBoardsError, settle
from store.database import Database, to_item
from store.profiles import Profile
from store.schema import LEADERBOARDS
from store.submission import submit
from tests.simulation.aws import REGION, answered_client, ask_moto, shared_session
from tests.support.catalogues import edited
from tests.unit.api.player_requests import post, send
from tests.unit.api.rest_scene import DEPLOYMENT, PLAYER, TOKEN_VARIABLES, RestScene, fetch_keys
from tests.unit.realtime import user_pool
from tests.unit.realtime.fakes import NOW
from tests.unit.realtime.lambda_container import container_of

UPLOAD = f"uploads/{PLAYER}/picture"


class Session:
    """The SDK's session, with moto for AWS."""

    def client(self, service: str, **options: Any) -> Any:
        return answered_client(shared_session(), service, ask_moto, **options)


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> Iterator[RestScene]:
    """Yield the API with a picture that the player has uploaded."""
    monkeypatch.setattr(app, "aioboto3", SimpleNamespace(Session=Session))
    monkeypatch.setenv("PODIUM_TABLE_PREFIX", "podium-dev-")
    monkeypatch.setenv("PODIUM_DEPLOYMENT", DEPLOYMENT.model_dump_json(by_alias=True))
    monkeypatch.setenv("PODIUM_PORTRAIT_FUNCTION", "podium-dev-portraits")
    monkeypatch.setenv("PODIUM_RUN_SECRET", "runs")
    for name, setting in TOKEN_VARIABLES.items():
        monkeypatch.setenv(name, setting)
    monkeypatch.setenv("PODIUM_CONNECTIONS_URL", "https://live.example.com/dev")
    bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    bucket.reset()
    dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].reset()

    async def fill(backend: Backend) -> None:
        await create_tables(backend.db)
        await backend.portraits.client.create_bucket(Bucket=backend.portraits.name)
        bucket.put_object(DEPLOYMENT.avatar_bucket, UPLOAD, b"picture")

    with container_of(monkeypatch, app, app._open_backend) as container:
        container.run(fill)
        yield RestScene(container)


def test_portrait_request_without_a_portrait_function_is_a_503(rest: RestScene) -> None:
    answer = send(rest, "POST", "/avatar/process", {"key": UPLOAD})
    assert answer.problem(503)["detail"] == "portraits are not available on this server"
    assert rest.run(lambda db: profiles.load(db, PLAYER)) is not None


def test_first_request_writes_down_what_rows_are_written_under(rest: RestScene) -> None:
    async def written(db: Database) -> bool:
        key = to_item({"gameArea": ROW_KEY})
        return "Item" in await db.client.get_item(TableName=db.name(LEADERBOARDS), Key=key)

    assert rest.run(written) is False
    assert rest.get("/health").status == 200
    assert rest.run(written) is True


def test_data_of_an_earlier_release_refuses_every_request_and_says_why(rest: RestScene) -> None:
    rest.run(lambda db: settle(db, load_catalogue()))
    with pytest.raises(conversion.UnconvertedError, match=r"`python -m ops\.migrate podium-dev-`"):
        rest.get("/health")


def test_catalogue_that_misreads_rows_refuses_every_request_and_says_why(rest: RestScene) -> None:
    deployed = load_catalogue()
    earlier = edited(deployed, areas={"forest": {"order": "asc"}}, boards={"global": {"areas": ["desert"]}})

    async def play(db: Database) -> None:
        await conversion.require(db)
        await settle(db, earlier)
        await submit(db, earlier, Profile(user_id=PLAYER, name="Ada"), "forest", 7, NOW)

    rest.run(play)
    with pytest.raises(BrokenBoardsError) as refusal:
        rest.get("/health")
    assert str(refusal.value) == (
        'board forest: its rows were written under "asc", and areas.forest.order is "desc". Set it back, or '
        "drop the rows: `python -m ops.boards drop podium-dev- forest` says what it would do."
    )


def test_token_in_a_body_is_verified_with_the_pools_keys(
    rest: RestScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_pool.stop_time(monkeypatch)
    monkeypatch.setitem(TokenVerifier.__init__.__kwdefaults__ or {}, "fetch", fetch_keys)
    for claims, said in ((user_pool.ID_CLAIMS | {"sub": "bob"}, "no guest"), ({"sub": "bob"}, "not valid")):
        answer = post(rest, "/account/merge", {"token": user_pool.token(claims)})
        assert said in answer.problem(422)["detail"]
