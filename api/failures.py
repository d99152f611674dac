"""What becomes of an error that no route answers itself: a problem for the client, and a line in the log."""

import logging

from api.problems import FieldError, ProblemError, invalid
from game.headers import IDEMPOTENCY_KEY
from runtime.run_keys import RunKeysError
from store.errors import ConflictError, RowError, throttled
from store.idempotency import KeyReusedError
from store.players import DeletedError
from store.users import UsersUnavailableError

logger = logging.getLogger("podium.api")


def as_problem(error: Exception) -> ProblemError:
    """Return the answer to an error, and log what went wrong on our side."""
    match error:
        case ProblemError():
            return error
        case DeletedError():
            # Not a 401: a client would renew its token, and ask again, for ever.
            return ProblemError(410, "this player was deleted, for good", code="deleted")
        case KeyReusedError():
            detail = "came with another request before"
            return invalid([FieldError(field=f"header.{IDEMPOTENCY_KEY}", detail=detail)])
        case ConflictError():
            logger.error("%s", error)
            return ProblemError(503, "too many writes at once; try again")
        case RowError():
            # Nothing of it was changed: what a player has is not lost by a row that one release cannot read.
            logger.error("%s", error)
            detail = "what is stored of you cannot be read; nothing was changed, and it is logged"
            return ProblemError(500, detail)
        case RunKeysError():
            logger.error("%s", error)
            return ProblemError(503, "runs cannot be signed or checked at the moment; try again")
    if isinstance(error, UsersUnavailableError) or throttled(error):
        logger.error("throttled: %s", error)
        return ProblemError(503, "too many requests at once; try again")
    logger.error("unexpected error", exc_info=error)
    return ProblemError(500, "something went wrong on our side; it is logged")
