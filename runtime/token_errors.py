"""The errors of a look at a token, without the libraries that look: most invocations need these alone."""


class TokenError(Exception):
    """The token is not good; the message says why, and holds nothing of the token."""


class KeySetError(Exception):
    """The key cannot be read, so the token cannot be judged."""
