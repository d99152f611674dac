"""The rules for passwords, on AWS and on one machine alike; the demo page says them to players.

NIST would have length alone, and a list of the passwords that everybody tries first, with which each new one
is compared (SP 800-63B, https://pages.nist.gov/800-63-4/sp800-63b.html). Cognito has such a list in its Plus
plan only. Without it the kinds of characters have to keep out `1234567890` and `passwordpassword`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class PasswordPolicy:
    """The rules of a user pool for a password: a least length, and characters of these kinds."""

    min_length: int
    require_lowercase: bool
    require_uppercase: bool
    require_digits: bool
    require_symbols: bool


PASSWORDS = PasswordPolicy(
    min_length=10, require_lowercase=True, require_uppercase=True, require_digits=True, require_symbols=True
)
