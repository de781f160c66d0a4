"""How fast runs are read and judged: one long run against rldoctor, and a folder of a thousand runs."""

from __future__ import annotations

import json
import math
import random
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from diagnostics.engine import diagnose
from diagnostics.run import open_run
from diagnostics.run.folder import RUN_FILE, STATE_FILE
from diagnostics.run.status import STATUS_FILE
from tests.bench.inputs import Rows
from tests.bench.peers import RLDOCTOR, environment, last_line
from tests.conftest import event

ROOT = Path(__file__).parents[2]
ROUNDS = 5
LONG_RUN = {"steps": 5000, "tags": 60}
MANY_RUNS = {"runs": 1000, "steps": 200, "tags": 20}
PROCESSES = 2

# A fresh process each, the modules imported before the clock starts, the file read once before so that the disk is warm.
OURS = """
import json, sys, time
from pathlib import Path
import diagnostics.run.events
from diagnostics.engine import diagnose
from diagnostics.run import open_run
path = Path(sys.argv[1])
clock = [time.perf_counter()]
run = open_run(path); clock.append(time.perf_counter())
diagnose(run); clock.append(time.perf_counter())
print(json.dumps([clock[1] - clock[0], clock[2] - clock[1]]))
"""
THEIRS = """
import json, sys, time
import tbparse
from rl_doctor import diagnose, load_run
clock = [time.perf_counter()]
run = load_run(sys.argv[1]); clock.append(time.perf_counter())
diagnose(run); clock.append(time.perf_counter())
print(json.dumps([clock[1] - clock[0], clock[2] - clock[1]]))
"""


# Tags as TRL's GRPO trainer logs them: start, end, noise. More are made up by `made_rows` under `profiling/`.
CURVES: dict[str, tuple[float, float, float]] = {
    "loss": (0.02, 0.01, 0.005),
    "grad_norm": (0.9, 0.6, 0.08),
    "learning_rate": (1e-6, 1e-7, 0.0),
    "reward": (0.3, 0.8, 0.04),
    "reward_std": (0.4, 0.25, 0.03),
    "frac_reward_zero_std": (0.1, 0.25, 0.05),
    "kl": (0.001, 0.08, 0.004),
    "entropy": (1.2, 0.8, 0.04),
    "completions/mean_length": (180.0, 210.0, 6.0),
    "completions/min_length": (40.0, 45.0, 6.0),
    "completions/max_length": (250.0, 255.0, 2.0),
    "completions/clipped_ratio": (0.04, 0.02, 0.004),
    "clip_ratio/low_mean": (0.004, 0.005, 0.001),
    "clip_ratio/high_mean": (0.006, 0.007, 0.001),
    "clip_ratio/region_mean": (0.01, 0.012, 0.002),
    "rewards/format/mean": (0.4, 0.95, 0.03),
    "rewards/format/std": (0.4, 0.1, 0.03),
    "rewards/correct/mean": (0.2, 0.65, 0.05),
    "rewards/correct/std": (0.4, 0.45, 0.03),
    "step_time": (8.0, 8.5, 0.3),
}


def made_rows(steps: int, tags: int, seed: int = 0) -> Rows:
    """Log rows of a made GRPO run that goes well, with as many tags as asked for."""
    rng = random.Random(seed)
    more = {f"profiling/part_{place}": (0.5, 0.5, 0.05) for place in range(len(CURVES), tags)}
    curves = list((CURVES | more).items())[:tags]
    rows: Rows = []
    for step in range(1, steps + 1):
        done = 1 - math.exp(-3 * step / steps)
        row: dict[str, Any] = {"step": step, "epoch": step / steps}
        row |= {tag: start + (end - start) * done + rng.gauss(0, 1) * noise for tag, (start, end, noise) in curves}
        rows.append(row)
    return rows


def write_state(rows: Rows, folder: Path) -> Path:
    """Rows as the Trainer leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / STATE_FILE
    path.write_text(
        json.dumps({"global_step": len(rows), "max_steps": len(rows), "log_history": rows}), encoding="utf-8"
    )
    return path


def write_events(rows: Rows, folder: Path) -> Path:
    """Rows as a SummaryWriter leaves them: a record for each scalar."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "events.out.tfevents.1700000000.host.1.0").open("wb") as file:
        for row in rows:
            for key, value in row.items():
                if key != "step":
                    file.write(event(f"train/{key}", row["step"], value, 1.7e9 + row["step"]))
    return folder


def write_many(folder: Path) -> Path:
    """A folder of small runs, each with what our own worker leaves but for weights and samples."""
    for place in range(MANY_RUNS["runs"]):
        run = folder / f"run-{place:04}"
        write_state(made_rows(MANY_RUNS["steps"], MANY_RUNS["tags"], place), run)
        (run / RUN_FILE).write_text(json.dumps({"method": "grpo", "config": {"learning_rate": 1e-6}}), encoding="utf-8")
        status = {"state": "finished", "step": MANY_RUNS["steps"], "max_steps": MANY_RUNS["steps"]}
        (run / STATUS_FILE).write_text(json.dumps(status), encoding="utf-8")
    return folder


def seconds_of(python: Path, code: str, path: Path) -> tuple[float, float]:
    """Seconds to read and to judge a run, in a process of its own."""
    done = subprocess.run([str(python), "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(last_line(done.stderr))
    read, judged = json.loads(done.stdout.splitlines()[-1])
    return read, judged


def bench_long(scratch: Path, cache: Path, with_peer: bool) -> dict[str, Any]:
    """One long run in both forms: median seconds to read and to judge, ours and rldoctor's, measured in turn."""
    rows = made_rows(LONG_RUN["steps"], LONG_RUN["tags"])
    forms = {
        STATE_FILE: write_state(rows, scratch / "long"),
        "event folder": write_events(rows, scratch / "long-events"),
    }
    found: dict[str, Any] = {}
    for form, path in forms.items():
        tools = {"ours": (Path(sys.executable), OURS)}
        if with_peer:
            tools["rldoctor"] = (environment(RLDOCTOR, cache) / "bin" / "python", THEIRS)
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
        for _ in range(ROUNDS):
            for name, (python, code) in tools.items():
                rounds[name].append(seconds_of(python, code, path))
        found[form] = {
            name: {
                "read": statistics.median(one[0] for one in took),
                "judge": statistics.median(one[1] for one in took),
            }
            for name, took in rounds.items()
        }
    return found


def judge_one(folder: Path) -> int:
    """Judge one run; the number of its findings."""
    return len(diagnose(open_run(folder)).findings)


def bench_many(scratch: Path) -> dict[str, Any]:
    """A folder of many runs, once: `check FOLDER` where it takes a folder of runs, else a loop of two processes."""
    folder = write_many(scratch / "many")
    command = [sys.executable, "-m", "diagnostics", "check", str(folder), "--format", "json"]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    took = time.perf_counter() - started
    if done.returncode in (0, 1) and done.stdout.startswith("{"):  # a crash ends with 1 too, but prints no object
        return {"by": "python -m diagnostics check FOLDER", "seconds": took}
    started = time.perf_counter()
    with ProcessPoolExecutor(PROCESSES) as pool:
        list(pool.map(judge_one, sorted(folder.iterdir()), chunksize=8))
    return {"by": f"open_run + diagnose in {PROCESSES} processes", "seconds": time.perf_counter() - started}
