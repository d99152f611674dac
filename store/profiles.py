"""`UserProfiles`: how a player is shown to others."""

from typing import Any

from store.database import Row, from_item


class Profile(Row):
    """A player's display name and portrait (an object key, or None)."""

    user_id: str
    name: str
    avatar: str | None = None


def parse(item: dict[str, Any] | None) -> Profile | None:
    """The row behind a DynamoDB item."""
    return Profile.model_validate(from_item(item)) if item else None
