"""The answers to a score or run that the rules of its area refuse: each names the rule by its key."""

from api.problems import FieldError, ProblemError, invalid
from game.catalogue import Catalogue
from store.terms import NoAttemptsError, RuleError, RunExpiredError, TooManySubmitsError

TermsError = RuleError | RunExpiredError | NoAttemptsError | TooManySubmitsError
"""What `store.terms` refuses with."""
TERMS_ERRORS = (RuleError, RunExpiredError, NoAttemptsError, TooManySubmitsError)

_FIELDS = {"write": "gameArea", "pace": "score"}


def rule_problem(catalogue: Catalogue, area: str, error: TermsError) -> ProblemError:
    """Return the answer: 422, 409 `run_expired` or `no_attempts`, or 429."""
    match error:
        case RuleError():
            field = FieldError(field=f"body.{_FIELDS.get(error.rule, 'run')}", detail=str(error))
            return invalid([field], catalogue.rule_key(area, error.rule))
        case RunExpiredError():
            rule = catalogue.rule_key(area, "max_time")
            return ProblemError(409, f"run: {error}", code="run_expired", rule=rule)
        case NoAttemptsError():
            rule = catalogue.rule_key(area, "attempts")
            return ProblemError(409, str(error), code="no_attempts", rule=rule, resets_at=error.resets_at)
        case TooManySubmitsError():
            rule = catalogue.rule_key(area, "submits")
            return ProblemError(429, str(error), rule=rule, retry_after=error.seconds)
