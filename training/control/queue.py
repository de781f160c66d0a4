"""The queue of this machine: at most N workers at a time, the oldest waiting next; no daemon, only locked files.

Every launcher holds a lock on a ticket file of its own, and its accelerate process inherits it: the ticket lives until
both are gone, however they end, because the kernel drops the lock of a dead process. Whoever waits looks under one
lock for all whether it is the oldest waiting and whether a place is free.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diagnostics.run.files import read_json
from training.request import BadRequest

try:
    import fcntl
except ImportError:  # Windows: there no ticket is drawn, and --queue is refused
    fcntl = None  # type: ignore[assignment]

FOLDER_VARIABLE = "TRL_CLINIC_QUEUE"
LIMIT_FILE = "at-most"
LOCK_FILE = "lock"
DEFAULT_LIMIT = 1


def queue_folder() -> Path:
    """The folder of this user's tickets on this machine, made if it is not there.

    Raises:
        BadRequest: it cannot be made, or somebody else could write into it.
    """
    user = os.getuid() if hasattr(os, "getuid") else 0
    chosen = os.environ.get(FOLDER_VARIABLE)
    folder = Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"trl-clinic-{user}" / "queue"
    try:
        for one in (folder.parent, folder):
            one.mkdir(mode=0o700, parents=True, exist_ok=True)
        owned = [folder] if chosen else [folder.parent, folder]
        if any(not ours_alone(one) for one in owned):
            raise BadRequest(
                f"{folder}: the queue's folder must be a folder that only you can write into.",
                f"{folder}：队列的文件夹必须只有你自己能写入。",
            )
    except OSError as error:
        raise BadRequest(
            f"{folder}: the queue's folder cannot be made ({error.strerror}).",
            f"{folder}：无法创建队列的文件夹（{error.strerror}）。",
        ) from error
    return folder


def ours_alone(folder: Path) -> bool:
    """Whether a path is a real folder of this user, which nobody else may write into."""
    found = folder.lstat()
    mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    return stat.S_ISDIR(found.st_mode) and mine and not found.st_mode & 0o022


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock for all, for as long as it takes to look at the tickets."""
    with (folder / LOCK_FILE).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def limit(folder: Path) -> int:
    """How many workers may run at a time."""
    try:
        return max(1, int((folder / LIMIT_FILE).read_text(encoding="ascii")))
    except (OSError, ValueError):
        return DEFAULT_LIMIT


def set_limit(folder: Path, at_most: int) -> None:
    """Change how many workers may run at a time; those that run already go on.

    Raises:
        BadRequest: not even one could run.
    """
    if at_most < 1:
        raise BadRequest(f"--at-most {at_most}: at least 1 is needed.", f"--at-most {at_most}：至少需要 1。")
    temporary = folder / f"{LIMIT_FILE}.{os.getpid()}.tmp"
    temporary.write_text(f"{at_most}\n", encoding="ascii")
    temporary.replace(folder / LIMIT_FILE)


class Ticket:
    """A launcher's place in the queue, held until `close` or the end of the process, and of those that inherit it."""

    def __init__(self, folder: Path, run: Path, running: bool) -> None:
        self.folder = folder
        with locked(folder):
            self.path = folder / f"{time.time_ns():020d}-{os.getpid()}.json"
            self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            self.run = run
            self._write(running)

    def _write(self, running: bool) -> None:
        import json

        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps({"run": str(self.run), "running": running}).encode(), 0)

    def may_run(self) -> bool:
        """Take a place if one is free and nobody has waited longer. Under the lock for all."""
        with locked(self.folder):
            live = list(tickets(self.folder))
            waiting = [path for path, content in live if not content["running"]]
            if len(live) - len(waiting) >= limit(self.folder) or not waiting or waiting[0] != self.path:
                return False
            self._write(running=True)
            return True

    def ahead(self) -> list[str]:
        """Whom this one waits for, by the names of their folders: those that run, then those that have waited longer."""
        with locked(self.folder):
            live = list(tickets(self.folder))
        running = [content for _, content in live if content["running"]]
        waiting = [content for path, content in live if not content["running"] and path < self.path]
        return [Path(content["run"]).name for content in (*running, *waiting)]

    def close(self) -> None:
        """Give the place back; whoever inherited the ticket holds it on."""
        os.close(self.descriptor)


def draw(run: Path, *, wait: bool) -> Ticket | None:
    """A ticket for a run that starts now, or that waits for its turn; None where the system has no file locks.

    Raises:
        BadRequest: it is to wait, and there are no file locks; or the queue's folder cannot be used.
    """
    if fcntl is None:
        if wait:
            raise BadRequest(
                "--queue: this system has no file locks (fcntl); start the runs one by one.",
                "--queue：这个系统没有文件锁（fcntl）；请逐个启动训练。",
            )
        return None
    return Ticket(queue_folder(), run, running=not wait)


def tickets(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The live tickets, oldest first; those of the dead are removed. Under the lock for all."""
    for path in sorted(folder.glob("*.json")):
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            content = read_json(path)
            yield path, {"run": content["run"], "running": bool(content["running"])}
        else:
            path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def listed(folder: Path) -> list[dict[str, Any]]:
    """What runs and what waits, oldest first: `run` (the folder) and `running`."""
    if fcntl is None:
        return []
    with locked(folder):
        return [content for _, content in tickets(folder)]
