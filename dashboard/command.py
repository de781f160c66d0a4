"""The one command `trl-clinic`: the same command lines as `python -m training`, `-m diagnostics` and `-m dashboard`."""

from __future__ import annotations

import runpy
import sys

MODULES = {
    "start": "training",
    "demo": "training",
    "stop": "training",
    "resume": "training",
    "delete": "training",
    "list": "training",
    "queue": "training",
    "doctor": "training",
    "check": "diagnostics",
    "preflight": "diagnostics",
    "memory": "diagnostics",
    "fix": "diagnostics",
    "explain": "diagnostics",
    "compare": "diagnostics",
    "bisect": "diagnostics",
    "convert": "diagnostics",
    "export": "diagnostics",
    "dashboard": "dashboard",
}


def main() -> None:
    """Run the module that a command belongs to, as `python -m` would. Exits with its exit code; 2 for no such command."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in ("-h", "--help"):
        print(f"usage: trl-clinic {{{','.join(MODULES)}}} ...\n\n{__doc__}")
        sys.exit(0)
    if command not in MODULES:
        print(f"trl-clinic: expected one of {', '.join(MODULES)}; got {command or 'nothing'}.", file=sys.stderr)
        sys.exit(2)
    module = MODULES[command]
    # The dashboard has a command line of its own; the other modules expect the command as their first word.
    sys.argv = [f"trl-clinic {command}", *sys.argv[2:]] if module == "dashboard" else ["trl-clinic", *sys.argv[1:]]
    runpy.run_module(module, run_name="__main__", alter_sys=False)
