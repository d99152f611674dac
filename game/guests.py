"""Guests: who is one.

A guest is a player whose user name is of this form and who has no e-mail address. The user pool says whether
there is an address: a name does not change when its guest becomes more, so a token cannot tell.
"""

import re

GUEST_NAME = r"^guest-[a-z0-9-]{8,60}$"
"""The user names of guests: a regular expression of Python and of JavaScript."""

_GUEST_NAME = re.compile(GUEST_NAME)


def has_guest_name(username: str) -> bool:
    """Return whether a user name is a guest's, exactly: no other case, and no letters that look alike."""
    # Python's `$` also matches before a last line break.
    return _GUEST_NAME.fullmatch(username) is not None
