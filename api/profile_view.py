"""A player's profile as the player sees it."""

from game.model import Model
from store.profiles import Profile


class ProfileView(Model):
    """The caller as others see them, and the portraits to choose from. Times in epoch milliseconds.

    `portraitProblem` says why the last picture uploaded could not be used.
    """

    user_id: str
    name: str
    avatar: str | None
    portraits: tuple[str, ...]
    portrait_problem: str | None
    created_at: int | None
    updated_at: int | None


def show(profile: Profile) -> ProfileView:
    """Return a profile as its player sees it."""
    return ProfileView(
        user_id=profile.user_id,
        name=profile.name,
        avatar=profile.avatar,
        portraits=profile.portraits,
        portrait_problem=profile.problem,
        created_at=profile.created_at or None,
        updated_at=profile.updated_at or None,
    )
