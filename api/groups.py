"""Routes that are for members of a group: operators, and the studio's own servers.

The token has to name the group, and the user pool has to agree: a token is good for an hour, and a user who
was taken out of a group is out within a minute.
"""

import time
from collections.abc import Callable, Collection

from aws_lambda_powertools.event_handler import Request

from api.backend import IsMember, backend_of, caller, claimed_groups, username
from api.problems import ProblemError
from game.wording import listed
from store import players
from store.profiles import Profile

REMEMBERED_SECONDS = 60
"""How long a function relies on what the user pool said of a member: its quota is for sign-ins, too."""
_REMEMBERED = 1000


class Memberships:
    """Asks the user pool, and remembers for a minute who is in a group.

    `now_s` gives seconds since the epoch: the other clocks of a frozen Lambda container may stand still.
    """

    def __init__(self, is_member: IsMember, now_s: Callable[[], float] = time.time) -> None:
        self._is_member = is_member
        self._now_s = now_s
        self._until: dict[tuple[str, str, str], float] = {}

    async def __call__(self, username: str, user_id: str, group: str) -> bool:
        """Return whether the user of this name has this `sub`, and is in a group."""
        asked = (username, user_id, group)
        if self._until.get(asked, 0) > self._now_s():
            return True
        self._until.pop(asked, None)
        if not await self._is_member(username, user_id, group):
            return False
        if len(self._until) >= _REMEMBERED:
            self._until.clear()
        self._until[asked] = self._now_s() + REMEMBERED_SECONDS
        return True


async def member(request: Request, groups: Collection[str]) -> Profile:
    """Return the caller, who is in one of these groups.

    Raises a 401, a 403 `forbidden`, DeletedError, and UsersUnavailableError where the pool does not answer.
    """
    user, backend = caller(request), backend_of(request)
    await players.require_alive(backend.db, user.user_id)
    for group in groups:
        if group not in claimed_groups(request):
            continue
        if await backend.is_member(username(request), user.user_id, group):
            return user
    raise ProblemError(403, f"this is for members of {listed(groups)}", code="forbidden")
