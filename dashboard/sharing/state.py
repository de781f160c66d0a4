"""What is known of a shared link from its folder: the server writes it, the dashboard and the command line read it."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from diagnostics.run.files import read_json, write_json
from diagnostics.run.status import process_alive

FOLDER = ".share"
STATUS, STOP, LOCK, CONSOLE = "status.json", "stop", "lock", "console.log"
STALE_SECONDS = 180.0  # making the tunnel takes up to 120, and nothing is said meanwhile
Phase = Literal["starting", "on", "ended"]
# Why it ended: a key of the texts, after `share.ended_`.
Reason = Literal["", "expired", "stopped", "tunnel", "crashed", "parent", "failed"]
# What kind of failure it was: a key of the texts, after `share.why_`.
Cause = Literal["", "blocked", "checksum", "refused", "program", "port"]
# How far a start is: a key of the texts, after `share.stage_`.
Stage = Literal["", "pages", "program", "tunnel"]


@dataclass(frozen=True)
class State:
    """A shared link. `visitors`: the names of who is on; `failed`: wrong passwords so far; `ends`: seconds since 1970.

    `stage`: what is being done while it starts; `prompts`, `votes`: of all visitors so far.
    No password and no cookie is ever in it.
    """

    id: str
    phase: Phase
    pid: int = 0
    url: str = ""
    local: str = ""
    port: int = 0
    mode: str = ""
    runs: tuple[str, ...] = ()
    ends: float = 0.0
    visitors: tuple[str, ...] = ()
    failed: int = 0
    reason: Reason = ""
    detail: str = ""
    tunnel_pid: int | None = None
    cause: Cause = ""
    stage: Stage = ""
    prompts: int = 0
    votes: int = 0


def new_id() -> str:
    """A name for one time of sharing."""
    return secrets.token_hex(8)


def share_folder(root: Path) -> Path:
    """The folder of a runs folder's shared link, which only its owner can look into."""
    folder = root / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def take_lock(root: Path) -> int | None:
    """Take a folder's lock: the file descriptor that holds it, also when handed to a child; None if another holds it.

    -1 where the system has no such locks (Windows).

    Raises:
        OSError: the folder cannot be written.
    """
    try:
        import fcntl
    except ImportError:
        return -1
    lock = os.open(share_folder(root) / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def is_locked(root: Path) -> bool:
    """Whether a server of this folder lives, whatever its status says."""
    if not (root / FOLDER / LOCK).exists():
        return False
    try:
        lock = take_lock(root)
    except OSError:
        return False
    if lock is not None and lock >= 0:
        os.close(lock)
    return lock is None


def write_state(root: Path, state: State) -> None:
    """Tell how it stands."""
    write_json(share_folder(root) / STATUS, asdict(state))


def read_state(root: Path) -> State | None:
    """How it stands; None if nothing was ever shared from here, or the file says nothing readable."""
    try:
        raw = read_json(root / FOLDER / STATUS)
        return State(**{**raw, "runs": tuple(raw["runs"]), "visitors": tuple(raw["visitors"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def touch_state(root: Path) -> None:
    """Say that the server still runs."""
    with contextlib.suppress(OSError):
        os.utime(root / FOLDER / STATUS)


def is_on(root: Path, state: State) -> bool:
    """Whether the server runs. After a crash of the machine its number may be another program's: it must have said so lately."""
    if state.phase == "ended" or state.pid <= 0 or not process_alive(state.pid):
        return False
    try:
        return time.time() - (root / FOLDER / STATUS).stat().st_mtime < STALE_SECONDS
    except OSError:
        return False


def ask_to_stop(root: Path, state: State) -> None:
    """Ask a server to end. A file does it, not a signal: a process number may by now be another program's."""
    (share_folder(root) / STOP).write_text(state.id, encoding="utf-8")


def asked_to_stop(root: Path, own: str) -> bool:
    """Whether this very server was asked to end."""
    try:
        return (root / FOLDER / STOP).read_text(encoding="utf-8") == own
    except OSError:
        return False


def forget_stop(root: Path) -> None:
    """Take the wish back, once it is fulfilled."""
    with contextlib.suppress(OSError):
        os.unlink(root / FOLDER / STOP)  # noqa: PTH108
