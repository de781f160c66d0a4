"""`python -m diagnostics`."""

import sys

from diagnostics.starting import start

if __name__ == "__main__":
    sys.exit(start("diagnostics.cli"))
