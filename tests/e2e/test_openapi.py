"""The API answers as its own description says, whatever schemathesis makes of that.

Every answer has a status, a content type and a body that the description names, and none is a 5xx.
"""

import json
from typing import Any

import httpx
import pytest
import schemathesis
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.application import configure
from tests.e2e.backend import BackendProcess
from tests.e2e.conftest import SignUp
from tests.e2e.player import bearer

EXAMPLES = 30
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
# One player for all examples of an operation is what is meant; and the machine may be busy.
UNHEALTHY_AT_TIMES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]


def description() -> dict[str, Any]:
    """Return what the API says of itself."""
    app = APIGatewayRestResolver()
    configure(app)
    described: dict[str, Any] = json.loads(app.get_openapi_json_schema())
    return described


every_operation = schemathesis.openapi.from_dict(description()).parametrize()


@pytest.fixture
async def token(sign_up: SignUp) -> str:
    """Return the ID token of a player."""
    return (await sign_up("Ada")).id_token


async def test_backend_gives_this_description(http: httpx.AsyncClient) -> None:
    assert (await http.get("/openapi.json")).json() == description()


@every_operation
@settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=UNHEALTHY_AT_TIMES)
def test_answers_are_as_described(case: schemathesis.Case[Any], backend: BackendProcess, token: str) -> None:
    # A portrait's address leads out of the API.
    answer = case.call(base_url=backend.rest_url, headers=bearer(token), allow_redirects=False)
    case.validate_response(answer, checks=CHECKS)


@every_operation
@settings(max_examples=5, derandomize=True, suppress_health_check=UNHEALTHY_AT_TIMES)
def test_answers_without_a_token_are_as_described(
    case: schemathesis.Case[Any], backend: BackendProcess
) -> None:
    answer = case.call(base_url=backend.rest_url, allow_redirects=False)
    case.validate_response(answer, checks=CHECKS[:-1])
