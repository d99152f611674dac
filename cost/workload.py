"""The priced game: the number of players, what they do, and how Podium is set up for them.

Each field is an option of `python -m cost`. Where the code decides a figure, the default is that of
the code; where a deployment does, that of `infra/stages/prod.toml`.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from game.account import REQUEST_RATE
from game.catalogue import TOP_LIMIT
from game.functions import API, FUNCTIONS, PORTRAITS, PUSHER, ROUTES
from game.live import BOARDS_LIMIT, DIRECT_LIMIT, PUSHERS
from game.seasons import KEEP_LIMIT
from store.schema import TABLES

SECONDS_AN_HOUR = 60 * 60
SECONDS_A_DAY = 86_400
DAYS_A_MONTH = 365 / 12
SECONDS_A_MONTH = SECONDS_A_DAY * DAYS_A_MONTH

ALARMS = (
    sum(3 + bool(function.dropped) + bool(function.undelivered) for function in FUNCTIONS)
    + sum(2 + 2 * bool(table.index) for table in TABLES)
    + 12
)
"""Alarms of a stage, as `infra/watching.py` makes them: errors, throttles, duration and losses of each
function, but no errors of the authorizer and the sign-up; reads and writes of each table and index; and
thirteen others."""

Share = Annotated[float, Field(ge=0, le=1)]


class Workload(BaseModel):
    """A month of a game. Rates are means over the month; `peak_factor` says how uneven a day is."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    players: int = Field(10_000, ge=1, le=10**9, description="players who play at least once in the month")
    sessions_per_day: float = Field(0.5, ge=0, le=100, description="sessions of a player a day, on average")
    session_minutes: float = Field(20, gt=0, le=120, description="minutes of a session, connected throughout")
    scores_per_minute: float = Field(0.5, ge=0, le=600, description="scores of a player a minute of session")
    scores_per_second: float | None = Field(
        None,
        ge=0,
        le=10**7,
        description="scores per second of all players together; instead of --scores-per-minute",
    )
    spectators: float = Field(
        0,
        ge=0,
        le=10**7,
        description="visitors without a player who watch boards, connected at a time on average",
    )
    peak_factor: float = Field(
        3, ge=1, le=20, description="the busiest moment of the day against the average one"
    )

    boards: int = Field(6, ge=2, le=97, description="boards, the global one included")
    boards_followed: float = Field(
        2, ge=0, le=BOARDS_LIMIT, description="boards that a client follows; the global one is the first"
    )
    top: int = Field(50, ge=1, le=TOP_LIMIT, description="K: entries that a board shows")
    window: float = Field(
        1,
        ge=0,
        le=300,
        description="seconds that scores are gathered for a batch (MaximumBatchingWindowInSeconds)",
    )
    season_days: float = Field(
        30, gt=0, le=3650, description="days from one emptying of the boards to the next"
    )
    season_share: Share = Field(
        0.25, description="share of scores in areas that feed a board with seasons, too"
    )
    kept_seasons: int = Field(26, ge=1, le=KEEP_LIMIT, description="past seasons whose rows are kept")
    change_share: Share | None = Field(
        None, description="share of scores that change the top K; by default derived (see docs/cost.md)"
    )
    improving_share: Share | None = Field(
        None, description="share of scores that are the player's new best; by default derived"
    )

    run_share: Share = Field(
        0, description="share of scores that come with a run, in areas that limit attempts and submissions"
    )

    actions_per_session: float = Field(
        3, ge=0, le=1000, description="saves, tasks, purchases and unlocks of a session"
    )
    rank_lookups_per_session: float = Field(
        1, ge=0, le=1000, description="times a session asks for the player's own rank"
    )
    reward_lists_per_session: float = Field(
        1, ge=0, le=1000, description="times a session asks what past seasons have brought"
    )
    seasons_listed: float = Field(
        4, ge=0, le=100, description="past seasons that a player was in and has not claimed; each is ranked"
    )
    prize_share: Share = Field(0.1, description="share of players who claim a prize of each season")
    browser_share: Share = Field(
        0.5, description="share of sessions in a browser, which asks first (CORS) for each address it calls"
    )
    portrait_share: Share = Field(0.2, description="share of players with a portrait")
    uploads_per_player: float = Field(
        0.05, ge=0, le=1000, description="portraits that a player uploads per month"
    )

    new_share: Share = Field(0.3, description="share of the month's players who are new")
    google_share: Share = Field(0.5, description="share of players who sign in with Google, not a password")
    guest_share: Share = Field(
        0.5, description="share of new players without Google who begin as guests, without an e-mail address"
    )
    sign_in_share: Share = Field(
        0.1, description="share of sessions that begin with a sign-in, not a token kept"
    )
    cognito_plan: Literal["essentials", "lite"] = Field(
        "essentials", description="feature plan of the user pool; AWS makes new pools Essentials"
    )

    request_milliseconds: float = Field(
        40, gt=0, le=29_000, description="duration of a REST request or a WebSocket route in Lambda"
    )
    api_megabytes: int = Field(
        API.memory, ge=128, le=10_240, description="memory of the function behind the REST API"
    )
    route_megabytes: int = Field(
        ROUTES.memory,
        ge=128,
        le=10_240,
        description="memory of the functions behind the WebSocket API, of which some have less",
    )
    batch_milliseconds: float = Field(
        60, gt=0, le=900_000, description="duration of a broadcaster's batch, pushes apart"
    )
    push_megabytes: int = Field(
        PUSHER.memory, ge=128, le=10_240, description="memory of the functions that push; 1769 MB is one core"
    )
    pushes_per_second: float = Field(
        3_000, gt=0, le=10**6, description="pushes per second of one function that is not held back"
    )
    direct_limit: int = Field(
        DIRECT_LIMIT,
        ge=1,
        le=10**9,
        description="subscribers of a board up to which one function pushes to them all",
    )
    pushers: int = Field(
        PUSHERS, ge=1, le=100, description="functions that push for a board with more subscribers"
    )
    rank_request_milliseconds: float = Field(
        2,
        gt=0,
        le=10_000,
        description="duration of the ranker for each of its requests, of which 50 run side by side: assumed, "
        "see docs/cost.md",
    )
    portrait_seconds: float = Field(3, gt=0, le=900, description="duration of the portrait container")
    portrait_megabytes: int = Field(
        PORTRAITS.memory, ge=128, le=10_240, description="memory of the portrait container"
    )

    log_bytes: int = Field(
        1000,
        ge=0,
        le=10**6,
        description="bytes that an invocation logs, Lambda's own lines and API Gateway's included",
    )
    log_days: float = Field(90, ge=0, le=3653, description="days that logs are kept")
    alarms: int = Field(ALARMS, ge=0, le=10_000, description="CloudWatch alarms")
    dashboards: int = Field(1, ge=0, le=1000, description="CloudWatch dashboards")
    requests_quota: float = Field(
        REQUEST_RATE,
        gt=0,
        le=10**7,
        description="API Gateway's requests per second in the account; AWS raises it on request",
    )
    stage_rate: float = Field(
        2_000, gt=0, le=10**7, description="requests per second that the stage of each API lets through"
    )
    address_share: Share = Field(
        0.001, description="share of all players who are behind one address: a mobile network, a school"
    )
    address_requests: int = Field(
        2_000, ge=10, le=10**7, description="requests in five minutes that the firewall takes from an address"
    )
    address_sign_ups: int = Field(
        300, ge=10, le=10**7, description="sign-ups in five minutes that the firewall takes from an address"
    )
    guests_per_minute: float = Field(
        120, gt=0, le=10**6, description="new guests that the stage takes in a minute"
    )
    mails_per_day: float = Field(
        50_000, gt=0, le=10**9, description="mails per day that SES takes from an account out of the sandbox"
    )
    mails_per_second: float = Field(14, gt=0, le=10**6, description="mails per second that SES takes from it")
    pusher_seconds: float = Field(
        PUSHER.seconds,
        gt=0,
        le=900,
        description="seconds after which Lambda ends a function that pushes to a part",
    )
    free_tier: bool = Field(True, description="count the allowances that an account has for good")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.boards_followed > self.boards:
            raise ValueError(f"boards_followed: there are {self.boards} boards, not {self.boards_followed:g}")
        return self

    @property
    def areas(self) -> int:
        """Boards beside the global one; every one of them is taken to count for it."""
        return self.boards - 1

    @property
    def sessions(self) -> float:
        """Sessions that begin a second."""
        return self.players * self.sessions_per_day / SECONDS_A_DAY

    @property
    def connected(self) -> float:
        """Players connected at a time."""
        return self.sessions * self.session_minutes * 60

    @property
    def visits(self) -> float:
        """Connections of spectators that begin a second: they stay as long as a player does."""
        return self.spectators / (self.session_minutes * 60)

    @property
    def scores(self) -> float:
        """Scores per second."""
        if self.scores_per_second is not None:
            return self.scores_per_second
        return self.connected * self.scores_per_minute / 60

    @property
    def emails(self) -> float:
        """Addresses confirmed in the month: those of new players who chose a password."""
        return (self.sign_ups - self.guests) * SECONDS_A_MONTH

    @property
    def joined(self) -> float:
        """New players per second, Google's too."""
        return self.players * self.new_share / SECONDS_A_MONTH

    @property
    def sign_ups(self) -> float:
        """New players with a password, which guests have too, per second."""
        return self.joined * (1 - self.google_share)

    @property
    def guests(self) -> float:
        """New guests per second."""
        return self.sign_ups * self.guest_share

    def grown(self, players: int) -> "Workload":
        """Return the same game with other players: scores given as a rate, and spectators, grow with them."""
        growth = players / self.players
        scores = self.scores_per_second
        grown = {
            "players": players,
            "scores_per_second": None if scores is None else scores * growth,
            "spectators": self.spectators * growth,
        }
        return self.model_copy(update=grown)

    def with_changes(self, **changes: object) -> "Workload":
        """Return the same with other values, checked like any. Raises pydantic's ValidationError."""
        return Workload.model_validate(self.model_dump() | changes)
