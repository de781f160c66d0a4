"""The queue: at most N at a time, in order, whoever dies; and what the command lines of control refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from diagnostics.run.status import read_status
from tests.training.control.workers import ROOT, begin, finish, training
from training.cli import main
from training.control import queue
from training.worker.status import StatusFile

# A launcher that holds a place as a real one does, with a child that inherits the ticket as accelerate does, but trains
# nothing: it notes when it ran. Told no seconds, the child goes on until the file `over` lies in the run.
LAUNCHER = """
import subprocess, sys, time
from pathlib import Path
from training.control.launch import turn_came
from training.control.queue import draw
from training.control.stopping import StopRequest
from training.worker.status import StatusFile
run, seconds, wait = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "wait"
ticket = draw(run, wait=wait)
print("drawn", flush=True)
if wait:
    assert turn_came(ticket, StatusFile(run), StopRequest(run))
began = time.time()
print("runs", flush=True)
until_told = ["sh", "-c", 'while [ ! -e "$0/over" ]; do sleep 0.05; done', str(run)]
child = subprocess.Popen(["sleep", str(seconds)] if seconds >= 0 else until_told, pass_fds=(ticket.descriptor,))
child.wait()
(run / "ran").write_text(f"{began} {time.time()}")
"""


UNTIL_TOLD = -1.0


def launcher(run: Path, seconds: float, how: str = "wait") -> subprocess.Popen[str]:
    """A launcher that has drawn its ticket."""
    run.mkdir()
    process = begin([sys.executable, "-c", LAUNCHER, str(run), str(seconds), how], PYTHONPATH=str(ROOT))
    assert process.stdout is not None
    assert process.stdout.readline() == "drawn\n"
    return process


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_three_never_overlap_and_keep_their_order(tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("c", "a", "b")]
    processes = [launcher(run, 0.6) for run in runs]
    for process in processes:
        _, error = process.communicate(timeout=60)
        assert process.returncode == 0, error
    times = [tuple(map(float, (run / "ran").read_text().split())) for run in runs]
    assert all(first[1] <= second[0] for first, second in pairwise(times)), times


def test_start_without_the_queue_counts_as_a_worker(tmp_path: Path, queue_of_its_own: Path) -> None:
    at_once = launcher(tmp_path / "one", UNTIL_TOLD, "at once")
    waiting = launcher(tmp_path / "two", 0)
    assert said(at_once) == "runs\n"
    with queue.locked(queue_of_its_own):
        assert [content["running"] for _, content in queue.tickets(queue_of_its_own)] == [True, False]
    last = launcher(tmp_path / "three", 0)
    told = StatusFile(tmp_path / "three").path
    deadline = time.monotonic() + 60
    while not told.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert json.loads(told.read_text())["behind"] == ["one", "two"]
    (tmp_path / "one" / "over").touch()
    at_once.communicate(timeout=60)
    waiting.communicate(timeout=60)
    last.communicate(timeout=60)
    assert json.loads(told.read_text())["behind"] == []
    ends, begins = ((tmp_path / name / "ran").read_text().split() for name in ("one", "two"))
    assert float(ends[1]) <= float(begins[0])


def test_larger_limit_lets_the_next_start_beside(tmp_path: Path, queue_of_its_own: Path) -> None:
    first = launcher(tmp_path / "one", 30)
    assert said(first) == "runs\n"
    second = launcher(tmp_path / "two", 0)
    assert main(["queue", "--at-most", "2"]) == 0
    second.communicate(timeout=20)
    assert first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()


def test_killed_launcher_frees_its_place_when_its_worker_is_gone_too(tmp_path: Path) -> None:
    first = launcher(tmp_path / "one", UNTIL_TOLD)
    assert said(first) == "runs\n"
    second = launcher(tmp_path / "two", 0)
    first.kill()
    time.sleep(1)
    over = time.time()  # till here the orphan trained on, and held its place
    (tmp_path / "one" / "over").touch()
    second.communicate(timeout=60)
    began = float((tmp_path / "two" / "ran").read_text().split()[0])
    assert began > over
    assert not (tmp_path / "one" / "ran").exists()
    first.communicate()


def test_everything_killed_frees_the_place(tmp_path: Path) -> None:
    first = launcher(tmp_path / "one", 600)
    assert said(first) == "runs\n"
    second = launcher(tmp_path / "two", 0)
    os.killpg(first.pid, signal.SIGKILL)
    second.communicate(timeout=60)
    assert (tmp_path / "two" / "ran").exists()
    first.communicate()


def test_stop_takes_a_queued_run_out(tmp_path: Path) -> None:
    first = launcher(tmp_path / "one", 600)
    assert said(first) == "runs\n"
    queued = tmp_path / "queued"
    words = ["start", "--method", "sft", "--run", str(queued), "--queue", "--detach", "--model_name_or_path", "m"]
    assert finish(training(*words)).strip() == str(queued)
    status = read_status(queued)
    assert (status.state, status.activity) == ("starting", "queued")
    assert f"waiting  {queued}" in finish(training("queue"))
    assert " queued " in finish(training("list", "--runs", str(tmp_path)))
    finish(training("stop", str(queued)))
    status = read_status(queued)
    assert (status.state, status.exit_code) == ("stopped", 143)
    assert "waited in the queue" in (status.reason or "")
    assert str(queued) not in finish(training("queue"))
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()


def test_folder_that_others_can_write_into_is_refused(
    queue_of_its_own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue_of_its_own.mkdir()
    queue_of_its_own.chmod(0o777)
    assert main(["queue"]) == 2
    assert "must be a folder that only you can write into" in capsys.readouterr().err


def test_limit_below_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue", "--at-most", "0"]) == 2
    assert "--at-most 0: at least 1 is needed" in capsys.readouterr().err
    assert main(["queue"]) == 0
    assert capsys.readouterr().out == "at most 1 at a time\n"


@pytest.mark.parametrize("words", [["stop"], ["resume"], ["delete", "--yes"]])
def test_what_is_no_run_is_left_alone(tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("all of it")
    for name, reason in (("precious", "holds no run.json"), ("nowhere", "there is no such run")):
        assert main([words[0], str(tmp_path / name), *words[1:]]) == 2
        assert reason in capsys.readouterr().err
    assert (tmp_path / "precious" / "thesis.txt").exists()


def run_of_ours(folder: Path, **status: object) -> Path:
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"method": "sft", "config": {}}))
    (folder / "status.json").write_text(json.dumps({"state": "finished", **status}))
    return folder


def test_delete_asks_and_follows_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "weights").write_text("kept")
    run = run_of_ours(tmp_path / "run")
    (run / "link").symlink_to(outside)
    (tmp_path / "alias").symlink_to(run)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert main(["delete", str(run)]) == 2
    assert "no terminal to ask on" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer in ("", "n"):
        monkeypatch.setattr("builtins.input", lambda question, answer=answer: answer)
        assert main(["delete", str(run)]) == 1
    assert main(["delete", str(tmp_path / "alias"), "--yes"]) == 2
    assert run.exists()
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert main(["delete", str(run)]) == 0
    assert not run.exists()
    assert (outside / "weights").read_text() == "kept"


def test_number_of_another_program_is_not_signalled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The machine was restarted: the worker's number is somebody else's now."""
    import socket

    stranger = subprocess.Popen(["sleep", "60"])
    run = run_of_ours(
        tmp_path / "run", state="running", pid=stranger.pid, host=socket.gethostname(), heartbeat=time.time()
    )
    assert main(["stop", str(run)]) == 2
    assert "is not live" in capsys.readouterr().err
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_run_on_another_machine_is_stopped_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_of_ours(tmp_path / "run", state="running", pid=1, host="elsewhere", heartbeat=time.time())
    assert main(["stop", str(run)]) == 2
    assert "runs on elsewhere; stop it there" in capsys.readouterr().err
    assert main(["delete", str(run), "--yes"]) == 2
