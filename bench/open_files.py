"""Thousands of connections in one process need more open files than most shells allow."""

import resource


def raise_limit() -> None:
    """Allow this process as many open files as the system lets it have. Node does so by itself."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
