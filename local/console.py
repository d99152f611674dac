"""The output of `make run` in the terminal.

A path, a header or an exception may hold what a client sent. A terminal obeys some characters (it can be
cleared, retitled, made to type), so none of them gets there as it is.
"""

import logging
import sys
from types import TracebackType

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
    handler.setFormatter(_Formatter("%(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def say(text: str) -> None:
    """Tell the person at the terminal something that is not a log line."""
    print(escape_lines(text), flush=True)


def complain(text: str) -> None:
    """Tell the person at the terminal what is in the way."""
    print(escape_lines(text), file=sys.stderr, flush=True)


def escape(text: str) -> str:
    """Return the text on one line, with `\\x1b` and the like for all that a terminal does not print.

    These are control characters, line ends, invisible and turning ones (bidirectional marks), and halves of
    surrogate pairs.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def escape_lines(text: str) -> str:
    """Return the text with its line feeds as they are, and all else escaped as by `escape`."""
    return "\n".join(map(escape, text.split("\n")))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Formatter(logging.Formatter):
    """Writes a record on one line, and its traceback on as many as it has."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        return escape(super().formatMessage(record))

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802
        return escape_lines(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802
        return escape_lines(super().formatStack(stack_info))
