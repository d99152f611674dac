"""Where progress and tables go: standard error, for standard output has the figures and nothing else."""

from rich.console import Console

console = Console(stderr=True)
