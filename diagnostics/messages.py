"""What a run's console says: the lines that a known sentence stands in, with those around them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from diagnostics.finding import TextEvidence
from diagnostics.run import Run
from diagnostics.run.files import tail
from diagnostics.run.folder import EVENT_MARK

CONSOLE_FILES = ("console.log", "train.log")
LINES = 2000
BYTES = 1 << 20
AROUND = 6


@dataclass(frozen=True)
class Message:
    """One line of a console that says what is looked for: its file, the line, and the lines around it."""

    file: str
    line: str
    match: re.Match[str]
    around: tuple[str, ...]

    @property
    def evidence(self) -> TextEvidence:
        """The lines as evidence."""
        return TextEvidence(self.file, self.around)


def console_lines(run: Run) -> tuple[str, list[str]]:
    """The name and the last lines of a run's console log; no lines if it has none."""
    path = run.path
    if path.is_file():
        text = path.suffix in (".log", ".txt", ".out") and EVENT_MARK not in path.name
        return path.name, last_lines(path) if text else []
    for name in CONSOLE_FILES:
        found = last_lines(path / name)
        if found:
            return name, found
    return CONSOLE_FILES[0], []


def last_lines(path: Path) -> list[str]:
    """The last lines of a console log; several rules ask for them, so they are read once for each state of the file."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return []
    return _last_lines(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=8)
def _last_lines(path: Path, inode: int, size: int, changed: int) -> list[str]:
    return tail(path, LINES, BYTES)


def find(run: Run, pattern: re.Pattern[str]) -> Message | None:
    """The last line of a run's console that matches; None if there is none."""
    name, lines = console_lines(run)
    for place in range(len(lines) - 1, -1, -1):
        match = pattern.search(lines[place])
        if match:
            around = tuple(lines[max(0, place - AROUND) : place + 2])
            return Message(name, lines[place], match, around)
    return None


def traceback_frames(lines: list[str]) -> list[tuple[Path, int, str]]:
    """The frames of the last traceback in some lines, outermost first: file, line number, function."""
    frame = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<function>\S+)')
    begins = [place for place, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    found = (frame.match(line) for line in (lines[begins[-1] :] if begins else []))
    return [(Path(one["file"]), int(one["line"]), one["function"]) for one in found if one]
