"""`python -m cost`: price a month on AWS. `--help` lists the options."""

import sys

from cost.command import main

if __name__ == "__main__":
    sys.exit(main())
