import asyncio
import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import APIGatewayWebSocketMessageEventModel
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError

from local.gateway.server import Event, Limits
from tests.support.clients import connect
from tests.support.waiting import patience
from tests.unit.local.gateway.harness import Backend, FakeClock, policy, request, running


async def received(client: ClientConnection) -> Any:
    async with patience():
        return json.loads(await client.recv())


@pytest.mark.parametrize(
    ("message", "route"),
    [
        ('{"action":"subscribe","boards":["forest"]}', "subscribe"),
        ('{"action":"unsubscribe"}', "unsubscribe"),
        ('{"action":"ping"}', "ping"),
        ('{"action":"broadcast"}', "broadcast"),
        ('{"action":"fly"}', "$default"),
        ('{"action":"Ping"}', "$default"),
        ('{"action":"$connect"}', "$default"),
        ('{"action":"$disconnect"}', "$default"),
        ('{"action":7}', "$default"),
        ('{"action":["ping"]}', "$default"),
        ('{"action":null}', "$default"),
        ('{"action":"ping","n":NaN}', "$default"),
        ('{"action":"ping","action":"broadcast"}', "$default"),
        ('{"action":"broadcast","action":"ping"}', "$default"),
        ("{}", "$default"),
        ('["ping"]', "$default"),
        ('"ping"', "$default"),
        ("ping", "$default"),
        ("", "$default"),
        ("[" * 50_000, "$default"),
        (f'{{"action":"ping","n":{"9" * 5_000}}}', "$default"),
    ],
)
async def test_message_is_routed_on_its_action(message: str, route: str) -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        await client.send(message)
        event = await backend.next(route)

    assert event["body"] == message
    assert event["isBase64Encoded"] is False
    assert event["requestContext"]["routeKey"] == route


async def test_message_event_is_api_gateways() -> None:
    backend = Backend()
    backend.answers["authorizer"] = policy(groups="admins")
    clock = FakeClock()
    async with running(backend, now_s=clock, sleep=clock.sleep) as gateway, connect(gateway.url) as client:
        clock.advance(5)
        await client.send('{"action":"ping"}')
        event = await backend.next("ping")
        connected = await backend.next("$connect")

    APIGatewayWebSocketMessageEventModel.model_validate(event)
    assert event.keys() == {"requestContext", "body", "isBase64Encoded"}
    context = event["requestContext"]
    assert (context["eventType"], context["messageDirection"]) == ("MESSAGE", "IN")
    assert context["authorizer"] == {"principalId": "player-1", "groups": "admins"}
    assert context["connectionId"] == connected["requestContext"]["connectionId"]
    assert context["connectedAt"] == 1_763_812_800_000
    assert context["requestTimeEpoch"] == 1_763_812_805_000
    assert context["messageId"] != context["requestId"]


async def test_binary_message_goes_to_default_as_base64() -> None:
    backend = Backend()
    async with running(backend) as gateway, connect(gateway.url) as client:
        await client.send(b'{"action":"ping"}')
        event = await backend.next("$default")

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == b'{"action":"ping"}'


async def test_handlers_body_is_not_sent_to_the_client() -> None:
    backend = Backend()
    backend.answers["ping"] = {"statusCode": 200, "body": "not for the client"}
    async with running(backend) as gateway, connect(gateway.url) as client:
        await client.send('{"action":"ping"}')
        await backend.next("ping")
        connection_id = await backend.next_id()
        async with request(gateway, "POST", f"/@connections/{connection_id.replace('/', '%2F')}", data="{}"):
            assert await received(client) == {}


@pytest.mark.parametrize("answer", [RuntimeError("no table"), TimeoutError("no answer")])
async def test_failing_handler_is_answered_and_the_connection_stays(answer: Exception) -> None:
    backend = Backend()
    backend.answers["ping"] = answer
    async with running(backend) as gateway, connect(gateway.url) as client:
        await client.send('{"action":"ping"}')
        frame = await received(client)
        event = await backend.next("ping")
        await client.send('{"action":"subscribe"}')
        await backend.next("subscribe")

    context = event["requestContext"]
    assert frame == {
        "message": "Internal server error",
        "connectionId": context["connectionId"],
        "requestId": context["requestId"],
    }


async def test_handler_that_takes_too_long_has_failed() -> None:
    async def never(_event: Event) -> None:
        await asyncio.Event().wait()

    backend = Backend()
    backend.answers["ping"] = never
    async with (
        running(backend, Limits(handler_seconds=0.01)) as gateway,
        connect(gateway.url) as client,
    ):
        await client.send('{"action":"ping"}')
        assert (await received(client))["message"] == "Internal server error"


async def test_messages_of_one_connection_run_one_after_another() -> None:
    backend = Backend()
    running_now = 0
    order: list[int] = []

    async def slow(event: Event) -> None:
        nonlocal running_now
        running_now += 1
        assert running_now == 1
        await asyncio.sleep(0)
        order.append(json.loads(event["body"])["n"])
        running_now -= 1

    backend.answers["ping"] = slow
    async with running(backend) as gateway, connect(gateway.url) as client:
        for n in range(100):
            await client.send(json.dumps({"action": "ping", "n": n}))
        await client.send('{"action":"subscribe"}')
        await backend.next("subscribe")

    assert order == list(range(100))


async def test_messages_of_different_connections_run_at_once() -> None:
    backend = Backend()
    both = asyncio.Barrier(2)

    async def meet(_event: Event) -> None:
        await both.wait()

    backend.answers["ping"] = meet
    async with running(backend) as gateway, connect(gateway.url) as one, connect(gateway.url) as other:
        await one.send('{"action":"ping"}')
        await other.send('{"action":"ping"}')
        await one.send('{"action":"subscribe"}')
        await backend.next("subscribe")


@pytest.mark.parametrize("fragments", [1, 3])
async def test_message_up_to_128_kb_reaches_the_handler(fragments: int) -> None:
    backend = Backend()
    part = "x" * (128 * 1024 // fragments)
    async with running(backend) as gateway, connect(gateway.url) as client:
        await client.send([part] * fragments if fragments > 1 else part)
        event = await backend.next("$default")

    assert event["body"] == part * fragments


@pytest.mark.parametrize("fragments", [1, 8])
async def test_message_above_128_kb_closes_with_1009(fragments: int) -> None:
    backend = Backend()
    part = "x" * (128 * 1024 // fragments + 1)
    async with running(backend) as gateway, connect(gateway.url) as client:
        # The rest of the message may find the connection closed already.
        with suppress(ConnectionClosedError):
            await client.send([part] * fragments if fragments > 1 else part)
        event = await backend.next("$disconnect")
        await client.wait_closed()
        assert client.close_code == 1009

    assert event["requestContext"]["disconnectStatusCode"] == 1009
    assert not backend.events["$default"]
