"""Runs scripts one after the other in one process, each as its own main, and prints what each came to, as JSON."""

from __future__ import annotations

import json
import runpy
import sys
import traceback
from pathlib import Path


def main(paths: list[str]) -> None:
    """Run the scripts."""
    from accelerate.state import AcceleratorState, GradientState, PartialState

    results = {}
    for path in paths:
        for state in (AcceleratorState, GradientState, PartialState):
            state._reset_state()
        try:
            runpy.run_path(path, run_name="__main__")
            results[Path(path).stem] = ""
        except Exception:
            results[Path(path).stem] = traceback.format_exc()[-1500:]
    print("\n" + json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1:])
