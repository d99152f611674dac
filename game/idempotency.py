"""How long a request may be repeated: what the server remembers, and what a client may still send."""

KEPT_SECONDS = 24 * 60 * 60
"""How long the server knows a request's key. After that the key is new, and the request acts again."""
OFFLINE_SECONDS = 20 * 60 * 60
"""How long a client keeps a score that it could not send.

Less than `KEPT_SECONDS`, by enough for a clock that is put right meanwhile: the answer to the first try may
have been lost, and then the key makes the last try the same score.
"""
