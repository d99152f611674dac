"""The environment of this process, read into a function's model of `game.environment`.

In a few lines of our own, because what pydantic-settings imports for files, secrets and command lines that no
function has would be a twelfth of a cold start.
"""

import os
from typing import TypeVar

from game.environment import PREFIX, Environment

E = TypeVar("E", bound=Environment)


def read(kind: type[E]) -> E:
    """Return the environment that a function's model describes; other variables are passed over.

    Raises ValidationError, which names each variable that is missing or wrong.
    """
    names = {f"{PREFIX}{field.upper()}" for field in kind.model_fields}
    return kind.model_validate({name: value for name, value in os.environ.items() if name in names})
