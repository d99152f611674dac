"""`python -m bench`: ours beside what people would use instead. Figures on standard output, tables on error.

    python -m bench                  all of them; writes docs/benchmarks.md when all gave their figures
    python -m bench --only push      one of them (the option may be repeated); writes nothing
    python -m bench --write          writes the page whatever ran

Every figure is one JSON line: `{"bench","case","ours","peer","peer_name","ratio","unit"}`. A benchmark that
fails is named, the others still run, and the exit status is 1.
"""

import argparse
import asyncio
import importlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from rich.markdown import Markdown

from bench import machine, report
from bench.figure import Figure
from bench.report import console
from bench.rounds import Scale
from bench.sections import SECTIONS

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

LIMIT_SECONDS = 300
"""No benchmark runs for longer; one that would has failed."""


Benchmark = Callable[[Scale], Awaitable[list[Figure]]]


def find(name: str) -> Benchmark:
    """Return a benchmark, imported only now: what one of them needs, the others may lack."""
    benchmark: Benchmark = importlib.import_module(f"bench.{name}").run
    return benchmark


async def run_all(names: Sequence[str], scale: Scale) -> dict[str, list[Figure] | None]:
    """Run the benchmarks in turn and print their figures; None stands for one that failed."""
    outcomes: dict[str, list[Figure] | None] = {}
    for name in names:
        console.rule(name)
        started = time.monotonic()
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                figures = await find(name)(scale)
        except Exception:  # noqa: BLE001 -- whatever it is, it is shown, and the others still run
            console.print_exception()
            outcomes[name] = None
            continue
        for figure in figures:
            print(figure.to_json(), flush=True)
        console.print(Markdown(report.to_section(name, figures)))
        console.print(f"{time.monotonic() - started:.0f} seconds.")
        outcomes[name] = figures
    return outcomes


def main(arguments: Sequence[str] | None = None, page: Path = PAGE) -> int:
    """Run what is asked for, and write the page if it is due; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=SECTIONS, help="run this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved runs of each contestant")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything works")
    parser.add_argument("--write", action="store_true", help="write the page whatever ran")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds: must be at least 1")
    load = machine.load()
    scale = Scale(rounds=options.rounds, quick=options.quick)
    outcomes = uvloop.run(_until_signal(options.only or list(SECTIONS), scale))
    failed = [name for name, figures in outcomes.items() if figures is None]
    if options.write or not (options.only or options.quick or failed):
        page.write_text(
            report.to_markdown(
                outcomes,
                machine.describe() | {"Load before": load},
                command="make bench" + "".join(f" only={name}" for name in options.only or ()),
                date=datetime.now(UTC).date().isoformat(),
                rounds=scale.rounds,
            )
        )
        console.print(f"Written: {page}")
    if failed:
        console.print(f"[red]Failed: {', '.join(failed)}")
    return 1 if failed else 0


async def _until_signal(names: Sequence[str], scale: Scale) -> dict[str, list[Figure] | None]:
    """End at SIGTERM as at Ctrl-C: by cancellation, so that every benchmark stops what it started."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run_all(names, scale)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit("Stopped.")
