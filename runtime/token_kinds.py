"""What there is to say of tokens without the libraries that verify them: most invocations need no more."""

ID_TOKEN = frozenset({"id"})
"""The `token_use` of what REST takes."""


class TokenError(Exception):
    """The token is not good; the message says why, and holds nothing of the token."""


class KeySetError(Exception):
    """The key cannot be read, so the token cannot be judged."""
