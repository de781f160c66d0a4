"""Every method in one process and in two: one run folder, one set of events; for SFT, DPO and PPO the same curve."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnostics.engine import diagnose
from diagnostics.run import Run, open_run
from diagnostics.run.status import process_alive, read_status
from tests.training.control.workers import QUICK, finish, start, training, wait_for_step
from training.control.runs import checkpoints

pytestmark = pytest.mark.slow
STEPS = 4
# Answers of 8 tokens, two to a prompt, judged by their length.
ONLINE = {"reward_funcs": ["tests.training.control.rewards:length"], "max_completion_length": 8, "num_generations": 2}
# A rollout each step; its draws depend on the seed and the row alone, so that even what is generated is the same.
ROLLOUTS = {**ONLINE, "num_ppo_epochs": 1}
del ROLLOUTS["num_generations"]
ANSWERING = {"sample_prompts": "few.jsonl"}
# Method: its data, its config beside QUICK, a series that it must leave, whether its curve does not depend on the number
# of processes (what TRL generates does: each process draws by its own seed).
TABLE: dict[str, tuple[str, dict[str, Any], str, bool]] = {
    "sft": ("sft", ANSWERING, "train/loss", True),
    "reward": ("reward", {}, "train/loss", False),
    "dpo": ("dpo", ANSWERING, "train/rewards/accuracies", True),
    "kto": ("kto", ANSWERING, "train/loss", False),
    "grpo": ("prompts", ONLINE | ANSWERING, "train/reward", False),
    "rloo": ("prompts", ONLINE | ANSWERING, "train/reward", False),
    "ppo": ("prompts", ROLLOUTS | ANSWERING, "train/objective/scores", True),
}
GLOBAL_BATCH = 8


def config_of(method: str, processes: int, data: Path, base: Path) -> dict[str, Any]:
    name, extra, _, _ = TABLE[method]
    config = {
        **QUICK,
        "model_name_or_path": str(base),
        "dataset_name": str(data / name),
        "max_steps": STEPS,
        "save_steps": 2,
        "per_device_train_batch_size": GLOBAL_BATCH // processes,
        **extra,
    }
    if name == "prompts":
        config.pop("max_length")
    if "sample_prompts" in config:
        config["sample_prompts"] = str(data / config["sample_prompts"])
    return config


def whole(run: Path, method: str) -> Run:
    found = open_run(run)
    assert (found.status.state, found.status.step, found.status.exit_code) == ("finished", STEPS, 0)
    assert found.series[TABLE[method][2]].steps.tolist() == list(range(1, STEPS + 1))
    assert np.isfinite(found.series[TABLE[method][2]].values).all()
    assert len(list(run.rglob("events.out.tfevents.*"))) == 1
    assert sorted(checkpoints(run)) == [2, 4]
    answered = [0] * 8 + [2] * 8 + [4] * 8 if "sample_prompts" in TABLE[method][1] else []
    assert [sample.step for sample in found.samples] == answered
    return found


@pytest.mark.parametrize("method", TABLE)
def test_one_process_and_two(tmp_path: Path, data: Path, base_checkpoint: Path, method: str) -> None:
    runs = {processes: tmp_path / str(processes) for processes in (1, 2)}
    started = [
        start(run, method, config_of(method, processes, data, base_checkpoint), "--processes", str(processes))
        for processes, run in runs.items()
    ]
    for process in started:
        output, error = process.communicate(timeout=240)
        assert process.returncode == 0, output + error
    one, two = (whole(run, method) for run in runs.values())
    tag = TABLE[method][2]
    if TABLE[method][3]:
        losses = [found.series["train/loss"].values for found in (one, two)]
        assert np.allclose(*losses, rtol=1e-3, atol=1e-4), losses
    if tag == "train/reward":
        # Lengths are 1 to 8 tokens, a mean of 4 answers a step and process: half of the range is far beyond the noise.
        rewards = [found.series[tag].values.mean() for found in (one, two)]
        assert abs(rewards[0] - rewards[1]) < 4, rewards


def test_stop_of_two_processes_and_resume_in_two(tmp_path: Path, data: Path, base_checkpoint: Path) -> None:
    """One signal, to the main process; both end at the same step, with a whole checkpoint, and nothing stays behind."""
    run = tmp_path / "run"
    config = {**config_of("sft", 2, data, base_checkpoint), "max_steps": 5000, "save_steps": 2000}
    process = start(run, "sft", config, "--processes", "2")
    wait_for_step(run, 1)
    main = read_status(run).pid
    finish(training("stop", str(run)))
    output, error = process.communicate(timeout=60)
    assert process.returncode == 143, output + error
    status = read_status(run)
    assert (status.state, status.exit_code) == ("stopped", 143)
    assert list(checkpoints(run)) == [status.step]
    assert "Traceback" not in (run / "console.log").read_text()
    assert main is not None
    assert not process_alive(main)

    finish(training("resume", str(run), "--detach"))  # with as many processes as before
    wait_for_step(run, status.step + 1)
    assert len(list((run / f"checkpoint-{status.step}").glob("rng_state_*.pth"))) == 2
    finish(training("stop", str(run)))
    assert read_status(run).state == "stopped"


def test_killed_rank_ends_the_run_with_its_reason(tmp_path: Path, data: Path, base_checkpoint: Path) -> None:
    run = tmp_path / "run"
    config = {**config_of("sft", 2, data, base_checkpoint), "max_steps": 90000}
    process = start(run, "sft", config, "--processes", "2")
    wait_for_step(run, 1)
    main = read_status(run).pid
    assert main is not None
    parent = Path(f"/proc/{main}/stat").read_text().rpartition(")")[2].split()[1]
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    other = next(int(pid) for pid in children if int(pid) != main and b"training.sft" in cmdline(int(pid)))
    os.kill(other, signal.SIGKILL)
    output, error = process.communicate(timeout=90)
    assert process.returncode == 1, output + error
    status = read_status(run)
    assert status.state == "failed"
    assert "SIGKILL" in (status.reason or ""), status
    assert not process_alive(main)
    (found,) = [one for one in diagnose(open_run(run)).findings if one.severity == "error"]
    assert found.rule == "out-of-host-memory"  # what signal 9 most often is
    assert "run-died" in found.explains


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_ppo_logs_what_one_of_two_processes_knows(tmp_path: Path, data: Path, base_checkpoint: Path) -> None:
    """A reward that judges none of the other's answers, and a metric that only one notes; evaluation in uneven shares."""
    run = tmp_path / "run"
    config = config_of("ppo", 2, data, base_checkpoint) | {
        "reward_funcs": ["tests.training.control.rewards:length", "tests.training.control.rewards:of_one_process"],
        "eval_strategy": "steps", "eval_steps": 2, "per_device_eval_batch_size": 3,
    }  # fmt: skip
    config.pop("sample_prompts")
    process = start(run, "ppo", config, "--processes", "2")
    output, error = process.communicate(timeout=120)
    assert process.returncode == 0, output + error
    series = open_run(run).series
    assert series["train/rewards/of_one_process/mean"].values.tolist() == [2.0] * STEPS
    assert series["train/answers_judged"].values.tolist() == [GLOBAL_BATCH / 2] * STEPS
    assert series["eval/rewards/of_one_process/mean"].values.tolist() == [2.0] * 2
