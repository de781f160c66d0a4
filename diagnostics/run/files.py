"""Reading and writing the small files of a run folder so that nobody ever sees half of one."""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Half of a sign: JSON can spell a lone surrogate, as programs write it that cut a text inside a pair; no file and no
# page can hold it.
HALF = re.compile("[\ud800-\udfff]")
INSTEAD = "\ufffd"  # as a decoder writes what it cannot read


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
    """The value of a JSON text. Halves of signs in it are replaced, see `whole`.

    Raises:
        ValueError: it is no JSON; the message says where it breaks off.
    """
    try:
        return whole(json.loads(text)) if spells_halves(text) else json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply to be a log") from error


def spells_halves(text: str) -> bool:
    """Whether a JSON text may spell halves of signs; most never do, and need not be looked through once more."""
    return "\\ud" in text or "\\uD" in text


def whole(value: Any) -> Any:
    """A value of JSON with the lone surrogates in its texts and keys replaced, so that it can be written and shown."""
    if isinstance(value, str):
        return value if value.isascii() else HALF.sub(INSTEAD, value)
    if isinstance(value, list):
        return [whole(one) for one in value]
    if isinstance(value, dict):
        return {whole(key): whole(one) for key, one in value.items()}
    return value


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
            yield parse_json(line)
        except ValueError:
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
