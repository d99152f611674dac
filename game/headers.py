"""The headers that pages of another origin may send and read, with every server of the API."""

IDEMPOTENCY_KEY = "Idempotency-Key"
"""An action with the same key is done once."""
RETRY_AFTER = "Retry-After"
"""When to come back after a 429 or 503, in seconds."""

REQUEST_HEADERS = ("Content-Type", "Authorization", IDEMPOTENCY_KEY)
"""Headers that a page may send."""
RESPONSE_HEADERS = (RETRY_AFTER,)
"""Headers that a page may read, besides those that every page may."""
PREFLIGHT_SECONDS = 3600
"""How long a browser keeps the answer to its question whether a page may send these."""
