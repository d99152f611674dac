"""A studio's decisions about a deployment: one TOML file per stage, `infra/stages/<stage>.toml`.

`python -m infra.settings <stage>` says where its tables are, as `ops` wants to be told.

Everything has a default that suits a stage to try things out in; `prod.toml` shows what a real one sets.
"""

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from game.account import PUSH_SHARE, request_rate
from game.functions import FUNCTIONS
from game.live import (
    DIRECT_LIMIT,
    PUSHERS,
    RANK_WINDOW_SECONDS,
    SPECTATORS,
    SPECTATORS_PER_ADDRESS,
)
from store.schema import TABLES

STAGES = Path(__file__).with_name("stages")

# Of the account's requests. What is left is for the players, who score while a crowded board is pushed.
_PUSH_MOST = 0.9

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html#configuring-concurrency-reserved
_UNRESERVED = 100
BASE_IMAGE = "public.ecr.aws/lambda/python:3.12"
"""The base image of the portraits' container; AWS moves the tag as it mends what is in the image."""
_HOST = r"^[a-z0-9-]+(\.[a-z0-9-]+)+$"


class SettingsError(Exception):
    """A stage's file cannot be used; the message names the file and every key that is wrong."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Google(_Settings):
    """Sign-in with Google, by an OAuth client of the studio's."""

    client_id: str
    secret_name: str
    """The secret of Secrets Manager that holds the client's secret, as plain text."""


class Identity(_Settings):
    """The settings of players' sign-in."""

    hosted_ui_prefix: str | None = Field(default=None, pattern=r"^[a-z0-9-]{1,63}$")
    """The hosted pages are at `https://{prefix}.auth.{region}.amazoncognito.com`; none by default."""
    callback_urls: tuple[str, ...] = ("http://localhost:8000/",)
    logout_urls: tuple[str, ...] = ("http://localhost:8000/",)
    google: Google | None = None
    guests: bool = True
    """Whether players may begin as guests, without an e-mail address; by default they may."""
    guests_per_minute: int = Field(default=120, ge=1)
    """New guests in a minute, of all addresses together; more are asked to come back, as `guests_busy`.

    Each guest who plays costs as any other monthly player, so this bounds what a flood of them costs.
    """
    email_from: str | None = Field(default=None, pattern=rf"^[!-?A-~]+@{_HOST.removeprefix('^')}")
    """The sender of the codes that players confirm their address with, verified in SES.

    None, the default: Cognito's own sender, which stops at 50 mails per day in an account.
    https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-email.html
    """
    email_identity: Literal["address", "domain"] = "address"
    """The identity verified in SES: just that address, which is the default, or all of its domain."""
    email_region: str | None = Field(default=None, pattern=r"^[a-z]+(-[a-z]+)+-\d$")
    """Where it was verified; the stage's Region by default. Cognito takes only certain others."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.email_region and not self.email_from:
            raise ValueError("email_region needs email_from: it says where that was verified")
        if self.google and not self.hosted_ui_prefix:
            raise ValueError(
                "google needs hosted_ui_prefix: the way to Google and back leads over those pages"
            )
        return self


class Live(_Settings):
    """The settings of the broadcaster and its pushes. K is the catalogue's, board by board."""

    window_seconds: int = Field(default=0, ge=0, le=300)
    """How long the first score of a batch waits for others: the longer, the fewer diffs; 0 by default."""
    batch_size: int = Field(default=1000, ge=1, le=10_000)
    """Most stream records of one invocation: the more it may take, the sooner a backlog is worked off."""
    rank_window_seconds: int = Field(default=RANK_WINDOW_SECONDS, ge=0, le=300)
    """Seconds for which the ranker gathers scores: the longer, the cheaper, and the later ranks are exact."""
    shard_concurrency: int = Field(default=1, ge=1, le=10)
    """Batches of one stream shard at a time."""
    direct_limit: int = Field(default=DIRECT_LIMIT, ge=1)
    """Subscribers of one board whom the broadcaster pushes to alone; above it pushers are started."""
    pushers: int = Field(default=PUSHERS, ge=1, le=100)
    """Pushers of one board."""
    push_rate: Annotated[float, Field(gt=0)] | None = None
    """Requests per second to `@connections` of all functions that push, however many boards are crowded.

    By default four fifths of the stage's `account_rate`; more than nine tenths is refused, because players'
    own requests come out of the same quota.
    """
    spectators: int = Field(default=SPECTATORS, ge=0)
    """Connections without a token at once, 1,000 by default; 0 lets none in.

    The bound is approximate: they are counted again every ten minutes. Above it `$connect` answers 503, and
    clients read the board over REST.
    """
    spectators_per_address: int = Field(default=SPECTATORS_PER_ADDRESS, ge=1)
    """Of these, the ones from one IP address (of IPv6, one /64): a school, or a person with a script."""


