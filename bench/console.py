"""Where progress and tables go: standard error, for standard output has the figures and nothing else."""

import sys

from rich.console import Console

console = Console(stderr=True, width=None if sys.stderr.isatty() else 120)
