"""The Lambda functions: one record for each, which the CDK app, the laptop and the cost model read.

What a function may do with the tables stands in `infra.grants`. CONTRIBUTING.md has the recipe for a new one.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A Lambda function.

    module: the module that has its handler.
    entry: the name of the handler in the module.
    memory: MB; CPU comes in proportion, one whole CPU at 1,769.
    seconds: its timeout. A request of API Gateway ends after 29 seconds in any case.
    reservable: whether a stage may reserve executions for it.
    dropped: the loss, in words, when Lambda gives up an asynchronous invocation; None where callers wait.
    undelivered: the loss, in words, when Lambda cannot deliver an outcome; None without a destination.
    """

    name: str
    module: str
    entry: str
    memory: int
    seconds: int
    reservable: bool = True
    dropped: str | None = None
    undelivered: str | None = None

    @property
    def handler(self) -> str:
        """Lambda's name for a zipped handler: the module that Lambda imports first, and the function."""
        return f"{entry_of(self.module)}.{self.entry}"


API = Function("api", "api.app", "handler", memory=1024, seconds=29)
JANITOR = Function("janitor", "api.app", "janitor_handler", memory=512, seconds=300)
SIGN_UP = Function(
    "sign-up",
    "api.sign_up_app",
    "handler",
    memory=512,
    # Cognito waits no longer, and asks three times.
    # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-working-with-lambda-triggers.html
    seconds=5,
)
ROUTES = Function("routes", "realtime.app", "handler", memory=512, seconds=29)
AVATAR_OUTCOME = Function(
    "avatar-outcome",
    "realtime.app",
    "avatar_handler",
    memory=256,
    seconds=30,
    reservable=False,
    dropped="a player was not told what became of a picture",
)
AUTHORIZER = Function("authorizer", "realtime.authorizer_app", "handler", memory=256, seconds=10)
BROADCASTER = Function(
    "broadcaster",
    "streams.app",
    "handler",
    memory=1024,
    seconds=60,
    undelivered="a batch was given up, and is not in the dead-letter queue either",
)
SWEEP = Function("sweep", "streams.app", "sweep_handler", memory=1024, seconds=60)
PUSHER = Function(
    "pusher",
    "streams.app",
    "pusher_handler",
    memory=1024,
    # The longest that Lambda allows. A pusher hands over earlier (streams/fanout.py), well before the alarm.
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html
    seconds=900,
    dropped="the sweep takes over what it had to push",
)
RANKER = Function(
    "ranker",
    "streams.ranker_app",
    "handler",
    # One whole CPU: a batch is hundreds of requests, and they are bound by ours.
    memory=1769,
    seconds=120,
    undelivered="a batch was given up, and is not in the dead-letter queue either",
)
RANK_SWEEP = Function("rank-sweep", "streams.ranker_app", "sweep_handler", memory=1024, seconds=600)
PORTRAITS = Function(
    "portraits",
    "cv.handler",
    "handler",
    memory=2048,
    seconds=60,
    dropped="a picture was not looked at",
    undelivered="a player was not told what became of a picture",
)

FUNCTIONS = (
    API,
    JANITOR,
    SIGN_UP,
    ROUTES,
    AVATAR_OUTCOME,
    AUTHORIZER,
    BROADCASTER,
    SWEEP,
    PUSHER,
    RANKER,
    RANK_SWEEP,
    PORTRAITS,
)
"""Every function, the container included; it is deployed only once there is an image of it."""

ZIPPED = tuple(function for function in FUNCTIONS if function is not PORTRAITS)
"""The functions whose code is in the zip: one for all of them."""

MODULES = tuple(dict.fromkeys(function.module for function in ZIPPED))
"""The modules that have their handlers."""


def handlers_of(module: str) -> tuple[str, ...]:
    """Return the names of a module's handlers."""
    return tuple(function.entry for function in ZIPPED if function.module == module)


def entry_of(module: str) -> str:
    """Return the module that Lambda imports in place of one of ours: see `infra.packaging.entry`."""
    return module.replace(".", "_")
