"""Whose fault it was when one of several processes ended the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagnostics.run.status import read_status
from training.control.settle import settle

REPORT = " exitcode  : -9 (pid: 77)\n"
PEER = "RuntimeError: [pair.cc:553] Connection closed by peer [127.0.0.1]:1"
RANK = "process 1 failed: ValueError: a row without a prompt\n"


@pytest.mark.parametrize(
    ("state", "reason", "console", "stop_asked", "said"),
    [
        ("failed", PEER, REPORT, False, "The worker was killed by signal 9 (SIGKILL)."),
        ("failed", PEER, RANK + REPORT, False, RANK.strip()),
        ("failed", PEER, "nothing\n", False, PEER),
        ("failed", "ValueError: mine", RANK + REPORT, False, "ValueError: mine"),
        ("stopped", "Stopped on request before training began.", RANK, False, RANK.strip()),
        ("stopped", "Stopped on request.", RANK, True, "Stopped on request."),
        ("finished", None, REPORT, False, None),
        ("failed", PEER, REPORT + "--- resumed from checkpoint-5 ---\nnothing\n", False, PEER),
    ],
)
def test_reason_is_that_of_the_process_which_failed_first(
    tmp_path: Path, state: str, reason: str | None, console: str, stop_asked: bool, said: str | None
) -> None:
    content = {"state": state, "reason": reason, "step": 3, "max_steps": 9, "exit_code": 1}
    (tmp_path / "status.json").write_text(json.dumps(content))
    (tmp_path / "console.log").write_text(console)
    settle(tmp_path, 1, stop_asked)
    status = read_status(tmp_path)
    assert status.reason == said
    assert status.state == ("failed" if said and (said == RANK.strip() or state == "failed") else state)


def test_launcher_stopped_before_the_worker_said_a_word(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text(json.dumps({"state": "starting", "pid": 2**22 + 1, "host": "", "step": 0}))
    (tmp_path / "console.log").write_text("")
    assert settle(tmp_path, -15, stop_asked=True) == 143
    assert read_status(tmp_path).state == "stopped"
