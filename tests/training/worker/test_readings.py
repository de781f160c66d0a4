"""Memory beside each row of training: what is read, which rows have it, and a run that really writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from diagnostics.memory.readings import DEVICE, DEVICE_SHARE, HOST, HOST_SHARE
from diagnostics.run import open_run
from diagnostics.run.machine import read_machine
from tests.training.worker.runs import train, write_rows
from training.worker import readings
from training.worker.board import Board

GIB = 1 << 30
STATUS = "Name:\tpython\nVmSize:\t 8388608 kB\nRssAnon:\t 1048576 kB\nRssFile:\t 9999999 kB\nVmData:\t 4194304 kB\n"


def files(folder: Path, memory: str = "MemTotal: 33554432 kB\nMemAvailable: 25165824 kB\n") -> tuple[Path, Path]:
    (folder / "status").write_text(STATUS)
    (folder / "meminfo").write_text(memory)
    return folder / "status", folder / "meminfo"


def test_pages_of_files_are_not_counted_and_the_nearest_limit_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "process_limits", dict)
    monkeypatch.setattr(readings, "groups", list)
    assert readings.host(*files(tmp_path)) == {readings.PRIVATE: 1.0, readings.SHARE: 0.25}
    monkeypatch.setattr(readings, "process_limits", lambda: {"address": 10 * GIB, "data": 5 * GIB})
    assert readings.host(*files(tmp_path))[readings.SHARE] == 0.8
    monkeypatch.setattr(readings, "groups", lambda: [(9 * GIB, 10 * GIB)])
    assert readings.host(*files(tmp_path))[readings.SHARE] == 0.9


def test_a_system_that_tells_nothing_has_no_readings(tmp_path: Path) -> None:
    assert readings.host(tmp_path / "none", tmp_path / "none") == {}


@pytest.mark.parametrize("text", ["anon 3221225472\nfile 99\n", "cache 99\nrss 1\ntotal_rss 3221225472\n"])
def test_what_a_group_holds_is_read_in_both_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (tmp_path / "memory.stat").write_text(text)
    monkeypatch.setattr(readings, "limited_groups", lambda: ((tmp_path, 4 * GIB), (tmp_path / "none", GIB)))
    assert readings.groups() == [(3 * GIB, 4 * GIB)]


def test_of_a_device_what_the_allocator_keeps_unused_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"memory_reserved": 14 * GIB, "max_memory_allocated": 9 * GIB, "memory_allocated": 6 * GIB}
    answers: dict[str, Any] = {"is_available": True, "is_initialized": True, "mem_get_info": (0, 16 * GIB), **sizes}
    for name, value in answers.items():
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    # 9 GiB of tensors at the peak, and 2 of the context and of others.
    assert readings.device() == {readings.ALLOCATED: 6.0, readings.PEAK: 11 / 16}


def test_evaluations_and_the_closing_summary_have_no_readings() -> None:
    board = Board(SimpleNamespace(add_scalar=lambda *one: None, flush=lambda: None))
    board._SummaryWriter = None
    for row, expected in (({"loss": 1.0}, True), ({"eval_loss": 1.0}, False), ({"train_runtime": 1.0}, False)):
        state = SimpleNamespace(is_world_process_zero=True, log_history=[dict(row)], global_step=1)
        board.on_log(SimpleNamespace(), state, SimpleNamespace(), logs=row)
        assert (readings.PRIVATE in row, readings.PRIVATE in state.log_history[0]) == (expected, expected)


@pytest.mark.slow
def test_a_run_leaves_its_memory_beside_its_loss(tmp_path: Path, base_checkpoint: Path) -> None:
    data = write_rows(tmp_path / "data.jsonl", [{"text": "The order arrived."}] * 8)
    run = tmp_path / "run"
    done = train(run, "sft", {"model_name_or_path": str(base_checkpoint), "dataset_name": str(data), "max_steps": 2})
    assert done.returncode == 0, done.stdout + done.stderr
    found = open_run(run)
    for tag in (HOST.tag, HOST_SHARE):
        assert found.series[tag].steps.tolist() == [1, 2]
    assert 0.1 < found.series[HOST.tag].values[0] < 4
    assert 0 < found.series[HOST_SHARE].values[0] < 1
    assert not {DEVICE.tag, DEVICE_SHARE} & set(found.series)
    assert read_machine(run).accelerator == "cpu"
    history = json.loads((run / "trainer_state.json").read_text())["log_history"]
    assert [readings.PRIVATE in row for row in history] == ["loss" in row for row in history]
    assert len(list(run.glob("events.out.tfevents.*"))) == 1


def test_reading_needs_no_model() -> None:
    code = "from training.worker.readings import host; print(host()['memory/host_private_gib'] > 0)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.strip() == "True"
