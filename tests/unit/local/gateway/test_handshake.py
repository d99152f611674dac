import asyncio
import json
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import APIGatewayWebSocketConnectEventModel
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from local.gateway.server import Event, Gateway, Limits
from tests.support.clients import connect
from tests.unit.local.gateway.harness import HANDSHAKE, Backend, FakeClock, policy, request, running


async def refusal(url: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as caught:
        await connect(url)
    response = caught.value.response
    assert response.headers["Content-Type"] == "application/json"
    return response.status_code, json.loads(response.body)


async def test_authorizer_is_asked_with_a_request_event() -> None:
    backend = Backend()
    async with running(backend, now_s=FakeClock()) as gateway:
        url = f"{gateway.url}/local?token=a%2Bb&tag=1&tag=2&empty="
        async with connect(url, user_agent_header="game/1.0"):
            event = await backend.next("authorizer")

    assert event["type"] == "REQUEST"
    assert event["methodArn"] == "arn:aws:execute-api:us-east-1:000000000000:local/local/$connect"
    assert event["headers"]["User-Agent"] == "game/1.0"
    assert event["multiValueHeaders"]["User-Agent"] == ["game/1.0"]
    assert event["queryStringParameters"] == {"token": "a+b", "tag": "2", "empty": ""}
    assert event["multiValueQueryStringParameters"]["tag"] == ["1", "2"]
    assert event["stageVariables"] == {}
    context = event["requestContext"]
    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "game/1.0"}
    assert context["domainName"] == f"127.0.0.1:{gateway.port}"
    assert (context["routeKey"], context["eventType"], context["messageDirection"]) == (
        "$connect",
        "CONNECT",
        "IN",
    )
    assert (context["stage"], context["apiId"]) == ("local", "local")
    assert context["connectedAt"] == context["requestTimeEpoch"] == 1_763_812_800_000
    assert context["requestTime"] == "22/Nov/2025:12:00:00 +0000"
    assert context["requestId"] == context["extendedRequestId"]


async def test_connect_event_is_api_gateways_with_the_authorizers_context() -> None:
    backend = Backend()
    backend.answers["authorizer"] = policy(groups="admins", level=7, trial=True)
    async with running(backend) as gateway, connect(f"{gateway.url}/?token=t"):
        event = await backend.next("$connect")
        asked = await backend.next("authorizer")

    APIGatewayWebSocketConnectEventModel.model_validate(event)
    assert event["requestContext"]["authorizer"] == {
        "principalId": "player-1",
        "groups": "admins",
        "level": "7",
        "trial": "true",
    }
    assert event["queryStringParameters"] == {"token": "t"}
    assert event["requestContext"]["connectionId"] == asked["requestContext"]["connectionId"]


async def test_connect_event_leaves_out_an_absent_query() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url):
        event = await backend.next("$connect")

    assert "queryStringParameters" not in event
    assert "multiValueQueryStringParameters" not in event


async def test_connection_ids_are_unique_and_need_percent_encoding() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url), connect(gateway.url):
        ids = {await backend.next_id(), await backend.next_id()}

    assert len(ids) == 2
    assert all(len(each) == 16 and each.endswith("=") for each in ids)


