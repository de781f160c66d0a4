"""A command of the diagnostics in a process of its own: started, how far it is, ended, what it said last."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from diagnostics.package import python_path


def started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """A command of the diagnostics in a session of its own, its words in `console.log`."""
    with (folder / "console.log").open("wb") as console:
        return subprocess.Popen(
            [sys.executable, "-m", "diagnostics", *command],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": python_path(os.environ)},
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it started, if it is still running."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def last_told(progress: Path) -> dict[str, Any]:
    """What the process told last: what, done, of."""
    try:
        lines = progress.read_text(encoding="utf-8").splitlines()
        told = json.loads(lines[-1])
        return {"what": str(told["what"]), "done": int(told["done"]), "of": int(told["of"])}
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return {}


def last_sentence(folder: Path, code: int) -> str:
    """The last line of a console, which says why a command failed; the exit code where it says nothing."""
    lines = (folder / "console.log").read_text(encoding="utf-8", errors="replace").splitlines()
    said = [line.strip() for line in lines if line.strip()]
    return said[-1] if said else f"exit code {code}"


def named(text: str, dropped: list[str]) -> str:
    """A text with the dropped files called as they were, not by the places where they are kept."""
    for one in dropped:
        text = text.replace(one, Path(one).name)
    return text
