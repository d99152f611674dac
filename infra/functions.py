"""The Lambda functions, and the packages that they are deployed as: one for each module with handlers."""

from dataclasses import dataclass

ENTRY = "entry"
"""The module at the root of every package that Lambda imports first: see `infra.packaging.entry`."""


@dataclass(frozen=True)
class Package:
    """A zip: the handlers of one module, with all that they import.

    `handlers` are the module's functions by name; `requirements` is the lock file's name in `requirements/`,
    from which the package takes what it needs.
    """

    name: str
    module: str
    handlers: tuple[str, ...]
    requirements: str


@dataclass(frozen=True)
class Function:
    """A Lambda function: one handler of a package."""

    name: str
    package: Package
    function: str

    @property
    def handler(self) -> str:
        """What Lambda calls its handler: module and function."""
        return f"{ENTRY}.{self.function}"


API = Package("api", "api.app", ("handler",), "lambda")
ROUTES = Package("routes", "realtime.app", ("handler", "avatar_handler"), "realtime")
AUTHORIZER = Package("authorizer", "realtime.authorizer_app", ("handler",), "realtime")
BROADCASTER = Package(
    "broadcaster", "streams.app", ("handler", "sweep_handler", "pusher_handler"), "realtime"
)

PACKAGES = (API, ROUTES, AUTHORIZER, BROADCASTER)

FUNCTIONS = (
    Function("api", API, "handler"),
    Function("routes", ROUTES, "handler"),
    Function("avatar-outcome", ROUTES, "avatar_handler"),
    Function("authorizer", AUTHORIZER, "handler"),
    Function("broadcaster", BROADCASTER, "handler"),
    Function("sweep", BROADCASTER, "sweep_handler"),
    Function("pusher", BROADCASTER, "pusher_handler"),
)

PORTRAITS = "portraits"
"""The function of the container, which is in no package; others know it by this name before it exists."""
