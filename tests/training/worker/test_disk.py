"""A full disk: on a small file system of its own, where mounting is permitted; and by what the libraries say."""

from __future__ import annotations

import errno
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from diagnostics.run.status import read_status
from tests.training.control.workers import QUICK, start
from training.demo.data import write_post_training_data
from training.request import BadRequest
from training.worker.disk import check_space, checkpoint_bytes, full_reason, is_disk_full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Any]:
    """A function that makes a file system of so many bytes."""
    place = tmp_path / "disk"
    place.mkdir()

    def make(size: int) -> Path:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("mounting is not permitted here")
        return place

    yield make
    subprocess.run(["umount", str(place)], capture_output=True, check=False)


def train(run: Path, tmp_path: Path, base: Path) -> tuple[int, str]:
    write_post_training_data(tmp_path / "data")
    config = {
        **QUICK,
        "model_name_or_path": str(base),
        "dataset_name": str(tmp_path / "data" / "sft"),
        "max_steps": 30,
    }
    process = start(run, "sft", config, TRL_CLINIC_QUEUE=str(tmp_path / "queue"))
    output, error = process.communicate(timeout=120)
    return process.returncode, output + error


@pytest.mark.slow
def test_disk_that_fills_up_ends_the_run_and_leaves_no_half_checkpoint(
    tmp_path: Path, small_disk: Any, base_checkpoint: Path
) -> None:
    weights = (base_checkpoint / "model.safetensors").stat().st_size
    run = small_disk(5 * weights) / "run"  # room for one checkpoint of 3, not for two
    code, said = train(run, tmp_path, base_checkpoint)
    assert code == 1, said
    status = read_status(run)
    assert status.state == "failed", said
    assert (
        status.reason == f"Disk full: no space left at {run} while writing. The half-written checkpoint-10 was removed."
    )
    assert [path.name for path in run.glob("checkpoint-*")] == ["checkpoint-5"]
    assert json.loads((run / "checkpoint-5" / "trainer_state.json").read_text())["global_step"] == 5


@pytest.mark.slow
def test_disk_without_room_for_a_checkpoint_is_refused_before_the_first_step(
    tmp_path: Path, small_disk: Any, base_checkpoint: Path
) -> None:
    weights = (base_checkpoint / "model.safetensors").stat().st_size
    run = small_disk(2 * weights) / "run"
    code, said = train(run, tmp_path, base_checkpoint)
    assert code == 2, said
    assert "one checkpoint needs about" in said
    assert (read_status(run).state, read_status(run).step) == ("failed", 0)


def tensor(count: int, trained: bool) -> Any:
    return SimpleNamespace(requires_grad=trained, numel=lambda: count, element_size=lambda: 2)


def test_size_of_a_checkpoint() -> None:
    model = [tensor(1_000_000, True), tensor(4_000_000, False)]
    rest = checkpoint_bytes([], save_only_model=False, adapter=False)
    assert checkpoint_bytes(model, save_only_model=False, adapter=False) - rest == 12_000_000 + 8_000_000
    assert checkpoint_bytes(model, save_only_model=False, adapter=True) - rest == 12_000_000
    assert checkpoint_bytes(model, save_only_model=True, adapter=True) - rest == 4_000_000


def test_free_space_is_compared(tmp_path: Path) -> None:
    check_space(tmp_path, 1)
    with pytest.raises(BadRequest, match=r"one checkpoint needs about 1,000,000,000,000.0 MB"):
        check_space(tmp_path, 10**18)


def test_what_the_libraries_say_of_a_full_disk(tmp_path: Path) -> None:
    assert is_disk_full(OSError(errno.ENOSPC, "No space left on device"), tmp_path)
    assert is_disk_full(RuntimeError("I/O error: No space left on device (os error 28)"), tmp_path)
    wrapped = RuntimeError("saving failed")
    wrapped.__context__ = OSError(errno.EDQUOT, "quota")
    assert is_disk_full(wrapped, tmp_path)
    assert not is_disk_full(OSError(errno.EACCES, "Permission denied"), tmp_path)
    assert not is_disk_full(RuntimeError("PytorchStreamWriter failed writing file"), tmp_path)  # with room on the disk


def test_only_what_broke_off_is_removed(tmp_path: Path) -> None:
    for step, state in ((5, '{"global_step": 5}'), (10, '{"global_'), (15, None)):
        checkpoint = tmp_path / f"checkpoint-{step}"
        checkpoint.mkdir()
        if state:
            (checkpoint / "trainer_state.json").write_text(state)
    assert "checkpoint-10, checkpoint-15 was removed" in full_reason(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-5"]
