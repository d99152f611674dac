"""`/score`"""

from typing import Annotated, Literal, Protocol

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body
from pydantic import Field, JsonValue, StrictInt

from api.actions import IdempotencyKey, request_key_of, request_parts
from api.backend import Backend, RequestBody, backend_of, caller
from api.problems import FieldError, ProblemError, invalid, responses
from api.rule_problems import TERMS_ERRORS, rule_problem
from game.catalogue import Area
from game.headers import IDEMPOTENCY_KEY
from game.metadata import to_text
from game.metrics import Metric
from game.model import Model, is_absent
from game.run_ticket import TICKET_LIMIT, Ticket, TicketError, key_id, verify
from game.standing import PointsLimitError
from store.idempotency import KeyReusedError, RequestKey, run_key
from store.profiles import Profile
from store.submission import Outcome, SeasonOverError, submit
from store.terms import RuleError, Terms

router = Router()


class ScoreRequest(RequestBody):
    """A score that the player reached in an area."""

    game_area: str
    points: StrictInt = Field(alias="score")
    tiebreak: StrictInt | None = None
    """Where the area has one: the number that ranks equal points."""
    metadata: JsonValue = None
    """Where the area takes some: what is shown with the entry, as any JSON but null."""
    run: Annotated[str, Field(max_length=TICKET_LIMIT)] | None = Field(None, exclude_if=is_absent)
    """What `POST /run` answered when the run began."""


class ScoreResponse(Model):
    """The score, the player's best in the area now, and whether this score made it.

    best: null where a first score is held. verdict: `held` for a score that a rule doubts: it is on no board
    until a moderator decides. boards: what the player has on each board that the area feeds.
    """

    game_area: str
    points: int = Field(alias="score")
    best: int | None
    improved: bool
    verdict: Literal["accepted", "held"]
    boards: tuple[Outcome, ...]


@router.post(
    "/score",
    status_code=201,
    summary="Submit a score",
    responses={201: {"description": "Recorded"}}
    | responses(400, 401, 404, 409, 410, 413, 415, 422, 429, 503),
    security=[{"idToken": []}],
)
async def submit_score(
    request: Request, body: Annotated[ScoreRequest, Body()], idempotency_key: IdempotencyKey = None
) -> ScoreResponse:
    """Submit a score: a better one, a further one to add, or the latest, as the area keeps them.

    In an area that adds scores up it needs an `Idempotency-Key`, or a run: the same request counts once. A
    run is used up by its score, and the same score with it gets the first answer.
    """
    player, backend = caller(request), backend_of(request)
    received_at = backend.now_ms()
    area = backend.area(body.game_area)
    check(area, body)
    ticket = await _ticket(backend, player, body) if body.run is not None else None
    key = _key(request, player.user_id, area, body, idempotency_key, ticket)
    try:
        return await record(backend, player, body, received_at, key=key, under=Terms(area.rules, ticket))
    except TERMS_ERRORS as error:
        raise rule_problem(backend.catalogue, body.game_area, error) from error
    except KeyReusedError as error:
        if ticket is None:
            raise
        used = RuleError("run", "is used already, for another score: begin a new one with POST /run")
        raise rule_problem(backend.catalogue, body.game_area, used) from error
    except SeasonOverError as error:
        raise ProblemError(409, str(error), code="season_over", season=error.current) from error


class Scored(Protocol):
    """What a score says: a player's, or a server's."""

    @property
    def game_area(self) -> str:
        """The area."""

    @property
    def points(self) -> int:
        """The points."""

    @property
    def tiebreak(self) -> int | None:
        """The number that ranks equal points."""

    @property
    def metadata(self) -> JsonValue:
        """What is shown with the entry."""


async def record(
    backend: Backend,
    player: Profile,
    score: Scored,
    received_at: int,
    *,
    key: RequestKey | None,
    under: Terms | None,
) -> ScoreResponse:
    """Record a score that fits its area, as of when it was received.

    Raises what `store.submission.submit` raises, and a 422.
    """
    try:
        submission = await submit(
            backend.db,
            backend.catalogue,
            player,
            score.game_area,
            score.points,
            received_at,
            tiebreak=score.tiebreak,
            metadata=None if score.metadata is None else to_text(score.metadata),
            under=under,
            key=key,
        )
    except PointsLimitError as error:
        raise invalid([FieldError(field="body.score", detail=str(error))]) from error
    if submission.verdict == "accepted":
        backend.count(Metric.SCORES_ACCEPTED)
    return ScoreResponse(game_area=score.game_area, points=score.points, **dict(submission))


async def _ticket(backend: Backend, player: Profile, body: ScoreRequest) -> Ticket:
    """Return the run that a score comes from. Raises a 422 for a ticket that is forged, or another's."""
    text = body.run or ""
    try:
        key = await backend.run_keys.find(key_id(text))
        if key is None:
            raise TicketError("it was not signed here, or too long ago")
        ticket = verify(text, key)
        if ticket.user_id != player.user_id:
            raise TicketError("it is another player's")
        if ticket.area != body.game_area:
            raise TicketError("it is of another area")
    except TicketError as error:
        detail = f"{error}: send what POST /run answered"
        raise rule_problem(backend.catalogue, body.game_area, RuleError("run", detail)) from error
    return ticket


def _key(
    request: Request,
    user_id: str,
    area: Area,
    body: ScoreRequest,
    idempotency_key: str | None,
    ticket: Ticket | None,
) -> RequestKey | None:
    """Return the key of the request, or of its run; None where a repetition changes nothing."""
    if ticket is not None:
        # A key that came as well has to be one, and says nothing more.
        request_key_of(request, user_id, idempotency_key, body)
        parts = request_parts(request, body)
        return run_key(user_id, ticket.nonce, *parts, until=ticket.expires_at)
    # The season of a score is that of its first receipt, whenever it is sent again.
    ends = any(board.seasons for board in backend_of(request).catalogue.boards_of(body.game_area))
    if area.keep == "best" and area.rules.submits is None and not ends:
        return None
    if area.keep == "sum" and idempotency_key is None:
        detail = f"{body.game_area} adds scores up: send a key, so that this one counts once"
        raise invalid([FieldError(field=f"header.{IDEMPOTENCY_KEY}", detail=detail)])
    return request_key_of(request, user_id, idempotency_key, body)


def check(area: Area, score: Scored) -> None:
    """Raise a 422 that names each field that the area does not take."""
    faults = area.faults(score.game_area, score.points, score.tiebreak, score.metadata)
    if wrong := [FieldError(field=f"body.{fault.field}", detail=fault.detail) for fault in faults]:
        raise invalid(wrong)
