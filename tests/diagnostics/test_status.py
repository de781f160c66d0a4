"""A status that is true: dead workers are dead whatever their file says."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from diagnostics.run.status import SILENT_SECONDS, process_alive, read_status


def write(folder: Path, **content: Any) -> Path:
    (folder / "status.json").write_text(json.dumps(content))
    return folder


def test_a_living_worker_is_running(tmp_path: Path) -> None:
    write(tmp_path, state="running", pid=os.getpid(), host=socket.gethostname(), heartbeat=0.0, step=5, max_steps=9)
    status = read_status(tmp_path)
    assert (status.state, status.step, status.max_steps) == ("running", 5, 9)


def test_a_worker_whose_process_is_gone_has_failed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    write(tmp_path, state="running", pid=process.pid, host=socket.gethostname(), heartbeat=time.time())
    status = read_status(tmp_path)
    assert status.state == "failed"
    assert status.vanished
    assert f"process {process.pid}" in (status.reason or "")


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 20
    while process_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not process_alive(process.pid)
    process.wait()


@pytest.mark.parametrize(("silent", "state"), [(1.0, "running"), (SILENT_SECONDS + 1, "failed")])
def test_a_worker_on_another_machine_is_listened_to(tmp_path: Path, silent: float, state: str) -> None:
    write(tmp_path, state="running", pid=os.getpid(), host="elsewhere", heartbeat=1000.0)
    assert read_status(tmp_path, now=1000.0 + silent).state == state


@pytest.mark.parametrize("content", ["", "[]", '{"state": "sleeping"}', '{"state": 5}', "{"])
def test_a_broken_status_is_unknown(tmp_path: Path, content: str) -> None:
    (tmp_path / "status.json").write_text(content)
    assert read_status(tmp_path).state == "unknown"


def test_an_ended_run_stays_as_it_ended(tmp_path: Path) -> None:
    write(tmp_path, state="failed", reason="ValueError: x", exit_code=1, pid=1, host="elsewhere", heartbeat=0.0)
    status = read_status(tmp_path)
    assert (status.state, status.reason, status.vanished) == ("failed", "ValueError: x", False)
