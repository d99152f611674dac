"""Schemas of the API's description as API Gateway takes them: JSON Schema draft 4, with no references."""

from collections.abc import Mapping
from typing import Any

# What API Gateway's models have no use for, or know otherwise.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
_DROPPED = {"title", "description", "default", "examples"}


def draft4(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a schema of OpenAPI 3.1 (JSON Schema 2020-12) as draft 4, with every reference put in its place.

    A definition that refers to itself accepts anything from there on.
    """
    return _convert(schema, definitions, ())


def _convert(schema: Any, definitions: Mapping[str, Any], within: tuple[str, ...]) -> Any:
    if isinstance(schema, list):
        return [_convert(item, definitions, within) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return {} if name in within else _convert(definitions[name], definitions, (*within, name))
    converted: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            converted[key] = {name: _convert(one, definitions, within) for name, one in value.items()}
        elif key == "const":
            converted["enum"] = [value]
        elif key in ("exclusiveMinimum", "exclusiveMaximum"):
            converted[key] = True
            converted[key.removeprefix("exclusive").lower()] = value
        elif key not in _DROPPED:
            converted[key] = _convert(value, definitions, within)
    return converted
