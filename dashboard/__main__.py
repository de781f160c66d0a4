"""`python -m dashboard`."""

import sys

from diagnostics.starting import start

if __name__ == "__main__":
    sys.exit(start("dashboard.cli"))
