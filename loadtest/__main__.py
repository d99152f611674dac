"""`python -m loadtest`: let simulated players loose on a backend. `--help` lists the options."""

import sys

from loadtest.run import main

if __name__ == "__main__":
    sys.exit(main())
