"""Settings: the environment of a Lambda function as one typed model.

In a few lines of our own, because what pydantic-settings imports for files, secrets and command lines that no
function has would be a twelfth of a cold start.
"""

import os
from typing import Self

from pydantic import BaseModel, ConfigDict

_PREFIX = "PODIUM_"


class Settings(BaseModel):
    """Each field is the environment variable `PODIUM_<FIELD>`; other variables are passed over."""

    model_config = ConfigDict(
        alias_generator=lambda field: f"{_PREFIX}{field.upper()}",
        validate_by_name=True,
        extra="ignore",
        frozen=True,
    )

    @classmethod
    def read(cls) -> Self:
        """Return this process's settings. Raises ValidationError, which names each variable that is wrong."""
        ours = {name: value for name, value in os.environ.items() if name.startswith(_PREFIX)}
        return cls.model_validate(ours)
