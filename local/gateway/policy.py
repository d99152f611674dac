"""The meaning of a Lambda authorizer's answer: the caller, and whether its IAM policy lets it in."""

import json
import re
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

# "AWS Lambda authorizer result size",
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
_ANSWER_BYTES = 8 * 1024
_ACTION = "execute-api:Invoke"


class AuthorizerAnswerError(Exception):
    """The authorizer answered with something that API Gateway cannot use."""


class _Statement(BaseModel):
    effect: Literal["Allow", "Deny"] = Field(alias="Effect")
    action: str | list[str] = Field(alias="Action")
    resource: str | list[str] = Field(alias="Resource")

    def covers(self, arn: str) -> bool:
        return _matches(self.action, _ACTION) and _matches(self.resource, arn)


class _PolicyDocument(BaseModel):
    statement: _Statement | list[_Statement] = Field(alias="Statement")


class _Answer(BaseModel):
    principal_id: str = Field(alias="principalId")
    policy_document: _PolicyDocument = Field(alias="policyDocument")
    context: dict[str, str | int | float | bool] = {}


def authorize(answer: object, method_arn: str) -> dict[str, str] | None:
    """Return the `requestContext.authorizer` that the routes see, or `None` when the policy denies it.

    A policy that says nothing of `method_arn` denies it. The context's values are strings afterwards, as in
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
    Raises `AuthorizerAnswerError`.
    """
    try:
        parsed = _Answer.model_validate(answer)
        size = len(json.dumps(answer).encode())
    except ValidationError as error:
        fields = {".".join(map(str, problem["loc"])) or "the answer" for problem in error.errors()}
        raise AuthorizerAnswerError(f"malformed: {', '.join(sorted(fields))}") from None
    except TypeError as error:
        raise AuthorizerAnswerError(str(error)) from None
    if size > _ANSWER_BYTES:
        raise AuthorizerAnswerError(f"{size} bytes, more than {_ANSWER_BYTES}")

    statements = parsed.policy_document.statement
    listed = statements if isinstance(statements, list) else [statements]
    effects = {statement.effect for statement in listed if statement.covers(method_arn)}
    if effects != {"Allow"}:
        return None
    context = {name: _text(value) for name, value in parsed.context.items()}
    return {**context, "principalId": parsed.principal_id}


def _text(value: str | int | float | bool) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _matches(patterns: str | list[str], text: str) -> bool:
    # IAM knows two wildcards: * for any run of characters, ? for any one.
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(expression, text):
            return True
    return False
