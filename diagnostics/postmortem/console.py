"""A console read once: its lines without colours, bars, time stamps and rank prefixes, and which rank wrote each."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from diagnostics.run import Run
from diagnostics.run.files import decoded
from diagnostics.run.folder import EVENT_MARK

CONSOLE_FILES = ("console.log", "train.log")
CONSOLE_ENDINGS = (".json", ".jsonl", ".ndjson")
# What is read of a long console, in bytes: the first cause may stand before a flood of consequences, so the head counts too.
HEAD, TAIL = 1 << 20, 2 << 20

COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
# A progress bar with whatever was printed behind it on the same line.
BAR = re.compile(r"\s*(?:[\w .()=,/-]{0,60}:\s*)?\d{1,3}%\|[^|\r\n]{0,300}\|[^\[\r\n]{0,60}\[[^\]\r\n]{0,80}\]\s*")
# What launchers and loggers write before a line, and where the rank stands in it. One blank after it belongs to it: the
# blanks that follow are those of a traceback.
PREFIX = re.compile(
    r"""
      \[?rank(?P<rank>\d{1,5})\]?:[ ]?                                    # torch: [rank1]:
    | \[default(?P<default>\d{1,5})\]:[ ]?                                # torchrun --tee
    | \((?P<actor>[A-Za-z_][\w.:-]*)[ ](?:[^()]{0,40}[ ])?(?P<pid>pid=\d+)[^()]{0,80}\)[ ]?   # ray, vLLM
    | \[\d+,(?P<mpi>\d{1,5})\]<std(?:err|out)>:[ ]?                       # mpirun
    | (?P<label>\d{1,4}):[ ](?=Traceback|[ ]{2}File|[A-Z]\w*(?:Error|Exception)|\[rank|\{|slurm)  # srun --label
    | (?:[a-z][\w.]*-\d+):[ ](?=\S|[ ])                                   # pdsh: worker-0:
    | >[ ]                                                                # quoted in a report
    | \[\d{1,6}\][ ](?=\[rank|frame[ ]|Traceback|[ ]{2}File|[A-Z]\w*Error)   # lines with numbers
    | \[[IWEF]\d{3,4}[ ]\d\d:\d\d:\d\d[^\]]{0,80}\][ ]?                   # glog in brackets
    | [IWEF]\d{4}[ ]\d\d:\d\d:\d\d\.\d+[ ][^\]]{0,120}\][ ]?              # glog
    | \[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?[ ,:]?[ ]?(?:-[ ])?
    | \d\d/\d\d/\d{4}[ ]\d\d:\d\d:\d\d[ ]-[ ]
    | \[(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)(?:\|[^\]]{0,80})?\][ ]?(?:\[[\w./]+:\d+:\w+\][ ]?)?(?:>>[ ])?
    | (?:DEBUG|INFO|WARNING|ERROR|CRITICAL)[ ]\d\d-\d\d[ ]\d\d:\d\d:\d\d(?:\.\d+)?[ ]\[[^\]]{0,80}\][ ]?
    | (?:DEBUG|INFO|WARNING|ERROR|CRITICAL)[ ]-[ ][\w.]{1,60}[ ]-[ ]
    """,
    re.VERBOSE,
)
MOST_PREFIXES = 5
# The box that rich draws around a traceback.
BOX = re.compile(r"^[│┃] ?(?P<inside>.*?)\s*[│┃]?$")


@dataclass(frozen=True)
class Line:
    """One line: its text without what stands before it, the rank or actor that wrote it (None: not told), as printed."""

    text: str
    rank: str | None
    raw: str


@dataclass(frozen=True, eq=False)
class Console:
    """A console: the name of its file and its lines, blank ones left out. `gap`: the middle was too long to be read."""

    name: str
    lines: tuple[Line, ...]
    gap: bool = False

    @cached_property
    def text(self) -> str:
        """All lines as one text, to be searched in one go; `starts` tells which line a place is in."""
        return "\n".join(line.text for line in self.lines)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The place in `text` at which each line begins."""
        places, place = [], 0
        for line in self.lines:
            places.append(place)
            place += len(line.text) + 1
        return tuple(places)


def line_of(raw: str) -> Line:
    """One line as it was printed, taken apart."""
    text, rank = raw, None
    for _ in range(MOST_PREFIXES):
        found = PREFIX.match(text) or (BAR.match(text) if "%|" in text else None)
        if found is None or not found.end():
            break
        parts = found.groupdict()
        own = next((parts[key] for key in ("rank", "default", "mpi", "label") if parts.get(key)), None)
        actor = f"{parts['actor']} {parts['pid']}" if parts.get("actor") else None
        rank = rank or own or actor
        text = text[found.end() :]
    if text.startswith(("│", "┃")) and (boxed := BOX.match(text)):
        text = boxed["inside"]
    return Line(text.rstrip(), rank, raw.rstrip())


def lines_of(text: str) -> tuple[Line, ...]:
    """The lines of a text; what a progress bar overwrote counts as a line of its own where it is more than a bar."""
    if "\x1b" in text:
        text = COLOUR.sub("", text)
    found = (line_of(part) for part in re.split(r"[\r\n]+", text) if part.strip())
    return tuple(line for line in found if line.text.strip())


def console_of(run: Run) -> Console:
    """The console of a run: the file itself, or the console log in its folder; no lines if there is none."""
    path = run.path
    if path.is_file():
        other = path.suffix in CONSOLE_ENDINGS or EVENT_MARK in path.name
        return Console(path.name, ()) if other else read(path)
    for name in CONSOLE_FILES:
        found = read(path / name)
        if found.lines:
            return found
    return Console(CONSOLE_FILES[0], ())


def read(path: Path) -> Console:
    """A file as a console; several rules ask for it, so it is read once for each state of the file."""
    try:
        stat = path.stat()
    except OSError:
        return Console(path.name, ())
    return _read(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, inode: int, size: int, changed: int) -> Console:
    try:
        with path.open("rb") as file:
            if size <= HEAD + TAIL:
                return Console(path.name, lines_of(decoded(file.read())))
            head = file.read(HEAD)
            file.seek(size - TAIL, os.SEEK_SET)
            end = file.read()
    except OSError:
        return Console(path.name, ())
    cut = end.find(b"\n") + 1  # the first line of the tail is half a line
    return Console(path.name, lines_of(decoded(head)) + lines_of(decoded(end[cut:])), gap=True)
