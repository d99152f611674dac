"""How players sign in: the settings of the laptop's user pool that the deployed one has too."""

from typing import Any

SIGN_IN: dict[str, Any] = {
    "AliasAttributes": ["email"],
    "AutoVerifiedAttributes": ["email"],
    "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    "UsernameConfiguration": {"CaseSensitive": False},
}
"""Of CreateUserPool: names in any case; a confirmed address stands for the name until the next one is."""
