"""The time that tests on the emulator give their rows: it deletes what has expired by the real clock."""

from runtime.clock import now_ms

NOW = now_ms()
"""Milliseconds since the epoch, when the tests began. Rows of a time in the past vanish under a test."""