class Concurrency(_Settings, extra="allow"):
    """Reserved concurrency: executions that are kept for a function, and the most it may have at once.

    None, the default: it shares what the others leave. At its limit Lambda refuses: a request of the REST API
    is a 503, a frame is answered with API Gateway's error, a connection is refused, and what comes from the
    stream or is asynchronous waits.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    """

    account: int = Field(default=1000, ge=1)
    """Executions that the account has in the Region: 1,000, unless AWS gave it fewer (new ones) or more."""

    __pydantic_extra__: dict[str, Annotated[int, Field(ge=1)]]
    """The reserved ones, by the name of a function of game/functions.py.

    A number for `api` also keeps a storm of scores from the functions that have nothing reserved. Without a
    number for `routes`, live connections stand still when the REST API takes all there is.
    """

    @property
    def reserved(self) -> dict[str, int]:
        """The reserved executions, by the function's name."""
        return dict(self.__pydantic_extra__)

    @model_validator(mode="after")
    def _check(self) -> Self:
        reservable = {function.name for function in FUNCTIONS if function.reservable}
        if unknown := ", ".join(sorted(self.reserved.keys() - reservable)):
            raise ValueError(f"{unknown}: executions can be reserved for {', '.join(sorted(reservable))}")
        total = sum(self.reserved.values())
        if total and total > self.account - _UNRESERVED:
            raise ValueError(
                f"{total} executions are reserved, and Lambda keeps {_UNRESERVED} of the account's "
                f"{self.account} for functions that reserve none: reserve fewer, or raise the quota "
                "and say so in `account`"
            )
        return self


class Warm(_Settings):
    """The load that a table takes at once, without having grown to it; its index has the same.

    A new table takes 12,000 read units and 4,000 write units per second, and doubles that within 30 minutes
    of being asked for more. Raising it costs once, by the unit; it cannot be lowered again.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html
    """

    reads: int = Field(default=12_000, ge=12_000)
    """Read units per second."""
    writes: int = Field(default=4_000, ge=4_000)
    """Write units per second."""


class Throttle(_Settings):
    """The requests that API Gateway lets through, for all callers; the firewall limits a single address.

    A limit a player would take API keys, and a key in a game is everybody's.
    """

    rate: float = Field(default=2000, gt=0)
    """Requests per second."""
    burst: int = Field(default=1000, ge=1)
    """Requests at once."""


class Pipeline(_Settings):
    """Deployment from GitHub."""

    connection_arn: str = Field(pattern=r"^arn:aws[a-z-]*:code(connections|star-connections):")
    """The CodeConnections connection to GitHub; its owner has to confirm it in the console."""
    repository: str = Field(pattern=r"^[^/\s]+/[^/\s]+$")
    """`owner/name`."""
    branch: str = "main"
    approval: bool = False
    """Whether a person must agree before the stacks are deployed."""
    base_image: str = Field(
        default=BASE_IMAGE,
        pattern=rf"^{re.escape(BASE_IMAGE)}(@sha256:[0-9a-f]{{64}})?$",
    )
    """The base image of the portraits' container: the tag's image at the time, or one by its digest."""


class Domain(_Settings):
    """Names of the studio's own for the two APIs, of which API Gateway wants one each."""

    rest: str = Field(pattern=_HOST)
    """The REST API's, as `api.example.com`."""
    web_socket: str = Field(pattern=_HOST)
    """The WebSocket API's."""
    certificate_arn: str = Field(pattern=r"^arn:aws[a-z-]*:acm:")
    """A certificate of the stage's Region, for both."""
    announced: bool = True
    """Whether clients are told these names; not before the names lead to the APIs."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.rest == self.web_socket:
            raise ValueError("rest and web_socket must differ: one name cannot serve both APIs")
        return self


class Addresses(_Settings):
    """The addresses of the APIs; `{api}`, `{region}` and `{stage}` are filled in.

    For an engine other than AWS.
    """

    rest: str = "https://{api}.execute-api.{region}.amazonaws.com/{stage}"
    web_socket: str = "wss://{api}.execute-api.{region}.amazonaws.com/{stage}"
    connections: str = "https://{api}.execute-api.{region}.amazonaws.com/{stage}"
    cognito: str | None = None
    """Cognito's own address by default."""
    key_set: str = "https://cognito-idp.{region}.amazonaws.com/{pool}/.well-known/jwks.json"
    """Where the authorizer finds the user pool's keys; `{pool}` is filled in too."""


