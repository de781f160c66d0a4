"""Workers for real: trained, killed, stopped, and asked for what cannot be done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diagnostics.engine import diagnose
from diagnostics.run import open_run
from diagnostics.run.status import read_status
from tests.training.control.workers import QUICK, ROOT, start, wait_for_step

pytestmark = pytest.mark.slow


@pytest.fixture
def endless(tmp_path: Path, data: Path, base_checkpoint: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """An SFT run under way that would take an hour."""
    run = tmp_path / "endless"
    config = {
        **QUICK,
        "model_name_or_path": str(base_checkpoint),
        "dataset_name": str(data / "sft"),
        "max_steps": 90000,
    }
    process = start(run, "sft", config)
    wait_for_step(run, 6)
    yield run, process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        status = read_status(run)
        if status.pid:
            os.kill(status.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_worker_leaves_a_whole_run_folder(tmp_path: Path, data: Path, base_checkpoint: Path, method: str) -> None:
    run = tmp_path / method
    config = {
        **QUICK,
        "model_name_or_path": str(base_checkpoint),
        "dataset_name": str(data / method),
        "max_steps": 10,
        "eval_strategy": "steps",
        "eval_steps": 5,
        "sample_prompts": str(data / "few.jsonl"),
        "sample_rewards": ["training.demo.score:score"],
    }
    process = start(run, method, config)
    output, error = process.communicate(timeout=240)
    assert process.returncode == 0, output + error
    found = open_run(run)
    assert found.method == method
    assert (found.status.state, found.status.step, found.status.max_steps, found.status.exit_code) == (
        "finished", 10, 10, 0,
    )  # fmt: skip
    assert found.series["train/loss"].steps.tolist() == list(range(1, 11))
    assert found.series["eval/loss"].steps.tolist() == [5, 10]
    assert list(found.checkpoints) == [5, 10]
    assert list(run.glob("events.out.tfevents.*"))
    assert (run / "trainer_state.json").exists()
    assert not list(run.rglob("*.bin")) or all(path.name == "training_args.bin" for path in run.rglob("*.bin"))
    assert (found.checkpoints[10] / "model.safetensors").exists()
    assert [sample.step for sample in found.samples] == [0] * 8 + [5] * 8 + [10] * 8
    assert {"score"} == set(found.samples[0].rewards)
    assert found.config["learning_rate"] == 1e-3
    assert "'loss'" in (run / "console.log").read_text()
    if method == "dpo":
        assert "train/rewards/accuracies" in found.series


def test_same_seed_gives_the_same_losses(tmp_path: Path, data: Path, base_checkpoint: Path) -> None:
    config = {**QUICK, "model_name_or_path": str(base_checkpoint), "dataset_name": str(data / "sft"), "max_steps": 4}
    processes = {name: start(tmp_path / name, "sft", config) for name in ("one", "two")}
    for process in processes.values():
        process.communicate(timeout=240)
    one, two = (open_run(tmp_path / name).series["train/loss"].values.tolist() for name in processes)
    assert one == two


def test_killed_worker_shows_as_failed_at_once(endless: tuple[Path, subprocess.Popen[str]]) -> None:
    run, process = endless
    worker = read_status(run).pid
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    killed = time.monotonic()
    _, error = process.communicate(timeout=30)
    assert time.monotonic() - killed < 30
    assert process.returncode == 1
    status = read_status(run)
    assert status.state == "failed"
    assert status.exit_code == -9
    assert "SIGKILL" in (status.reason or "")
    assert "SIGKILL" in error
    found = diagnose(open_run(run)).findings
    # Signal 9 without a word of the process is what the kernel does when memory runs out: said, not sworn to.
    assert [one.rule for one in found if one.severity != "info"] == ["out-of-host-memory"]
    assert found[0].explains == ("run-died",)
    assert found[0].confidence < 0.9
    assert found[0].first_step >= 6


def test_everything_killed_shows_as_failed_within_30_seconds(endless: tuple[Path, subprocess.Popen[str]]) -> None:
    """The launcher dies too, as when a machine's memory runs out: nobody is left to write the end."""
    run, process = endless
    worker = read_status(run).pid
    assert worker is not None
    os.kill(process.pid, signal.SIGKILL)
    os.killpg(os.getpgid(worker), signal.SIGKILL)
    killed = time.monotonic()
    while read_status(run).state != "failed" and time.monotonic() - killed < 30:
        time.sleep(0.2)
    status = read_status(run)
    assert status.state == "failed"
    assert status.vanished
    done = subprocess.run(
        [sys.executable, "-m", "diagnostics", "check", str(run), "--format", "json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["status"] == "failed"
    assert report["findings"][0]["rule"] == "run-died"


def test_stopped_worker_saves_and_says_so(endless: tuple[Path, subprocess.Popen[str]]) -> None:
    run, process = endless
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    status = read_status(run)
    assert status.state == "stopped"
    assert max(open_run(run).checkpoints) == status.step
    assert [one.rule for one in diagnose(open_run(run)).findings if one.severity != "info"] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"learning_rte": 1}, "learning_rte: sft has no such argument; did you mean learning_rate"),
        ({"dataset_name": "/nowhere/data"}, "/nowhere/data: there is no such file or folder of data"),
        ({"dataset_train_split": "training"}, "has no split 'training', only"),
        ({"sample_prompts": "/nowhere.jsonl"}, "/nowhere.jsonl: there is no such file"),
        ({"model_name_or_path": None}, "model_name_or_path is missing"),
        ({"eval_strategy": "sometimes"}, "expected one of no, steps, epoch"),
    ],
)
def test_request_that_cannot_be_met_is_one_sentence_and_code_2(
    tmp_path: Path, data: Path, base_checkpoint: Path, change: dict[str, Any], said: str
) -> None:
    run = tmp_path / "run"
    config = {**QUICK, "model_name_or_path": str(base_checkpoint), "dataset_name": str(data / "sft"), "max_steps": 2}
    process = start(run, "sft", {**config, **change})
    _, error = process.communicate(timeout=120)
    assert process.returncode == 2, error
    assert said in error
    assert "Traceback" not in error
    status = read_status(run)
    assert (status.state, status.exit_code) == ("failed", 2)
    assert said in (status.reason or "")
