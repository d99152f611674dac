"""The headers that pages of another origin may send and read, with every server of the API."""

REQUEST_HEADERS = ("Content-Type", "Authorization", "Idempotency-Key")
"""What a page may send."""
RESPONSE_HEADERS = ("Retry-After",)
"""What a page may read, besides what every page may: when to come back after a 429 or 503, in seconds."""
