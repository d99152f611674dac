"""Where the figures are from. The lock files of the same commit have the versions of what was run."""

import os

from loadtest import machine


def describe() -> dict[str, str]:
    """Return the machine's properties by name; a property that cannot be found out is unknown."""
    found = machine.describe()
    return {
        "Processor": found.processor,
        "Cores": str(found.cores),
        "Memory": f"{found.memory / 2**30:.0f} GB" if found.memory else "unknown",
        "System": found.system,
        **found.versions,
    }


def load() -> str:
    """Return how busy the machine is with other things: to be called before anything is run."""
    return f"{os.getloadavg()[0]:.1f} processes running, on average over a minute"
