"""Errors that a person at the terminal can mend."""


class LoadTestError(Exception):
    """The load test cannot be carried out as asked; the message is a sentence or more that says why."""
