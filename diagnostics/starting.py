"""Starts a command line; where its packages are not installed, one sentence says what to do instead of a traceback."""

from __future__ import annotations

import importlib
import importlib.util
import sys

BAD_INPUT = 2
OURS = ("dashboard", "diagnostics", "training")


def start(module: str) -> int:
    """Run `main` of a module, and return its exit code; 2 where this Python lacks a package that is needed."""
    try:
        code: int = importlib.import_module(module).main()
        return code
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if not name or name in OURS or importlib.util.find_spec(name) is not None:
            raise  # not a matter of what is installed
        print(lacking(name), file=sys.stderr)
        return BAD_INPUT


def lacking(name: str) -> str:
    """That a package is not there, and the commands that mend it."""
    return (
        f"the package {name} is not installed for this Python ({sys.executable}): `make demo` and `make test` set up .venv, "
        "and `. .venv/bin/activate` makes it this shell's; or install the packages by `pip install .`."
    )
