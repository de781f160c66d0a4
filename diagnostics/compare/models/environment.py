"""The environment of a process that works with models."""

from __future__ import annotations

import os
from pathlib import Path


def worker_environment(**more: str) -> dict[str, str]:
    """The environment of a worker: it finds this package, and waiting threads leave the cores to others."""
    package_root = str(Path(__file__).resolve().parents[3])
    return {
        **os.environ,
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH")))),
        **more,
    }
