"""Reading and writing the small files of a run folder so that nobody ever sees half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON under a temporary name, then rename it: a reader sees the old file or the new one."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """The value of a JSON file. Bare NaN and Infinity, which the HF Trainer writes, are read as such.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it does not hold JSON; the message says where it breaks off.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply to be a log") from error


def read_json_lines(path: Path) -> Iterator[Any]:
    """The values of a JSON Lines file. A last line still being written is left out; other broken lines are too."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue


def tail(path: Path, lines: int, limit_bytes: int = 65536) -> list[str]:
    """The last `lines` lines of a text file, reading at most `limit_bytes` of its end; [] if there is no such file.

    Progress bars overwrite their line with carriage returns; only what stood there last is kept.
    """
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - limit_bytes))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    kept = [line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
    return [line for line in kept if line][-lines:]