class StageSettings(_Settings):
    """A stage: one deployment of everything, in one account and Region."""

    stage: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{1,11}$")]
    """Its name; every resource's begins with `podium-{stage}-`."""
    region: str = "us-east-1"
    account: str | None = Field(default=None, pattern=r"^\d{12}$")
    """The AWS account; by default whichever the caller's credentials are for."""
    retain: bool = False
    """Keep data when stacks are destroyed: deletion protection, point-in-time recovery, retention."""
    empty_bucket: bool = False
    """Empty the bucket when its stack is destroyed, which CloudFormation does not; not with `retain`."""
    account_rate: Annotated[float, Field(gt=0)] | None = None
    """Requests per second that API Gateway takes from the account in the Region, pushes and players together.

    By default what a new account has there: 10,000, or 2,500 in some Regions (`game.account`). AWS raises it;
    `aws service-quotas get-service-quota --service-code apigateway --quota-code L-8A5B8E43` says what it is.
    """
    architecture: Literal["arm64", "x86_64"] = "arm64"
    identity: Identity = Identity()
    live: Live = Live()
    concurrency: Concurrency = Concurrency()
    throttle: Throttle = Throttle()
    warm_throughput: Mapping[str, Warm] = Field(default_factory=dict)
    """For a launch: tables by their names without the prefix; by default as new tables are."""
    domain: Domain | None = None
    """Names of the studio's own for the APIs; API Gateway's by default."""
    addresses: Addresses = Addresses()
    cors_origins: tuple[str, ...] = ("*",)
    """Where pages that use the API and the bucket come from, and those of spectators.

    `*` only where data is not retained.
    """
    log_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365] = 14
    """How long logs are kept."""
    alarm_email: str | None = Field(default=None, pattern=r"^[^@\s]+@[^@\s]+$")
    """The address that alarms are mailed to; none by default."""
    monthly_budget: Annotated[float, Field(gt=0)] | None = None
    """US dollars a month, of which 80 and 100 percent raise an alarm; no budget by default."""
    waf: bool = False
    """Web application firewalls in front of the REST API and the user pool."""
    waf_rate_limit: int = Field(default=2000, ge=10)
    """Requests in five minutes from one address, portraits apart, above which it is blocked for a while."""
    sign_up_limit: int = Field(default=300, ge=300)
    """Sign-ups in five minutes from one address, above which it is blocked for a while; and mails with codes.

    A school behind one address signs up in one lesson.
    """
    pipeline: Pipeline | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.retain and "*" in self.cors_origins:
            raise ValueError("cors_origins must name the game's own origins where data is retained")
        if self.retain and self.empty_bucket:
            raise ValueError("empty_bucket contradicts retain")
        if self.monthly_budget and not self.alarm_email:
            raise ValueError("monthly_budget needs alarm_email: the address to mail when it is spent")
        if self.domain and self.addresses.model_fields_set & {"rest", "web_socket"}:
            raise ValueError("domain contradicts the addresses of the APIs")
        if self.domain and self.domain.certificate_arn.split(":")[3] != self.region:
            raise ValueError(f"domain.certificate_arn must be of {self.region}, where the APIs are")
        tables = {table.name for table in TABLES}
        if unknown := sorted(self.warm_throughput.keys() - tables):
            raise ValueError(
                f"warm_throughput: there is no table {unknown[0]!r}; there are {', '.join(sorted(tables))}"
            )
        most = _PUSH_MOST * self.requests
        if self.push_rate > most:
            raise ValueError(
                f"live.push_rate must be at most {most:g}: of the {self.requests:g} requests per second that "
                f"the account has in {self.region} (account_rate), players need some for themselves"
            )
        return self

    @property
    def requests(self) -> float:
        """Requests per second that API Gateway takes from the account."""
        return request_rate(self.region) if self.account_rate is None else self.account_rate

    @property
    def push_rate(self) -> float:
        """Of these, the ones that go to pushing."""
        given = self.live.push_rate
        return PUSH_SHARE * self.requests if given is None else given

    @property
    def rest_address(self) -> str:
        """The REST API's, with the places of `Addresses`."""
        return f"https://{self._announced.rest}" if self._announced else self.addresses.rest

    @property
    def web_socket_address(self) -> str:
        """The WebSocket API's, with the places of `Addresses`."""
        return f"wss://{self._announced.web_socket}" if self._announced else self.addresses.web_socket

    @property
    def _announced(self) -> Domain | None:
        return self.domain if self.domain and self.domain.announced else None

    @property
    def prefix(self) -> str:
        """The beginning of the names of this stage's resources."""
        return f"podium-{self.stage}-"


def load_settings(name: str, folder: Path = STAGES) -> StageSettings:
    """Read and check a stage's file. Raises SettingsError, which names the file and each wrong key."""
    path = folder / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise SettingsError(f"There is no stage {name!r}: {folder} has {known}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    try:
        return StageSettings(stage=name, **content)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, detail['loc'])) or '(the whole file)'}: {detail['msg']}"
            for detail in error.errors()
        ]
        raise SettingsError(f"{path}: " + "; ".join(problems)) from error


def main(stage: str) -> None:
    """Write a stage's Region, and what the names of its tables begin with, as arguments of a command."""
    try:
        settings = load_settings(stage)
    except SettingsError as error:
        sys.exit(str(error))
    sys.stdout.write(f"--region {settings.region} {settings.prefix}\n")


if __name__ == "__main__":
    main(sys.argv[1])
