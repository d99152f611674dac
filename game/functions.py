"""The Lambda functions: one record for each, which the CDK app, the laptop and the cost model read.

What a function may do with the tables stands in `infra.grants`. CONTRIBUTING.md has the recipe for a new one.
"""

from dataclasses import dataclass
from typing import Literal

ENTRY = "entry"
"""The module at the root of every zip that Lambda imports first: see `infra.packaging.entry`."""

Requirements = Literal["lambda", "realtime", "cv"]


@dataclass(frozen=True)
class Package:
    """A zip or a container: the handlers of one module, with all that they import.

    `requirements` is the lock file's name in `requirements/`, from which the package takes what it needs.
    """

    name: str
    module: str
    requirements: Requirements


@dataclass(frozen=True)
class Function:
    """A Lambda function.

    package: the zip or container that has its handler.
    entry: the name of the handler in the package's module.
    memory: MB; CPU comes in proportion, one whole CPU at 1,769.
    seconds: its timeout. A request of API Gateway ends after 29 seconds in any case.
    reservable: whether a stage may reserve executions for it.
    dropped: the loss, in words, when Lambda gives up an asynchronous invocation; None where callers wait.
    undelivered: the loss, in words, when Lambda cannot deliver an outcome; None without a destination.
    """

    name: str
    package: Package
    entry: str
    memory: int
    seconds: int
    reservable: bool = True
    dropped: str | None = None
    undelivered: str | None = None

    @property
    def handler(self) -> str:
        """Lambda's name for the handler of a zip: module and function."""
        return f"{ENTRY}.{self.entry}"


API_PACKAGE = Package("api", "api.app", "lambda")
ROUTES_PACKAGE = Package("routes", "realtime.app", "realtime")
AUTHORIZER_PACKAGE = Package("authorizer", "realtime.authorizer_app", "realtime")
BROADCASTER_PACKAGE = Package("broadcaster", "streams.app", "realtime")

CONTAINER = Package("portraits", "cv.handler", "cv")

PACKAGES = (API_PACKAGE, ROUTES_PACKAGE, AUTHORIZER_PACKAGE, BROADCASTER_PACKAGE)
"""The zips."""

API = Function("api", API_PACKAGE, "handler", memory=1024, seconds=29)
ROUTES = Function("routes", ROUTES_PACKAGE, "handler", memory=512, seconds=29)
AVATAR_OUTCOME = Function(
    "avatar-outcome",
    ROUTES_PACKAGE,
    "avatar_handler",
    memory=256,
    seconds=30,
    reservable=False,
    dropped="a player was not told what became of a picture",
)
AUTHORIZER = Function("authorizer", AUTHORIZER_PACKAGE, "handler", memory=256, seconds=10)
BROADCASTER = Function(
    "broadcaster",
    BROADCASTER_PACKAGE,
    "handler",
    memory=1024,
    seconds=60,
    undelivered="a batch was given up, and is not in the dead-letter queue either",
)
SWEEP = Function("sweep", BROADCASTER_PACKAGE, "sweep_handler", memory=1024, seconds=60)
PUSHER = Function(
    "pusher",
    BROADCASTER_PACKAGE,
    "pusher_handler",
    memory=1024,
    # The longest that Lambda allows. A pusher hands over earlier (streams/fanout.py), well before the alarm.
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
    seconds=900,
    dropped="the sweep takes over what it had to push",
)
PORTRAITS = Function(
    "portraits",
    CONTAINER,
    "handler",
    memory=2048,
    seconds=60,
    dropped="a picture was not looked at",
    undelivered="a player was not told what became of a picture",
)

FUNCTIONS = (API, ROUTES, AVATAR_OUTCOME, AUTHORIZER, BROADCASTER, SWEEP, PUSHER, PORTRAITS)
"""Every function, the container included; it is deployed only once there is an image of it."""

ZIPPED = tuple(function for function in FUNCTIONS if function.package in PACKAGES)
"""The functions whose code is in a zip."""


def handlers_of(package: Package) -> tuple[str, ...]:
    """Return the names of a package's handlers."""
    return tuple(function.entry for function in ZIPPED if function.package == package)
