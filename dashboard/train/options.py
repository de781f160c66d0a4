"""The arguments of each method as the installed TRL has them: asked of a process once, then kept in the runs folder."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from diagnostics.package import python_path
from diagnostics.preflight.asking import METHODS
from diagnostics.run.files import read_json, write_json

KEPT = ".options"
DECIDE = ("trl", "transformers", "peft")  # the libraries whose versions decide what a method takes


_asking = threading.Lock()


class OptionsUnread(Exception):
    """The arguments cannot be read. The message is the last line that the process said."""


@dataclass(frozen=True)
class Option:
    """One argument: its kind, the values that it takes where they are few, its default, its help, its group."""

    name: str
    group: str
    kind: str | None
    choices: tuple[str, ...]
    default: Any
    help: str


@cache
def version() -> str:
    """What decides the arguments: the versions of the libraries, and this project's own files that add some."""
    parts = []
    for name in DECIDE:
        try:
            parts.append(metadata.version(name))
        except metadata.PackageNotFoundError:
            parts.append("none")
    root = Path(__file__).parents[2] / "training"
    changed = max(
        int((root / name).stat().st_mtime) for name in ("request.py", "ppo_config.py", "control/described.py")
    )
    return "-".join([*parts, str(changed)])


def options_of(method: str, root: Path) -> dict[str, Option]:
    """All arguments of a method by name; some seconds the first time, in which those of all methods are read.

    Raises:
        OptionsUnread: the process that knows them failed.
    """
    found = kept(method, root)
    if not found:
        with _asking:  # whoever comes meanwhile waits for the same answer
            found = kept(method, root) or asked(root)[method]
    return found


def warm(root: Path) -> None:
    """Have the arguments read in the background, so that they are there once a method has been chosen."""

    def read() -> None:
        with contextlib.suppress(OptionsUnread, OSError, KeyError):
            options_of(METHODS[0], root)

    if not _asking.locked() and not kept(METHODS[0], root):
        threading.Thread(target=read, name="options", daemon=True).start()


def kept(method: str, root: Path) -> dict[str, Option]:
    """What an earlier process told; {} if none did, or other libraries are installed since."""
    try:
        return options_from(read_json(path_of(method, root)))
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def asked(root: Path) -> dict[str, dict[str, Option]]:
    """Ask a process for the arguments of all methods: most of its time goes into loading the libraries.

    Raises:
        OptionsUnread: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "training", "options", "--method", "all", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": python_path(os.environ)},
    )
    try:
        each = dict(json.loads(done.stdout)["methods"])
        found = {method: options_from(one) for method, one in each.items()}
    except (ValueError, KeyError, TypeError):
        lines = done.stderr.strip().splitlines()
        raise OptionsUnread(lines[-1] if lines else f"exit code {done.returncode}") from None
    (root / KEPT).mkdir(parents=True, exist_ok=True)
    for method, one in each.items():
        write_json(path_of(method, root), one)
    return found


def options_from(whole: Any) -> dict[str, Option]:
    """The arguments of an object as `training options --format json` prints it of one method."""
    return {
        one["name"]: Option(one["name"], one["group"], one["kind"], tuple(one["choices"]), one["default"], one["help"])
        for one in whole["arguments"]
    }


def path_of(method: str, root: Path) -> Path:
    """Where the arguments of a method are kept: beside the runs, in a folder that is no run."""
    return root / KEPT / f"{method}-{version()}.json"