@pytest.mark.parametrize("path", ["", "/", "/local", "/local/", "/any/where?token=/@connections/x"])
async def test_any_path_is_a_handshake(path: str) -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url + path):
        await backend.next("$connect")


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (Exception("Unauthorized"), 401, "Unauthorized"),
        (policy("Deny"), 403, "User is not authorized to access this resource"),
        (policy("Allow", "arn:aws:execute-api:*:*:*/prod/*"), 403, None),
        (Exception("no keys"), 500, "Internal server error"),
        (None, 500, "Internal server error"),
        ({}, 500, "Internal server error"),
        ({"principalId": "player-1"}, 500, "Internal server error"),
        (policy("Maybe"), 500, "Internal server error"),
        (policy(groups=["admins"]), 500, "Internal server error"),
        (policy(big="x" * 8192), 500, "Internal server error"),
    ],
)
async def test_authorizer_refusal_is_the_handshakes_status(
    answer: object, status: int, message: str | None
) -> None:
    backend = Backend()
    backend.answers["authorizer"] = answer
    async with running(backend) as gateway:
        refused, body = await refusal(gateway.url)

    assert refused == status
    assert body["message"] == message or message is None
    assert {"connectionId", "requestId"} <= body.keys()
    assert not backend.events["$connect"]
    assert not backend.events["$disconnect"]


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        ({"statusCode": 403}, 403, "Forbidden"),
        ({"statusCode": 429, "body": "full"}, 429, "Too Many Requests"),
        ({"statusCode": 302}, 302, "Found"),
        (RuntimeError("no table"), 500, "Internal server error"),
        (None, 500, "Internal server error"),
        ({"body": "no status"}, 500, "Internal server error"),
        ({"statusCode": 799}, 500, "Internal server error"),
        ("accepted", 500, "Internal server error"),
    ],
)
async def test_connect_refusal_is_the_handshakes_status(answer: object, status: int, message: str) -> None:
    backend = Backend()
    backend.answers["$connect"] = answer
    async with running(backend) as gateway:
        refused, body = await refusal(gateway.url)

    assert (refused, body["message"]) == (status, message)
    assert not backend.events["$disconnect"]


@pytest.mark.parametrize("route", ["authorizer", "$connect"])
async def test_handler_that_takes_too_long_refuses_the_handshake(route: str) -> None:
    async def never(_event: Event) -> None:
        await asyncio.Event().wait()

    backend = Backend()
    backend.answers[route] = never
    async with running(backend, Limits(handler_seconds=0.01)) as gateway:
        assert (await refusal(gateway.url))[0] == 500


async def test_subprotocol_is_the_one_that_connect_answers() -> None:
    backend = Backend()
    backend.answers["$connect"] = {"statusCode": 200, "headers": {"sec-websocket-protocol": "podium"}}
    offered = [Subprotocol("podium"), Subprotocol("eyJ.token")]
    async with running(backend) as gateway, connect(gateway.url, subprotocols=offered) as client:
        event = await backend.next("authorizer")
        assert client.subprotocol == "podium"

    assert event["headers"]["Sec-WebSocket-Protocol"] == "podium, eyJ.token"


async def test_no_subprotocol_unless_connect_answers_one() -> None:
    backend = Backend()
    offered = [Subprotocol("podium"), Subprotocol("eyJ.token")]
    async with running(backend) as gateway, connect(gateway.url, subprotocols=offered) as client:
        assert client.subprotocol is None


async def test_no_compression_is_negotiated() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url, compression="deflate") as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers


async def test_plain_get_is_426_and_runs_no_handler() -> None:
    backend = Backend()
    async with running(backend) as gateway, request(gateway, "GET", "/local") as response:
        assert response.status == 426

    assert not backend.events


async def test_client_that_leaves_during_connect_is_disconnected_all_the_same() -> None:
    backend = Backend()
    connecting, left = asyncio.Event(), asyncio.Event()

    async def slow_connect(_event: Event) -> dict[str, int]:
        connecting.set()
        await left.wait()
        return {"statusCode": 200}

    backend.answers["$connect"] = slow_connect
    async with running(backend) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(HANDSHAKE)
        await connecting.wait()
        writer.close()
        await writer.wait_closed()
        left.set()
        event = await backend.next("$disconnect")

    assert event["requestContext"]["disconnectStatusCode"] == 1006
    assert len(backend.events["$disconnect"]) == 1


async def test_start_raises_when_the_port_is_taken() -> None:
    async with running(Backend()) as gateway:
        other = Gateway(authorizer=Backend().handler("authorizer"), routes={})
        with pytest.raises(OSError, match="address already in use"):
            await other.start("127.0.0.1", gateway.port)
