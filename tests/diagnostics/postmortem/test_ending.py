"""How a run ended is told apart, from its status where it has one, from its console where it has none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagnostics.postmortem.ending import ending_of
from diagnostics.run import open_run
from tests.diagnostics.postmortem.texts import ROOT_CAUSE, STEP, TEXTS, crash, rows


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        ({"state": "finished", "exit_code": 0}, "finished"),
        ({"state": "stopped", "exit_code": 143}, "stopped"),
        ({"state": "failed", "exit_code": 1}, "crashed"),
        ({"state": "failed", "exit_code": -9}, "killed"),
        ({"state": "failed", "exit_code": 137}, "killed"),
        ({"state": "running", "host": "elsewhere", "heartbeat": 1.0}, "killed"),
        ({"state": "running", "host": "elsewhere", "heartbeat": 9e12}, "running"),
    ],
)
def test_by_its_status(status: dict[str, object], ending: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"method": "sft", "config": {}}')
    (tmp_path / "status.json").write_text(json.dumps(status))
    assert ending_of(open_run(tmp_path)) == ending


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        (crash(*STEP, end="ValueError: no"), "crashed"),
        (rows(2.0) + ROOT_CAUSE.format(rank=1, code=-9, said="Signal 9 (SIGKILL) received by PID 4711"), "killed"),
        (next(one.text for one in TEXTS if one.name == "time-limit"), "killed"),
        (next(one.text for one in TEXTS if one.name == "cancelled"), "stopped"),
        (next(one.text for one in TEXTS if one.name == "interrupted"), "stopped"),
        (rows(2.0, 1.9) + "{'train_runtime': 9.0, 'train_loss': 1.9, 'epoch': 1.0}\n", "finished"),
        (rows(2.0, 1.9, 1.8), "unknown"),
    ],
)
def test_a_foreign_run_by_its_console(text: str, ending: str, tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text(text)
    assert ending_of(open_run(tmp_path / "train.log")) == ending
    assert ending_of(open_run(tmp_path)) == ending


@pytest.mark.parametrize(("step", "ending"), [(100, "finished"), (60, "unknown")])
def test_a_foreign_run_by_its_planned_steps(step: int, ending: str, tmp_path: Path) -> None:
    state = {"global_step": step, "max_steps": 100, "log_history": [{"step": step, "loss": 1.0}]}
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    assert ending_of(open_run(tmp_path)) == ending
