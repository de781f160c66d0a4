"""The environment of a process that works with models."""

from __future__ import annotations

import os

from diagnostics.package import python_path


def worker_environment(**more: str) -> dict[str, str]:
    """The environment of a worker: it finds this package, and waiting threads leave the cores to others."""
    return {
        **os.environ,
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": python_path(os.environ),
        **more,
    }
