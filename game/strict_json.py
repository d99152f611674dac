"""JSON as clients send it: each member of an object once, and numbers that are numbers.

Parsers differ in which of two members of one name they take, so a text that has both means one thing to the
check in front and another to what comes behind. https://www.rfc-editor.org/rfc/rfc8259#section-4
"""

import json
from typing import Any


class RepeatedMemberError(ValueError):
    """An object has two members of one name, `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the member {name!r:.100} comes more than once in one object: send it once")
        self.name = name


def parse(text: str) -> Any:
    """Return what the JSON text holds. Raises ValueError; RepeatedMemberError is one."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("arrays and objects are nested too deeply") from error


def ordered(value: Any) -> Any:
    """Return parsed JSON in the one form that all texts of the same meaning have, for comparing their dumps.

    The members of an object are unordered, so they are sorted, at every depth; a whole number is an int.
    https://www.rfc-editor.org/rfc/rfc8259#section-1
    """
    if isinstance(value, dict):
        return {name: ordered(value[name]) for name in sorted(value)}
    if isinstance(value, list | tuple):
        return [ordered(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def depth(value: Any) -> int:
    """Return how many arrays and objects are within one another."""
    deepest, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list | tuple)]:
        deepest += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return deepest


def check_members(text: str) -> None:
    """Raise RepeatedMemberError for a member that comes twice.

    For a model that parses the text itself, and says better what is wrong with one that is no JSON.
    """
    try:
        parse(text)
    except RepeatedMemberError:
        raise
    except ValueError:
        return


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        seen: set[str] = set()
        for name, _ in members:
            if name in seen:
                raise RepeatedMemberError(name)
            seen.add(name)
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
