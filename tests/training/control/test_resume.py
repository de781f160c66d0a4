"""Stopped and resumed runs: the curve, the samples and the events are those of a run that was never interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diagnostics.run import open_run
from diagnostics.run.status import read_status
from tests.training.control.workers import QUICK, finish, start, training, wait_for_step
from training.cli import main
from training.control.runs import checkpoints, resume_point
from training.request import BadRequest
from training.worker.recorder import keep_samples
from training.worker.resume import check_checkpoint

slow = pytest.mark.slow


def losses(run: Path) -> list[float]:
    series = open_run(run).series["train/loss"]
    assert series.steps.tolist() == list(range(1, len(series) + 1))
    return series.values.tolist()


def config_of(data: Path, base: Path, method: str) -> dict[str, Any]:
    return {
        **QUICK,
        "model_name_or_path": str(base),
        "dataset_name": str(data / method),
        "max_steps": 12,
        "sample_prompts": str(data / "few.jsonl"),
    }


@slow
@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_losses_after_a_resume_are_those_of_a_run_without(
    tmp_path: Path, data: Path, base_checkpoint: Path, method: str
) -> None:
    config = config_of(data, base_checkpoint, method)
    whole, child = tmp_path / "whole", tmp_path / "child"
    process = start(whole, method, config)
    _, error = process.communicate(timeout=240)
    assert process.returncode == 0, error
    uninterrupted = losses(whole)

    # In the same folder, from a checkpoint in the middle: the later steps are run again.
    finish(training("resume", str(whole), "--step", "5", "--quiet"))
    assert read_status(whole).state == "finished"
    assert np.allclose(losses(whole), uninterrupted, atol=1e-5)
    assert [sample.step for sample in open_run(whole).samples] == [0] * 8 + [5] * 8 + [10] * 8 + [12] * 8

    # As a child run, whose checkpoint brings the log of the steps before with it.
    if method != "sft":
        return
    process = start(child, method, {**config, "resume_from_checkpoint": str(whole / "checkpoint-5")})
    _, error = process.communicate(timeout=240)
    assert process.returncode == 0, error
    assert np.allclose(losses(child), uninterrupted, atol=1e-5)
    assert sorted(checkpoints(child)) == [10, 12]


@slow
def test_stop_from_another_process_and_resume(tmp_path: Path, data: Path, base_checkpoint: Path) -> None:
    config = {**config_of(data, base_checkpoint, "sft"), "max_steps": 400}
    run, whole = tmp_path / "run", tmp_path / "whole"
    process = start(run, "sft", config)
    wait_for_step(run, 5)
    finish(training("resume", str(run)), expected=2)
    finish(training("delete", str(run), "--yes"), expected=2)
    said = finish(training("stop", str(run)))
    process.communicate(timeout=30)
    assert process.returncode == 143
    stopped = read_status(run)
    assert (stopped.state, stopped.exit_code) == ("stopped", 143)
    assert stopped.step in checkpoints(run)
    assert f"stopped at step {stopped.step}" in said
    assert "is not live (stopped)" in finish(training("stop", str(run)), expected=2)
    asked = (run / "run.json").read_bytes()

    process = start(whole, "sft", config)
    wait_for_step(whole, stopped.step + 5)
    finish(training("stop", str(whole)))
    process.communicate(timeout=30)
    folder = finish(training("resume", str(run), "--detach")).strip()
    assert folder == str(run)
    wait_for_step(run, stopped.step + 5)
    assert read_status(run).exit_code is None
    finish(training("stop", str(run)))
    shared = min(len(losses(run)), len(losses(whole)))
    assert shared > stopped.step
    assert np.allclose(losses(run)[:shared], losses(whole)[:shared], atol=1e-5)
    assert (run / "run.json").read_bytes() == asked
    assert f"--- resumed from checkpoint-{stopped.step} ---" in (run / "console.log").read_text()
    listed = json.loads(finish(training("list", "--runs", str(tmp_path), "--format", "json")))["runs"]
    assert [one["name"] for one in listed if one["state"] == "stopped"] == ["whole", "run"]
    assert "deleted" in finish(training("delete", str(run), "--yes"))
    assert not run.exists()


def saved(folder: Path, step: int, weights: str = "model.safetensors") -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    (checkpoint / weights).write_bytes(b"")
    return checkpoint


def ended(folder: Path, step: int, **config: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps({"method": "sft", "config": config}))
    (folder / "status.json").write_text(json.dumps({"state": "stopped", "step": step}))
    return folder


def test_last_checkpoint_is_that_of_the_course_the_run_is_on(tmp_path: Path) -> None:
    run = ended(tmp_path / "run", 7)
    for step in (5, 7, 10):
        saved(run, step)
    assert resume_point(run, None).name == "checkpoint-7"
    assert resume_point(run, 10).name == "checkpoint-10"
    with pytest.raises(BadRequest, match="has no checkpoint of step 6, only of 5, 7, 10"):
        resume_point(run, 6)


def test_run_that_took_all_its_steps_is_not_resumed(tmp_path: Path) -> None:
    run = ended(tmp_path / "run", 8)
    for step in (4, 8):
        state = {"global_step": step, "max_steps": 8}
        (saved(run, step) / "trainer_state.json").write_text(json.dumps(state))
    with pytest.raises(BadRequest, match=r"checkpoint-8: all 8 steps are taken; .* or name an earlier checkpoint"):
        resume_point(run, None)
    assert resume_point(run, 4).name == "checkpoint-4"


def test_no_processes_are_refused_for_a_resume(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ended(tmp_path / "run", 5)
    saved(run, 5)
    assert main(["resume", str(run), "--processes", "0"]) == 2
    assert "--processes 0: at least 1 is needed" in capsys.readouterr().err


def test_checkpoint_that_breaks_off_is_none(tmp_path: Path) -> None:
    run = ended(tmp_path / "run", 10)
    saved(run, 5)
    (saved(run, 10) / "trainer_state.json").write_text('{"global_step": 1')
    (saved(run, 9) / "model.safetensors").unlink()
    assert list(checkpoints(run)) == [5]
    with pytest.raises(BadRequest, match="has no checkpoint to go on from"):
        resume_point(ended(tmp_path / "empty", 0), None)


@pytest.mark.parametrize("weights", ["pytorch_model.bin", "adapter_model.bin"])
def test_pickled_weights_are_no_checkpoint(tmp_path: Path, weights: str) -> None:
    run = ended(tmp_path / "run", 5)
    saved(run, 5, weights)
    assert not checkpoints(run)
    with pytest.raises(BadRequest, match="no weights in safetensors"):
        check_checkpoint(str(run / "checkpoint-5"), {})


@pytest.mark.parametrize(
    ("adapter", "config", "said"),
    [
        ({"r": 8}, {"use_peft": True, "lora_r": 16}, "resume with another LoRA rank: checkpoint has r=8, asked r=16"),
        ({"r": 8}, {"use_peft": True}, "checkpoint has r=8, asked r=16"),
        ({"r": 8}, {}, "holds a LoRA adapter; set use_peft=true"),
        (None, {"use_peft": True}, "holds a full model; set use_peft=false"),
        (
            {"r": 16, "target_modules": ["q_proj"]},
            {"use_peft": True, "lora_target_modules": ["q_proj", "v_proj"]},
            "checkpoint has q_proj, asked q_proj, v_proj",
        ),
        (
            {"r": 16, "base_model_name_or_path": "one"},
            {"use_peft": True, "model_name_or_path": "other"},
            "resume with another base model: checkpoint has one, asked other",
        ),
    ],
)
def test_checkpoint_of_another_adapter_is_refused(
    tmp_path: Path, adapter: dict[str, Any] | None, config: dict[str, Any], said: str
) -> None:
    run = ended(tmp_path / "run", 5, **config)
    checkpoint = saved(run, 5, "model.safetensors" if adapter is None else "adapter_model.safetensors")
    if adapter is not None:
        (checkpoint / "adapter_config.json").write_text(json.dumps(adapter))
    with pytest.raises(BadRequest, match=said):
        resume_point(run, None)


def test_adapter_as_asked_for_is_taken(tmp_path: Path) -> None:
    run = ended(tmp_path / "run", 5, use_peft=True, lora_r=8, lora_target_modules="all-linear", model_name_or_path="m")
    saved_config = {"r": 8, "target_modules": ["q_proj", "v_proj"], "base_model_name_or_path": "m"}
    (saved(run, 5, "adapter_model.safetensors") / "adapter_config.json").write_text(json.dumps(saved_config))
    assert resume_point(run, None).name == "checkpoint-5"


def test_other_size_of_model_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"hidden_size": 64, "vocab_size": 10}))
    run = ended(tmp_path / "run", 5, model_name_or_path=str(model))
    (saved(run, 5) / "config.json").write_text(json.dumps({"hidden_size": 128, "vocab_size": 12}))
    with pytest.raises(
        BadRequest, match="resume with another model: checkpoint has hidden_size=128, asked hidden_size=64"
    ):
        resume_point(run, None)


def test_samples_of_later_steps_and_half_answered_ones_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    rows = [{"step": step, "completion": "好"} for step in (0, 0, 5, 5, 10, 10)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:5]) + '{"step": 10, "comp')
    assert keep_samples(path, 12, 2) == {0, 5}
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [0, 0, 5, 5]
    assert keep_samples(path, 0, 2) == {0}
    assert len(path.read_text().splitlines()) == 2
    assert keep_samples(tmp_path / "none.jsonl", 5, 2) == set()
