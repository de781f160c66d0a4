"""The host's side: load, checkpoints, data loaders."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.memory import host
from diagnostics.memory.host import GIB, available_memory, free_disk, host_of
from tests.diagnostics.memory.asked import question


def test_a_checkpoint_holds_weights_and_states() -> None:
    parameters = 596_049_920
    assert host_of(question()).checkpoint == 12 * parameters + int(host.REST)
    assert host_of(question(save_only_model=True)).checkpoint == 4 * parameters + int(host.REST)
    assert host_of(question(dtype="bfloat16")).checkpoint == 6 * parameters + int(host.REST)
    assert host_of(question(optim="sgd")).checkpoint == 4 * parameters + int(host.REST)


def test_an_adapters_checkpoint_is_the_adapters_alone() -> None:
    found = host_of(question(use_peft=True, lora_r=16))
    assert found.checkpoint < 0.02 * host_of(question()).checkpoint


def test_checkpoints_are_kept_up_to_the_limit_and_one_more_while_it_is_written() -> None:
    assert host_of(question()).on_disk is None
    found = host_of(question(save_total_limit=2))
    assert found.on_disk == 3 * found.checkpoint


def test_data_loaders_hold_batches_in_shared_memory() -> None:
    assert host_of(question()).shared == 0
    two = host_of(question(dataloader_num_workers=2)).shared
    assert two == 2 * 2 * 8 * 1024 * 3 * 8
    assert host_of(question(dataloader_num_workers=2, dataloader_prefetch_factor=4, processes=3)).shared == 6 * two
    assert host_of(question("dpo", dataloader_num_workers=2)).shared == 2 * two


def test_what_is_moved_off_the_device_lies_on_the_host() -> None:
    plain = host_of(question(processes=2))
    offload = {"zero_optimization": {"stage": 3, "offload_optimizer": {"device": "cpu"}}}
    moved = host_of(question(processes=2, deepspeed=offload))
    assert moved.offloaded == int(16 * 596_049_920 * 1.5 / 2)
    assert moved.resident - plain.resident == 2 * moved.offloaded
    assert host_of(question(activation_offloading=True)).offloaded == 28 * 8 * 1024 * 1024 * 4
    assert host_of(question(optim="paged_adamw_8bit")).offloaded > 0


def test_loading_takes_a_file_of_weights_and_a_sharded_run_the_whole_model() -> None:
    large = host_of(question(model="llama-3-8b")).load
    assert large - int(host.PROCESS) == int(host.SHARD)
    sharded = host_of(question(model="llama-3-8b", processes=2, fsdp=True)).load
    assert sharded - 2 * int(host.PROCESS) == 2 * 4 * 8_030_261_248


def test_the_data_lies_in_memory() -> None:
    assert host_of(question(), rows=1000).resident - host_of(question()).resident == 1000 * 1024 * 3 * 8


def test_this_machine_is_looked_at(tmp_path: Path) -> None:
    assert free_disk(tmp_path / "nowhere") is None
    assert (free_disk(tmp_path) or 0) > 0
    memory = available_memory()
    assert memory is None or 0 < memory < 1 << 50


def test_a_control_groups_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/proc/meminfo": "MemTotal: 9 kB\nMemAvailable: 8388608 kB\n",
        "/sys/fs/cgroup/memory.max": str(3 * GIB),
        "/sys/fs/cgroup/memory.current": str(1 * GIB),
    }

    def read(path: Path, **_: object) -> str:
        if str(path) not in files:
            raise FileNotFoundError(path)
        return files[str(path)]

    monkeypatch.setattr(Path, "read_text", read)
    assert available_memory() == 2 * GIB
    files["/sys/fs/cgroup/memory.max"] = "max"
    assert available_memory() == 8 * GIB
