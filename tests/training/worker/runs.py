"""Tiny runs for the tests of the worker's parts: the kept base model, few rows, few steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
QUICK = {"per_device_train_batch_size": 4, "logging_steps": 1, "learning_rate": 1e-4, "save_strategy": "no", "seed": 0}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def train(run: Path, method: str, config: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """One run by the command line, to its end."""
    settings = [f"{key}={json.dumps(value)}" for key, value in {**QUICK, **config}.items()]
    return subprocess.run(
        [sys.executable, "-m", "training", "start", "--method", method, "--run", str(run), "--set", *settings],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
