"""Guests: who is one, and whether a sign-up may make one.

A guest is a player whose user name is of this form and who has no e-mail address. The user pool says whether
there is an address: a name does not change when its guest becomes more, so a token cannot tell.
"""

import re
from collections.abc import Mapping
from typing import Any

GUEST_NAME = r"^guest-[a-z0-9-]{8,60}$"
"""The user names of guests: a regular expression of Python and of JavaScript."""

_GUEST_NAME = re.compile(GUEST_NAME)


def has_guest_name(username: str) -> bool:
    """Return whether a user name is a guest's, exactly: no other case, and no letters that look alike."""
    # Python's `$` also matches before a last line break.
    return _GUEST_NAME.fullmatch(username) is not None


GUESTS_BUSY = "guests_busy"
"""The code of a refusal: more new guests come than the stage takes in a minute; later there may be one."""
GUESTS_OFF = "guests_off"
"""The code of a refusal: the stage takes no guests."""


class GuestRefusedError(Exception):
    """A sign-up that makes no guest; the message is the code alone, which Cognito passes on to the client."""


def asks_for_guest(event: Mapping[str, Any]) -> bool:
    """Return whether an event of the user pool's pre-sign-up trigger is a player who wants to be a new guest.

    Players of Google's, and those whom an administrator makes, do not count, whatever they are called. A
    guest's name with an e-mail address is a sign-up like any other: the address is verified first.
    https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-sign-up.html
    """
    if event["triggerSource"] != "PreSignUp_SignUp" or not has_guest_name(event["userName"]):
        return False
    return not event["request"]["userAttributes"].get("email")


def confirm(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trigger's answer that confirms the new player, who can sign in at once."""
    return {**event, "response": {**event["response"], "autoConfirmUser": True}}
