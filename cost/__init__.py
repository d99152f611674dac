"""The price of a month on AWS, the quotas reached, and how stale a crowd becomes."""
