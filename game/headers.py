"""The headers that pages of another origin may send and read, with every server of the API."""

IDEMPOTENCY_KEY = "Idempotency-Key"
"""An action with the same key is done once."""
RETRY_AFTER = "Retry-After"
"""When to come back after a 429 or 503, in seconds."""
IF_NONE_MATCH = "If-None-Match"
"""The ETags that a client holds of an answer: it wants no other copy of these."""
ETAG = "ETag"
"""The name of the state that an answer shows."""

REQUEST_HEADERS = ("Content-Type", "Authorization", IDEMPOTENCY_KEY, IF_NONE_MATCH)
"""Headers that a page may send."""
RESPONSE_HEADERS = (RETRY_AFTER, ETAG)
"""Headers that a page may read, besides those that every page may."""
PREFLIGHT_SECONDS = 3600
"""How long a browser keeps the answer to its question whether a page may send these."""
