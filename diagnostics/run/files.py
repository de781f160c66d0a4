"""Reading and writing the small files of a run folder so that nobody ever sees half of one."""

from __future__ import annotations

import codecs
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


def decoded(data: bytes) -> str:
    """Bytes as text: UTF-8, or UTF-16 where a byte order mark says so (Windows' PowerShell writes `>` that way)."""
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if utf16 else "utf-8-sig", errors="replace")


def read_json(path: Path) -> Any:
    """The value of a JSON file. Bare NaN and Infinity, which the HF Trainer writes, are read as such.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it does not hold JSON; the message says where it breaks off.
    """
    return parse_json(decoded(path.read_bytes()))


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON; the message says where it breaks off.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply to be a log") from error


def read_json_lines(path: Path) -> Iterator[Any]:
    """The values of a JSON Lines file. A last line still being written is left out; other broken lines are too."""
    try:
        text = decoded(path.read_bytes())
    except FileNotFoundError:
        return
    yield from parse_json_lines(text)


def parse_json_lines(text: str) -> Iterator[Any]:
    """The values of a text in JSON Lines; broken lines are left out."""
    # Not splitlines: U+2028 and its like stand unescaped inside the strings of whole rows.
    for line in text.split("\n"):
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
