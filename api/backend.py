"""The clients that the REST routes work with, and the caller of a request."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

from aws_lambda_powertools.event_handler import Request

from api.problems import ProblemError
from game.catalogue import Area, Board, Catalogue
from game.client_config import ClientConfig, Deployment
from game.metrics import Metric
from game.model import Model
from game.names import default_name
from game.public_catalogue import Published, public_boards, publish
from game.wording import listed
from runtime.run_keys import RunKeys
from store.board_rules import Admission
from store.database import Database
from store.portraits import PortraitBucket
from store.profiles import Profile

T = TypeVar("T")


class RequestBody(Model, validate_by_name=False):
    """The base of what clients send: fields by their JSON names only."""


class ProcessPortrait(Protocol):
    """Starts the making of a portrait and does not wait for it."""

    async def __call__(self, user_id: str, key: str, background: str) -> None:
        """Make a portrait of the upload at `key`; `background` is `none`, `blur` or `#rrggbb`."""


class HangUp(Protocol):
    """Closes a live connection."""

    async def __call__(self, connection_id: str) -> object:
        """Close it; one that is gone already is no error."""


class DeleteUser(Protocol):
    """Deletes a user from the user pool."""

    async def __call__(self, username: str, user_id: str) -> None:
        """Delete the user of this name, if they have this `sub`; one who is gone already is no error."""


class IsGuest(Protocol):
    """Says whether a user is a guest at this moment, by the user pool."""

    async def __call__(self, username: str, user_id: str) -> bool:
        """Return whether the user of this name has this `sub`, and is a guest."""


class IsMember(Protocol):
    """Says whether a user is in a group at this moment, by the user pool."""

    async def __call__(self, username: str, user_id: str, group: str) -> bool:
        """Return whether the user of this name has this `sub`, and is in a group."""


class DescribeUser(Protocol):
    """Says what the user pool has of a user."""

    async def __call__(self, username: str, user_id: str) -> dict[str, str]:
        """Return the attributes of the user of this name, if they have this `sub`; {} for one who is gone."""


class Verify(Protocol):
    """Verifies an ID token that came elsewhere than with the request, as strictly as that one."""

    async def __call__(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a good one. Raises TokenError, and KeySetError where it cannot be judged."""


@dataclass(frozen=True)
class Backend:
    """Everything behind the routes. `now_ms` gives milliseconds since the epoch, UTC."""

    db: Database
    catalogue: Catalogue
    deployment: Deployment
    now_ms: Callable[[], int]
    portraits: PortraitBucket
    process_portrait: ProcessPortrait
    hang_up: HangUp
    delete_user: DeleteUser
    is_guest: IsGuest
    is_member: IsMember
    describe_user: DescribeUser
    verify: Verify
    run_keys: RunKeys
    count: Callable[[Metric], None]
    """Counts one of a metric."""
    admission: Admission | None = None
    """Required before the first request; None where that was done at the start."""

    @cached_property
    def published(self) -> Published:
        """The catalogue as clients may see it."""
        return publish(self.catalogue)

    @cached_property
    def client_config(self) -> ClientConfig:
        """The configuration of a client."""
        return ClientConfig(
            **self.deployment.model_dump(),
            game_areas=self.catalogue.game_areas,
            boards=public_boards(self.catalogue),
        )

    def board(self, game_area: str) -> Board:
        """Return a board by id. Raises a 404 that names it."""
        return _find(self.catalogue.boards, game_area)

    def area(self, game_area: str) -> Area:
        """Return an area by id: where a player scores. Raises a 404 that names it."""
        return _find(self.catalogue.areas, game_area)


def _find(offered: Mapping[str, T], game_area: str) -> T:
    try:
        return offered[game_area]
    except KeyError:
        known = listed(offered)
        raise ProblemError(404, f"gameArea: there is no {game_area!r:.100}; there are {known}") from None


def backend_of(request: Request) -> Backend:
    """Return the backend that this request is served by."""
    backend: Backend = request.context["backend"]
    return backend


def caller(request: Request) -> Profile:
    """Return the player whose ID token came with the request, by the name to show until they choose one.

    Raises a 401 without a good token. API Gateway's Cognito authorizer has verified it (the local server does
    the same) and put its claims into the event; but it lets in any token that the user pool
    has signed, of any kind and for any app client.
    """
    authorizer = _authorizer(request)
    claims: dict[str, Any] = authorizer.get("claims") or {}
    if "sub" not in claims:
        raise ProblemError(401, authorizer.get("error") or "Authorization: a Bearer ID token is needed")
    if claims.get("token_use") != "id":
        raise ProblemError(401, "Authorization: token_use: an id token is needed")
    if claims.get("aud") != backend_of(request).deployment.user_pool_client_id:
        raise ProblemError(401, "Authorization: the token is for another app client")
    names = [str(claims.get(name, "")) for name in ("name", "preferred_username")]
    # Of a user who signs in with a provider, the user name is made of the provider's identifier.
    if not claims.get("identities"):
        names.append(str(claims.get("cognito:username", "")))
    return Profile(user_id=claims["sub"], name=default_name(names, claims["sub"]))


def username(request: Request) -> str:
    """Return the caller's name in the user pool, for a request that `caller` has let through."""
    claims: dict[str, Any] = _authorizer(request)["claims"]
    return str(claims.get("cognito:username") or claims["sub"])


def claimed_groups(request: Request) -> frozenset[str]:
    """Return the groups that the caller's token names, for a request that `caller` has let through.

    API Gateway makes one text of a list of claims, and does not say which: "a,b", "a b" and "[a b]" are seen.
    """
    groups = _authorizer(request)["claims"].get("cognito:groups") or ()
    return frozenset(re.split(r"[\s,\[\]]+", groups) if isinstance(groups, str) else groups)


def _authorizer(request: Request) -> dict[str, Any]:
    authorizer: dict[str, Any] = request.resolved_event["requestContext"].get("authorizer") or {}
    return authorizer
