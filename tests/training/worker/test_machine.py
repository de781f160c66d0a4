"""What a worker writes down of its machine: read from files of the system, kept in status.json, read back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from diagnostics.run.machine import Machine, read_machine
from training.request import ClinicArguments, Request
from training.worker.machine import group_limit, machine
from training.worker.recorder import Recorder
from training.worker.status import StatusFile

GIB = 1 << 30


def written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_least_limit_of_the_groups_from_the_own_one_up(tmp_path: Path) -> None:
    groups, own = tmp_path / "groups", tmp_path / "own"
    written(own, "0::/slice/job\n")
    assert group_limit(groups, own) is None
    written(groups / "slice/job/memory.max", "max")
    written(groups / "slice/memory.max", str(8 * GIB))
    written(groups / "memory.max", str(16 * GIB))
    assert group_limit(groups, own) == 8 * GIB


def test_the_groups_of_the_first_version(tmp_path: Path) -> None:
    groups, own = tmp_path / "groups", tmp_path / "own"
    written(own, "5:cpu,cpuacct:/other\n4:memory:/job\n0::/\n")
    written(groups / "memory/memory.limit_in_bytes", str((1 << 63) - 4096))
    written(groups / "memory/other/memory.limit_in_bytes", str(GIB))
    assert group_limit(groups, own) is None
    written(groups / "memory/job/memory.limit_in_bytes", str(4 * GIB))
    assert group_limit(groups, own) == 4 * GIB
    assert group_limit(groups, tmp_path / "none") is None


def test_a_limit_on_the_process_is_seen_in_it() -> None:
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({4 * GIB}, -1)); "
        "from training.worker.machine import limits; print(limits()['data'])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert int(told.stdout) == 4 * GIB


def test_what_the_recorder_writes_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"processes": 2}))
    Recorder(Request("sft", {"use_cpu": True}, tmp_path), StatusFile(tmp_path), ClinicArguments(), True)
    found = read_machine(tmp_path)
    assert (found.accelerator, found.device, found.processes) == ("cpu", None, 2)
    assert found.memory == machine()["memory"]
    assert dict(found.limits) == machine()["limits"]


@pytest.mark.parametrize("status", ['{"machine": 3}', '{"machine": {"memory": -1, "limits": [1]}}', "{", "[]"])
def test_a_damaged_record_tells_nothing(tmp_path: Path, status: str) -> None:
    (tmp_path / "status.json").write_text(status)
    (tmp_path / "run.json").write_text(json.dumps({"processes": 1, "accelerate_config": "own.yaml"}))
    assert read_machine(tmp_path) == Machine()
