"""`python -m loadtest run` and `python -m loadtest cost`. A command's own options: `… run --help`."""

import argparse
import importlib
import sys
from collections.abc import Sequence

# Each is a module of this package with `add_arguments(parser)` and `run(arguments) -> int`, the exit status.
COMMANDS = {
    "run": "simulate players against a backend, and check what it promises",
    "cost": "price a month on AWS",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status. Ends the process with status 2 when the options are wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtest",
        description=__doc__,
        epilog="\n".join(f"{name:6}{what}" for name, what in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("options", nargs=argparse.REMAINDER)
    chosen = parser.parse_args(arguments)
    # Only now: to run needs no plots of costs, and to price needs no sockets.
    command = importlib.import_module(f"loadtest.{chosen.command}")
    options = argparse.ArgumentParser(
        prog=f"python -m loadtest {chosen.command}", description=command.__doc__
    )
    command.add_arguments(options)
    status: int = command.run(options.parse_args(chosen.options))
    return status


if __name__ == "__main__":
    sys.exit(main())
