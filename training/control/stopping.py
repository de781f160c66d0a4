"""Ending workers: asked to finish their step first, killed with all their processes only when asked again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from types import FrameType

from diagnostics.run.status import process_alive, read_status

# From when on a second request kills. Not sooner: a second click, or a shell that passes an interrupt on twice, must
# not cost the checkpoint.
PATIENCE_SECONDS = 30.0


class StopRequest:
    """A launcher's handler of SIGINT and SIGTERM. The first asks the worker to end after its step, with a checkpoint.

    However long that step takes: only a request that comes `PATIENCE_SECONDS` after the first kills the worker.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.asked_at: float | None = None

    @property
    def asked(self) -> bool:
        """Whether a stop was asked for."""
        return self.asked_at is not None

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Pass a signal on."""
        now = time.monotonic()
        if self.asked_at is None:
            self.asked_at = now
            if self.process is not None:
                ask(self.process, self.folder)
        elif self.process is not None and now - self.asked_at > PATIENCE_SECONDS:
            kill(self.process)


def ask(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Ask a worker to end. The main process alone: the ranks agree on the step to end at, which a signal cannot.

    Before the worker has said which process it is there is no step to finish: all are ended.
    """
    worker = read_status(folder).pid
    try:
        if worker is not None and worker != os.getpid():
            os.kill(worker, signal.SIGTERM)
        else:
            os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        return


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all that came of it: accelerate gives the ranks of a run sessions of their own."""
    for pid in (*descendants(process.pid), process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def descendants(ancestor: int) -> list[int]:
    """The processes that a process started, and those they started; [] where there is no /proc to read them from."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found: list[int] = []
    waiting = [ancestor]
    while waiting:
        mine = children.get(waiting.pop(), [])
        found += mine
        waiting += mine
    return found


def is_ours(pid: int) -> bool:
    """Whether a live process is a launcher or a worker: a number that a status names may be another program's by now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return process_alive(pid)
    return any(b"training" in word or b"trl-clinic" in word for word in words)
