"""Workers started for real, on the demo's data and its kept base model: what the tests of control share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from diagnostics.run.status import read_status

ROOT = Path(__file__).parents[3]
QUICK = {
    "per_device_train_batch_size": 4,
    "max_length": 128,
    "logging_steps": 1,
    "learning_rate": 1e-3,
    "save_steps": 5,
    "seed": 0,
}


def training(*words: str) -> list[str]:
    return [sys.executable, "-m", "training", *words]


def command(run: Path, method: str, config: dict[str, Any], *options: str) -> list[str]:
    settings = [f"{key}={json.dumps(value)}" for key, value in config.items()]
    return training("start", "--method", method, "--run", str(run), *options, "--set", *settings)


def begin(words: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def start(run: Path, method: str, config: dict[str, Any], *options: str, **environment: str) -> subprocess.Popen[str]:
    return begin(command(run, method, config, *options), **environment)


def finish(words: list[str], expected: int = 0, **environment: str) -> str:
    """Run a command to its end; what it said on both outputs."""
    process = begin(words, **environment)
    output, error = process.communicate(timeout=240)
    assert process.returncode == expected, output + error
    return output + error


def wait_for_step(run: Path, step: int, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = read_status(run)
        if status.step >= step:
            return
        assert status.state in ("unknown", "starting", "running"), status
        time.sleep(0.1)
    raise AssertionError(f"step {step} was not reached: {read_status(run)}")
