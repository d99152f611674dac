"""Display names."""

import unicodedata
from collections.abc import Iterable

NAME_MIN = 3
NAME_MAX = 24
"""A display name's length in code points, after trimming."""


# The one invisible character that a name may need: it joins emoji.
_JOINER = "\u200d"


class DisplayNameError(ValueError):
    """The text cannot be a display name; the message says why."""


def clean_name(text: str) -> str:
    """The display name that a player asked for: trimmed, runs of white space made one space.

    Raises DisplayNameError where it is not 3 to 24 characters long, or holds one that no screen can show.
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not NAME_MIN <= len(name) <= NAME_MAX:
        raise DisplayNameError(f"a name has {NAME_MIN} to {NAME_MAX} characters, not {len(name)}")
    if any(unicodedata.category(character).startswith("C") and character != _JOINER for character in name):
        raise DisplayNameError("a name holds no control characters")
    if not any(unicodedata.category(character)[0] in "LMNPS" for character in name):
        raise DisplayNameError("a name holds at least one character that can be seen")
    return name


def default_name(candidates: Iterable[str], user_id: str) -> str:
    """The name shown for a player who has not chosen one: the first candidate that will do, cut to length."""
    for candidate in candidates:
        # Some sign in with their e-mail address, which is nobody's business.
        if "@" in candidate:
            continue
        try:
            return clean_name(candidate.strip()[:NAME_MAX])
        except DisplayNameError:
            continue
    return f"Player {user_id[:8]}"
