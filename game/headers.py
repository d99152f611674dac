"""The headers that pages of another origin may send and read, with every server of the API."""

IDEMPOTENCY_KEY = "Idempotency-Key"
"""An action with the same key is done once."""
RETRY_AFTER = "Retry-After"
"""When to come back after a 429 or 503, in seconds."""

REQUEST_HEADERS = ("Content-Type", "Authorization", IDEMPOTENCY_KEY)
"""What a page may send."""
RESPONSE_HEADERS = (RETRY_AFTER,)
"""What a page may read, besides what every page may."""
