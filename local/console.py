"""What `make run` says in the terminal."""

import logging
import sys

from rich.console import Console
from rich.highlighter import NullHighlighter
from rich.logging import RichHandler

# Theirs is of interest only when something is wrong.
_QUIET = ("aiobotocore", "aiohttp", "asyncio", "botocore", "uvicorn", "websockets")


def set_up_logging(level: int = logging.INFO) -> None:
    """Log to the terminal, a line an event: time, level, logger, message."""
    handler = RichHandler(
        console=Console(stderr=True),
        highlighter=NullHighlighter(),
        show_path=False,
        log_time_format="%H:%M:%S",
        omit_repeated_times=False,
    )
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def say(text: str) -> None:
    """Tell the person at the terminal something that is not a log line."""
    print(text, flush=True)


def complain(text: str) -> None:
    """Tell the person at the terminal what is in the way."""
    print(text, file=sys.stderr, flush=True)
