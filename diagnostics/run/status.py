"""The state of a run, as its worker wrote it and as the machine shows it."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from diagnostics.run.files import read_json
from diagnostics.run.refusal import Sentence, told_in

State = Literal["waiting", "starting", "running", "finished", "failed", "stopped", "unknown"]

# How a run ended. `killed`: by a signal, from outside; `crashed`: by an error of its own.
Ending = Literal["finished", "stopped", "crashed", "killed", "running", "unknown"]

STATUS_FILE = "status.json"
# Exit codes by which a shell or a container says: ended by signal 9, by signal 15.
SIGNALLED = (137, 143)
HEARTBEAT_SECONDS = 5.0
# A worker on another machine cannot be looked up, only listened to. Five missed heartbeats: long enough for a slow
# shared filesystem, short enough to show a dead run within half a minute.
SILENT_SECONDS = 25.0


@dataclass(frozen=True)
class Status:
    """What a run is doing. `step` and `max_steps` are optimizer steps; times are seconds since the epoch.

    `reason` says in one sentence why the run failed or was stopped. `vanished`: the worker wrote no end, and its
    process is gone. `behind`: the runs that one in the queue waits for, those that train first.
    """

    state: State
    step: int = 0
    max_steps: int = 0
    pid: int | None = None
    host: str | None = None
    started: float | None = None
    heartbeat: float | None = None
    ended: float | None = None
    exit_code: int | None = None
    reason: str | None = None
    vanished: bool = False
    activity: str | None = None
    behind: tuple[str, ...] = ()

    @property
    def ending(self) -> Ending:
        """How it ended, as far as the status alone tells; a worker that vanished without a word was killed."""
        if self.state in ("finished", "stopped"):
            return "finished" if self.state == "finished" else "stopped"
        if self.state == "failed":
            killed = self.exit_code is not None and (self.exit_code < 0 or self.exit_code in SIGNALLED)
            return "killed" if killed or self.vanished else "crashed"
        return "running" if self.active else "unknown"

    @property
    def active(self) -> bool:
        """Whether more may still be written to the run."""
        return self.state in ("starting", "running")


def process_alive(pid: int) -> bool:
    """Whether a process of this machine is still running. A zombie, dead but not yet collected, is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        return state not in ("Z", "X")
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return False
    except (OSError, IndexError):
        pass
    if os.name == "nt":
        return True  # os.kill would end the process there: on Windows the heartbeat decides
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def number(value: Any, default: float | None = None) -> float | None:
    """A JSON value as a float, or the default if it is no number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def read_status(folder: Path, now: float | None = None) -> Status:
    """The status of a run folder, corrected by what can be seen: a worker that is gone is not running.

    A folder without `status.json` has the state `unknown`.
    """
    try:
        raw = read_json(folder / STATUS_FILE)
    except (OSError, ValueError):
        return Status("unknown")
    if not isinstance(raw, dict):
        return Status("unknown")
    state = raw.get("state")
    if state not in ("starting", "running", "finished", "failed", "stopped"):
        return Status(
            "unknown",
            reason=Sentence(
                f"{STATUS_FILE} holds the state {state!r}, which is none of ours",
                f"{STATUS_FILE} 中的状态 {state!r} 不是这里的状态",
            ),
        )
    pid, host, behind = raw.get("pid"), raw.get("host"), raw.get("behind")
    status = Status(
        state=state,
        step=int(number(raw.get("step"), 0) or 0),
        max_steps=int(number(raw.get("max_steps"), 0) or 0),
        pid=pid if isinstance(pid, int) else None,
        host=host if isinstance(host, str) else None,
        started=number(raw.get("started")),
        heartbeat=number(raw.get("heartbeat")),
        ended=number(raw.get("ended")),
        exit_code=raw.get("exit_code") if isinstance(raw.get("exit_code"), int) else None,
        reason=told_in(raw, "reason") if isinstance(raw.get("reason"), str) else None,
        activity=raw.get("activity") if isinstance(raw.get("activity"), str) else None,
        behind=tuple(one for one in behind if isinstance(one, str)) if isinstance(behind, list) else (),
    )
    return seen(status, time.time() if now is None else now)


def seen(status: Status, now: float) -> Status:
    """The status after looking for the worker's process, or listening for its heartbeat where it runs elsewhere."""
    if not status.active:
        return status
    silent = now - (status.heartbeat or status.started or now)
    here = status.host == socket.gethostname()
    gone = here and status.pid is not None and not process_alive(status.pid) if os.name != "nt" else False
    if not gone and not (silent > SILENT_SECONDS and not (here and os.name != "nt")):
        return status
    where = f"process {status.pid} on {status.host}"
    where_zh = f"{status.host} 上的进程 {status.pid}"
    reason = (
        Sentence(
            f"The worker ({where}) is gone without a word; its last sign of life was {silent:.0f} s ago.",
            f"训练进程（{where_zh}）不声不响地消失了；最后的动静在 {silent:.0f} 秒前。",
        )
        if gone
        else Sentence(
            f"The worker ({where}) has given no sign of life for {silent:.0f} s.",
            f"训练进程（{where_zh}）已有 {silent:.0f} 秒没有动静。",
        )
    )
    return Status(
        state="failed",
        step=status.step,
        max_steps=status.max_steps,
        pid=status.pid,
        host=status.host,
        started=status.started,
        heartbeat=status.heartbeat,
        ended=status.heartbeat,
        reason=reason,
        vanished=True,
    )
