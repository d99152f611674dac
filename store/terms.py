"""The terms of a player's score: its area's rules, the run that it comes from, and what the player has left.

A score is judged by what was read with the player's other rows. What is refused writes nothing; what is not
refused spends its run and counts in the transaction that records it, on condition that no other score did.

    RuleError            a rule of the area refuses the score
    RunExpiredError      the run began too long ago
    NoAttemptsError      the player may submit no more runs in this window
    TooManySubmitsError  the player may submit no more scores in this window
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from game.area_rules import AreaRules, Doubt, describe
from game.catalogue import Catalogue
from game.run_ticket import Ticket
from store import limits, players
from store.database import Database, Item
from store.errors import StoreError
from store.limits import Limit, Quota
from store.schema import LIMITS

_SERVERS_ONLY = "only a trusted server submits scores here"


class RuleError(StoreError):
    """A rule of the area, by its name in the catalogue, refuses the score. Nothing was written."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


class RunExpiredError(StoreError):
    """The run began too long ago. Nothing was written."""


class NoAttemptsError(StoreError):
    """The player may submit no more runs until `resets_at` (milliseconds). Nothing was written."""

    def __init__(self, most: int, resets_at: int) -> None:
        super().__init__(f"all {most} attempts are used")
        self.resets_at = resets_at


class TooManySubmitsError(StoreError):
    """The player may submit no more scores here for `seconds`. Nothing was written."""

    def __init__(self, most: int, seconds: int) -> None:
        super().__init__(f"at most {most} scores at a time: the next one in {seconds} seconds")
        self.seconds = seconds


@dataclass(frozen=True)
class Terms:
    """The rules of the area, and the ticket of the run, if the score comes with one.

    The ticket is verified: it is this player's, of this area.
    """

    rules: AreaRules
    ticket: Ticket | None = None

    @property
    def started_at(self) -> int | None:
        """When the run began, in milliseconds since the epoch."""
        return self.ticket.started_at if self.ticket else None


def quotas(catalogue: Catalogue, area: str, terms: Terms, now: int) -> list[Quota]:
    """Return what the player may have of that a score counts for which is received now."""
    found = []
    if terms.rules.attempts is not None:
        found.append(_attempts(catalogue, area, terms, now))
    if submits := terms.rules.submits:
        found.append(limits.quota(area, "submits", submits, submits.window(now)))
    return found


def _attempts(catalogue: Catalogue, area: str, terms: Terms, now: int) -> Quota:
    allowance = terms.rules.attempts
    if allowance is None:
        raise ValueError(f"{area} has no attempts")
    season = None
    if allowance.every is None and (seasons := catalogue.seasons_of(area)) is not None:
        number = seasons.counts_for(terms.started_at, now)
        season = (seasons, seasons.number_at(now) if number is None else number)
    return limits.quota(area, "attempts", allowance, allowance.window(now, season))


def keys(user_id: str, asked: Collection[Quota]) -> list[Item]:
    """Return the keys of the rows that count these."""
    return [limits.key(user_id, quota.name) for quota in asked]


def parse(items: Collection[Item]) -> dict[str, Limit]:
    """Return rows by name. Raises RowError."""
    return {row.limit: row for row in map(limits.parse, items)}


def judge(
    terms: Terms, asked: Collection[Quota], rows: Mapping[str, Limit], points: int, now: int
) -> Doubt | None:
    """Return the rule that doubts a score which is to be held; None where it is believed.

    Raises RuleError, RunExpiredError, NoAttemptsError and TooManySubmitsError.
    """
    doubt = _doubt(terms, points, now)
    if doubt and terms.rules.on_doubt == "refuse":
        raise RuleError(doubt, explain(terms.rules, doubt))
    for quota in asked:
        if quota.left(rows):
            continue
        if quota.kind == "attempts":
            raise NoAttemptsError(quota.most, quota.window.ends_at)
        raise TooManySubmitsError(quota.most, max(1, -((now - quota.window.ends_at) // 1000)))
    return doubt


def _doubt(terms: Terms, points: int, now: int) -> Doubt | None:
    rules, ticket = terms.rules, terms.ticket
    if rules.write == "server":
        raise RuleError("write", _SERVERS_ONLY)
    if ticket is None:
        if rules.run == "required":
            raise RuleError("run", "a score here needs a run: ask for one with POST /run when it begins")
        return None
    if now >= ticket.expires_at:
        raise RunExpiredError(f"the run began more than {describe(rules.max_time)} ago")
    return rules.doubt(points, now - ticket.started_at)


def explain(rules: AreaRules, doubt: Doubt) -> str:
    """Return in words what a score is against."""
    if doubt == "min_time":
        return f"a run here takes at least {describe(rules.min_time or 0)}"
    return f"a run here gives at most {rules.pace:g} points per second"


async def attempts_left(db: Database, catalogue: Catalogue, user_id: str, area: str, now: int) -> int | None:
    """Return how many runs that begin now a player may still submit; None where there is no such limit.

    Reads the player's row in any case. Raises RuleError, NoAttemptsError, DeletedError and RowError.
    """
    terms = Terms(catalogue.areas[area].rules)
    if terms.rules.write == "server":
        await players.require_alive(db, user_id)
        raise RuleError("write", _SERVERS_ONLY)
    asked = [_attempts(catalogue, area, terms, now)] if terms.rules.attempts else []
    _, found = await players.load_with(db, user_id, {LIMITS: keys(user_id, asked)} if asked else {})
    for quota in asked:
        left = quota.left(parse(found[LIMITS]))
        if not left:
            raise NoAttemptsError(quota.most, quota.window.ends_at)
        return left
    return None
