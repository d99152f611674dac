"""The one base of every pydantic model that crosses a wire."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


def is_absent(value: object) -> bool:
    """Return whether a field has no value: for `exclude_if`, which then leaves it out of the JSON."""
    return value is None


class Model(BaseModel):
    """Immutable, camelCase in JSON, snake_case in Python, and unknown fields are refused.

    A model's validator is built when it is first used: no process uses all of them.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, frozen=True, extra="forbid", defer_build=True
    )
