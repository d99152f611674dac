"""Catalogues of the tests: one made from another by a designer's edits."""

from collections.abc import Mapping
from typing import Any

from game.catalogue import Catalogue

Edits = Mapping[str, Mapping[str, Any] | None]
"""Changes of keys by id; None takes the whole entry out."""


def edited(
    catalogue: Catalogue,
    *,
    areas: Edits | None = None,
    boards: Edits | None = None,
    seasons: Edits | None = None,
) -> Catalogue:
    """Return the catalogue after edits of areas, further boards and seasons; what is new begins as empty."""
    # What is not edited stays as it was read: a duration is a text in the file alone.
    file: dict[str, Any] = {
        field.alias or name: getattr(catalogue, name)
        for name, field in type(catalogue).model_fields.items()
        if name in catalogue.model_fields_set
    }
    for table, edits in (("areas", areas or {}), ("boards", boards or {}), ("seasons", seasons or {})):
        entries = dict(file.get(table, {}))
        for name, changes in edits.items():
            if changes is None:
                del entries[name]
                continue
            entry = entries.get(name)
            given: dict[str, Any] = (
                {key: getattr(entry, key) for key in entry.model_fields_set} if entry else {}
            )
            entries[name] = {**given, **changes}
        file[table] = entries
    return Catalogue.model_validate(file)
