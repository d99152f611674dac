"""Makes portraits of files under limits, in a process of its own, and prints what each took.

    python -m tests.unit.cv.measure file…

A line of JSON a file: `outcome` ("face", "no face" or the reason of the refusal), `seconds` of processor
time, and the process's largest resident `megabytes` while at it.
"""

import json
import resource
import sys
import time
from pathlib import Path

from cv.portrait import Models, PictureError, make_portrait

ADDRESS_SPACE = 6 << 30
"""Bytes: a net for what the measured memory would miss."""
PROCESSOR_SECONDS = 300


def main(paths: list[Path]) -> None:
    """One line a file."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    with Models() as models:
        for path in paths:
            picture = path.read_bytes()
            # "5" resets the peak of the resident set: proc(5).
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            start = time.process_time()
            outcome = attempt(picture, models)
            seconds = time.process_time() - start
            print(json.dumps({"outcome": outcome, "seconds": seconds, "megabytes": peak()}), flush=True)  # noqa: T201


def attempt(picture: bytes, models: Models) -> str:
    """Return the outcome of one file."""
    try:
        portrait = make_portrait(picture, background="blur", models=models)
    except PictureError as error:
        return error.reason
    return "face" if portrait.face else "no face"


def peak() -> float:
    """Megabytes of the resident set at its largest since the last reset."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
