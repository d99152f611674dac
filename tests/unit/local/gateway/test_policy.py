from typing import Any

import pytest

from local.gateway.policy import AuthorizerAnswerError, authorize

ARN = "arn:aws:execute-api:us-east-1:000000000000:local/local/$connect"


def answer(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"principalId": "player-1", "policyDocument": {"Statement": list(statements)}}


def statement(
    effect: str, action: object = "execute-api:Invoke", resource: object = ARN
) -> dict[str, object]:
    return {"Effect": effect, "Action": action, "Resource": resource}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([statement("Allow")], True),
        ([statement("Allow", resource="arn:aws:execute-api:*:*:local/?ocal/*")], True),
        ([statement("Allow", action="execute-api:*", resource=["arn:other", "*"])], True),
        ([statement("Allow", action=["s3:GetObject", "*"])], True),
        ([], False),
        ([statement("Deny")], False),
        ([statement("Allow"), statement("Deny")], False),
        ([statement("Allow"), statement("Deny", resource="arn:other")], True),
        ([statement("Allow", action="execute-api:ManageConnections")], False),
        ([statement("Allow", resource=ARN.replace("$", "."))], False),
        ([statement("Allow", resource=ARN[:-1])], False),
    ],
)
def test_policy_allows_what_it_names_and_a_denial_wins(
    statements: list[dict[str, object]], allowed: bool
) -> None:
    assert (authorize(answer(*statements), ARN) is not None) == allowed


def test_single_statement_need_not_be_a_list() -> None:
    single = {"principalId": "player-1", "policyDocument": {"Statement": statement("Allow")}}
    assert authorize(single, ARN) == {"principalId": "player-1"}


@pytest.mark.parametrize(
    ("broken", "field"),
    [
        (None, "the answer"),
        ({"policyDocument": {"Statement": []}}, "principalId"),
        ({"principalId": "p", "policyDocument": {}}, "policyDocument.Statement"),
        (answer() | {"context": {"groups": ["admins"]}}, "context.groups"),
    ],
)
def test_malformed_answer_names_the_field(broken: object, field: str) -> None:
    with pytest.raises(AuthorizerAnswerError, match=field):
        authorize(broken, ARN)
