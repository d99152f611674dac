"""The time that tests on the emulator give their rows: it deletes what has expired by the real clock."""

from store.runtime import now

NOW = now()
"""Milliseconds since the epoch, when the tests began. Rows of a time in the past vanish under a test."""
