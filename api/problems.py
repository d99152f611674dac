"""Errors as `application/problem+json` (RFC 9457)."""

import random
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from game.headers import RETRY_AFTER
from game.model import Model
from game.prizes import Prize

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_LIMIT = 5
"""Seconds. A 503 names a random number of them, at most this, so that a crowd does not return at once."""


class FieldError(Model):
    """One wrong field of a request: `body.score`, `query.limit`, …"""

    field: str
    detail: str


class Problem(Model):
    """The body of every error response."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str | None = None
    """A stable word for what clients branch on beside the status: `deleted`, `claimed`, `in_review`."""
    rule: str | None = None
    """The key of the catalogue that refused: `tasks.first-score.requires.score`."""
    errors: list[FieldError] | None = None
    version: int | None = None
    """Of the stored progress, where a save was made from an older one."""
    resets_at: int | None = None
    """When there are attempts again, where all of them are used. Milliseconds since the epoch."""
    season: int | None = None
    """The season that is open, where a run's own is over."""
    prize: Prize | None = None
    """What was given, where a prize was claimed before, for which `rank`."""
    rank: int | None = None
    claimable_at: int | None = None
    """When a prize can be claimed, in milliseconds, where it is too early."""


class ProblemError(Exception):
    """A request that cannot be served, with the status that says so."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[FieldError] | None = None,
        version: int | None = None,
        code: str | None = None,
        rule: str | None = None,
        retry_after: int | None = None,
        **members: Any,
    ) -> None:
        """`members` are further ones of the problem, by their names in `Problem`."""
        super().__init__(detail)
        self.retry_after = retry_after
        self.problem = Problem(
            title=HTTPStatus(status).phrase,
            status=status,
            detail=detail,
            code=code,
            rule=rule,
            errors=list(errors) if errors else None,
            version=version,
            **members,
        )


def invalid(errors: Sequence[FieldError], rule: str | None = None) -> ProblemError:
    """Return a 422 that names every wrong field, and the rule of the catalogue that refuses."""
    detail = "; ".join(f"{error.field}: {error.detail}" for error in errors)
    return ProblemError(422, detail, errors, rule=rule)


def field_errors(errors: Iterable[Mapping[str, Any]]) -> list[FieldError]:
    """Return pydantic's errors as ours; at most 10, each field's name at most 100 characters."""
    return [
        FieldError(field=".".join(map(str, error["loc"]))[:100], detail=_message(error))
        for _, error in zip(range(10), errors, strict=False)
    ]


def _message(error: Mapping[str, Any]) -> str:
    # pydantic puts this in front of what our own validators say.
    return str(error["msg"]).removeprefix("Value error, ")


def to_response(problem: Problem, retry_after: int | None = None) -> Response[str]:
    """Return a problem as a response; a 401 says which scheme it wants, a 429 and a 503 when to come back.

    `retry_after` is in seconds.
    """
    headers: dict[str, str | list[str]] = {}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if retry_after is not None:
        headers[RETRY_AFTER] = str(retry_after)
    elif problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers[RETRY_AFTER] = str(random.randint(1, RETRY_AFTER_LIMIT))
    return Response(
        status_code=problem.status,
        content_type=CONTENT_TYPE,
        body=problem.model_dump_json(by_alias=True, exclude_none=True),
        headers=headers,
    )


def responses(*statuses: int) -> dict[int, Any]:
    """Return the OpenAPI description of a route's error responses."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {CONTENT_TYPE: {"model": Problem}},
        }
        for status in statuses
    }
