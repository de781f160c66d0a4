"""The end of a run in memory, read from its own folder: console, status and request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagnostics.memory import cpu
from diagnostics.memory.after import After
from diagnostics.memory.after_crash import after_crash
from diagnostics.postmortem.host_memory import host_sizes_in
from diagnostics.run import open_run
from tests.diagnostics.memory.asked import GIB
from tests.diagnostics.postmortem.texts import LOAD, LOOP, STEP, crash

CONFIG = {"model_name_or_path": "qwen3-1.7b", "per_device_train_batch_size": 8, "gradient_accumulation_steps": 2}
BACKWARD = (
    *LOOP,
    "accelerate/accelerator.py:2740 backward loss.backward()",
    "torch/autograd/graph.py:823 _engine_run_backward",
)
LOGITS = (
    *STEP,
    "transformers/models/llama/modeling_llama.py:480 forward logits = self.lm_head(hidden_states)",
    "torch/nn/modules/linear.py:125 forward return F.linear(input, self.weight, self.bias)",
)
DEVICE = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of 23.64 GiB of which "
    "0.20 GiB is free. Including non-PyTorch memory, this process has 23.40 GiB memory in use. Of the allocated memory 22.60 GiB is "
    "allocated by PyTorch, and 200.00 MiB is reserved by PyTorch but unallocated."
)
REFUSED = (
    "RuntimeError: [enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "1073741824 bytes. Error code 12 (Cannot allocate memory)"
)
KILLED = "subprocess.CalledProcessError: Command '['python', '-m', 'training.sft']' died with <Signals.SIGKILL: 9>.\n"
RUNNING = {"state": "failed", "step": 3, "max_steps": 100}
ON_CPU = {"memory": 24 * GIB, "accelerator": "cpu"}


def died(
    folder: Path,
    console: str,
    *,
    request: dict[str, Any] | None = None,
    machine: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    **config: Any,
) -> After | None:
    """What is said of a run of ours that left this console."""
    (folder / "run.json").write_text(json.dumps({"method": "sft", **(request or {}), "config": {**CONFIG, **config}}))
    (folder / "status.json").write_text(json.dumps({**RUNNING, **(status or {}), "machine": machine or {}}))
    (folder / "console.log").write_text(console)
    return after_crash(open_run(folder))


def test_a_devices_message_has_its_phase_and_its_size(tmp_path: Path) -> None:
    found = died(tmp_path, crash(*BACKWARD, end=DEVICE))
    assert found is not None
    assert (found.crash.kind, found.crash.phase) == ("shortage", "backward")
    assert found.crash.sizes.total == pytest.approx(23.64 * GIB)
    assert sum(found.crash.bill.values()) == pytest.approx(22.6 * GIB, rel=1e-6)
    assert found.plan is not None
    assert found.plan.options[0].estimate.total * 1.04 <= 23.64 * GIB


def test_a_message_without_the_devices_size_has_the_recorded_one(tmp_path: Path) -> None:
    machine = {"accelerator": "cuda", "device": 16 * GIB}
    found = died(tmp_path, crash(*BACKWARD, end="RuntimeError: CUDA error: out of memory"), machine=machine)
    assert found is not None
    assert found.crash.sizes.total == 16 * GIB
    assert found.plan is not None


def test_a_refused_allocation_ran_into_the_limit_on_the_process(tmp_path: Path) -> None:
    # Of 12 GiB of addresses less is left for tensors than of 10 GiB of data: that is what was met first.
    limits = {"resident": 20 * GIB, "data": 10 * GIB, "address": 12 * GIB}
    assert cpu.room(10 * GIB, "data") < cpu.room(12 * GIB, "address")
    found = died(tmp_path, crash(*LOGITS, end=REFUSED), machine={**ON_CPU, "limits": limits})
    assert found is not None
    assert (found.crash.kind, found.crash.phase) == ("host", "logits")
    assert (found.crash.sizes.asked, found.crash.sizes.total) == (GIB, 10 * GIB)
    assert found.crash.room == cpu.room(10 * GIB, "data")


def test_processes_share_a_control_group(tmp_path: Path) -> None:
    machine = {**ON_CPU, "limits": {"resident": 20 * GIB, "address": 4 * GIB}}
    found = died(tmp_path, KILLED, request={"processes": 2}, machine=machine)
    assert found is not None
    assert found.question.asked.processes == 2
    # Who is killed was not refused anything: the limit on addresses had no part in it.
    assert (found.crash.phase, found.crash.sizes.total) == ("unplaced", 10 * GIB)


def test_a_signal_alone_does_not_blame_a_small_training(tmp_path: Path) -> None:
    small = died(tmp_path, KILLED, machine=ON_CPU, model_name_or_path="gpt2", max_length=64)
    assert small is not None
    assert (small.plan, small.crash.bill) == (None, {})
    large = died(tmp_path, KILLED, machine=ON_CPU, model_name_or_path="gpt2", per_device_train_batch_size=64)
    assert large is not None
    assert large.plan is not None
    assert large.plan.options[0].question.rows_a_step == 128


def test_a_data_loader_that_is_killed_held_no_weights(tmp_path: Path) -> None:
    text = crash(*STEP, end="RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.")
    found = died(tmp_path, text, machine={**ON_CPU, "limits": {"resident": 4 * GIB}})
    assert found is not None
    assert (found.plan, found.crash.bill) == (None, {})


def test_who_is_killed_before_the_first_step_was_loading(tmp_path: Path) -> None:
    found = died(tmp_path, KILLED, machine=ON_CPU, status={"step": 0, "max_steps": 0})
    assert found is not None
    assert found.crash.phase == "load"


def test_the_kernel_tells_the_limit_where_nothing_was_recorded(tmp_path: Path) -> None:
    kernel = (
        "[12.1] memory: usage 8388608kB, limit 8388608kB, failcnt 4211\n"
        "[12.2] Memory cgroup out of memory: Killed process 42 (python) total-vm:24117248kB, anon-rss:8212344kB\n"
    )
    found = died(tmp_path, kernel, use_cpu=True)
    assert found is not None
    assert found.crash.sizes.total == 8 * GIB
    assert found.plan is not None


def test_an_allocation_while_data_is_prepared_is_not_the_batchs(tmp_path: Path) -> None:
    frames = ("prepare.py:5 <module> table = np.zeros((900000, 40000))",)
    end = (
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 268. GiB for an array with shape (900000, 40000)"
    )
    found = died(tmp_path, crash(*frames, end=end), machine=ON_CPU)
    assert found is not None
    assert found.crash.sizes.asked == 268 * GIB
    assert (found.plan, found.crash.bill) == (None, {})


def test_loading_on_the_host_says_nothing_of_a_training_elsewhere(tmp_path: Path) -> None:
    found = died(tmp_path, crash(*LOAD, end=REFUSED), machine={**ON_CPU, "accelerator": "cuda"})
    assert found is not None
    assert found.plan is None


def test_shared_memory_is_that_of_the_data_loaders(tmp_path: Path) -> None:
    text = "RuntimeError: DataLoader worker (pid 7) is killed by signal: Bus error. insufficient shared memory (shm).\n"
    found = died(tmp_path, text, machine={**ON_CPU, "shm": 64 << 20}, dataloader_num_workers=4)
    assert found is not None
    assert (found.crash.kind, found.crash.sizes.total) == ("shm", 64 << 20)
    assert found.crash.fix is not None


def test_ranks_on_a_console_are_processes(tmp_path: Path) -> None:
    text = "".join(f"[rank{rank}]: {line}\n" for rank in (0, 1) for line in crash(*BACKWARD, end=DEVICE).splitlines())
    launched = {"accelerate_config": "own.yaml", "processes": 1}
    found = died(tmp_path, text, request=launched)
    assert found is not None
    assert found.question.asked.processes == 2


def test_other_ends_and_configs_that_tell_nothing(tmp_path: Path) -> None:
    assert died(tmp_path, crash(*BACKWARD, end="ValueError: no")) is None
    assert died(tmp_path, crash(*BACKWARD, end=DEVICE), model_name_or_path="nobody/knows") is None
    for name in ("run.json", "status.json"):
        (tmp_path / name).unlink()
    assert after_crash(open_run(tmp_path)) is None


@pytest.mark.parametrize(
    ("text", "asked", "limit"),
    [
        ("unable to mmap 4096 bytes from file </torch_1_2>", 4096, None),
        ("NCCL WARN Error while creating shared memory segment /dev/shm/nccl-a (size 9637888)", 9637888, None),
        ("memory: usage 10kB, limit 9007199254740988kB, failcnt 0", None, None),
        ("the task was running was 15.49GB / 16.00GB (0.968), which exceeds", None, 16 * GIB),
        ("nothing of memory", None, None),
    ],
)
def test_sizes_are_read_as_each_program_writes_them(text: str, asked: float | None, limit: int | None) -> None:
    found = host_sizes_in(text)
    assert (found.asked, found.limit) == (asked, limit)


def test_the_host_bill_is_what_the_limit_left_room_for(tmp_path: Path) -> None:
    found = died(tmp_path, crash(*LOGITS, end=REFUSED), machine={**ON_CPU, "limits": {"address": 40 * GIB}})
    assert found is not None
    assert found.crash.room == cpu.room(40 * GIB, "address")
    assert sum(found.crash.bill.values()) == pytest.approx(found.crash.room, rel=1e-6)
    assert (found.crash.sizes.allocated or 0) >= 40 * GIB
