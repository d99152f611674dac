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
    file = catalogue.model_dump(by_alias=True, exclude_unset=True)
    for table, edits in (("areas", areas or {}), ("boards", boards or {}), ("seasons", seasons or {})):
        entries = file.setdefault(table, {})
        for name, changes in edits.items():
            if changes is None:
                del entries[name]
            else:
                entries[name] = entries.get(name, {}) | changes
    return Catalogue.model_validate(file)
