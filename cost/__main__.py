"""`python -m cost`: price a month on AWS. `--help` lists the options."""

import argparse
import sys
from collections.abc import Sequence

from cost import command


def main(arguments: Sequence[str] | None = None) -> int:
    """Price a month and return the exit status; exit with status 2 when an option is wrong."""
    parser = argparse.ArgumentParser(prog="python -m cost", description=command.__doc__)
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
