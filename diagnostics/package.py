"""Where these packages lie, for the processes that are to find them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def python_path(environment: Mapping[str, str]) -> str:
    """The PYTHONPATH of a process started from here: this checkout first, then what the environment names."""
    return os.pathsep.join(filter(None, (str(ROOT), environment.get("PYTHONPATH"))))
