"""`python -m bench`: ours beside what people would use instead. Figures on standard output, tables on error.

    python -m bench                  all seven; writes docs/benchmarks.md when all of them gave their figures
    python -m bench --only push      one of them (the option may be repeated); writes nothing
    python -m bench --write          writes the page whatever ran

Every figure is one JSON line: `{"bench","case","ours","peer","peer_name","ratio","unit"}`.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.benchmarks import MODULES, find
from bench.console import console
from bench.figure import Figure
from bench.scale import Scale

LIMIT_SECONDS = 240
"""No benchmark runs for longer; one that would has failed."""


async def run_all(names: Sequence[str], scale: Scale) -> dict[str, list[Figure] | None]:
    """Run the benchmarks in turn and print their figures; None stands for one that failed."""
    outcomes: dict[str, list[Figure] | None] = {}
    for name in names:
        console.rule(name)
        started = time.monotonic()
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                figures = await find(name)(scale)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the others still run
            console.print_exception()
            console.print(f"[red]{name} failed: {error}")
            outcomes[name] = None
            continue
        for figure in figures:
            print(figure.to_json(), flush=True)
        console.print(f"{name} took {time.monotonic() - started:.0f} s")
        outcomes[name] = figures
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for; the exit status is 1 when a benchmark failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=MODULES, help="run this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved runs of each contestant")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything works")
    options = parser.parse_args(arguments)
    scale = Scale(rounds=options.rounds, quick=options.quick)
    outcomes = uvloop.run(_until_signal(options.only or list(MODULES), scale))
    return 1 if None in outcomes.values() else 0


async def _until_signal(names: Sequence[str], scale: Scale) -> dict[str, list[Figure] | None]:
    """SIGTERM ends it as Ctrl-C does: by cancellation, so that every benchmark stops what it started."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run_all(names, scale)


PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

if __name__ == "__main__":
    sys.exit(main())
