"""The recorded events, checked against the models of Powertools' parser."""

from pathlib import Path

import pytest
from aws_lambda_powertools.utilities.parser.models import (
    APIGatewayProxyEventModel,
    APIGatewayWebSocketConnectEventModel,
    APIGatewayWebSocketDisconnectEventModel,
    APIGatewayWebSocketMessageEventModel,
    DynamoDBStreamModel,
    EventBridgeModel,
)
from pydantic import BaseModel

from tests.unit.events import recorded

MODELS: dict[str, type[BaseModel]] = {
    "dynamodb_stream": DynamoDBStreamModel,
    "rest_client_config": APIGatewayProxyEventModel,
    "rest_score": APIGatewayProxyEventModel,
    "scheduled_sweep": EventBridgeModel,
    "websocket_connect": APIGatewayWebSocketConnectEventModel,
    "websocket_disconnect": APIGatewayWebSocketDisconnectEventModel,
    "websocket_message": APIGatewayWebSocketMessageEventModel,
}
# Powertools has no model of an authorizer's request from a WebSocket API, nor of an invocation record, nor of
# a user pool's trigger.
WITHOUT_A_MODEL = {
    "portrait_failed",
    "portrait_made",
    "pre_sign_up_admin",
    "pre_sign_up_external",
    "pre_sign_up_guest",
    "websocket_authorizer",
}


@pytest.mark.parametrize("name", MODELS)
def test_event_is_as_its_model_has_it(name: str) -> None:
    MODELS[name].model_validate(recorded(name))


def test_no_event_is_left_out() -> None:
    assert {path.stem for path in Path(__file__).parent.glob("*.json")} == MODELS.keys() | WITHOUT_A_MODEL
