"""`python -m loadtest`: let simulated players loose on a backend. `--help` lists the options."""

import argparse
import sys
from collections.abc import Sequence

from loadtest import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a load test and return the exit status; exit with status 2 when an option is wrong."""
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=run.__doc__)
    run.add_arguments(parser)
    return run.run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
