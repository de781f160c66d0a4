"""Where a finding can be looked up: the file of the run that shows it, with its line where it has lines."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from diagnostics.finding import Evidence, Finding, SeriesEvidence, TableEvidence, TextEvidence
from diagnostics.run import Run
from diagnostics.run.folder import RUN_FILE, STATE_FILE, checkpoints, event_files
from diagnostics.run.status import STATUS_FILE

# Logs with a row a step as JSON: the HF Trainer's, and that of LLaMA-Factory.
ROWS_FILES = (STATE_FILE, "trainer_log.jsonl")
# A console log can be gigabytes of progress bars: to count its lines is not worth that.
LARGEST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    """A file, and the lines in it, counted from 1; None where it has no lines, or they were not found."""

    path: Path
    first_line: int | None = None
    last_line: int | None = None
    lines: tuple[str, ...] = ()


def places_of(run: Run, finding: Finding) -> list[Place]:
    """Where a finding can be looked up, a place for each piece of evidence that has one of its own, never none."""
    found: dict[tuple[Path, int | None], Place] = {}
    for one in finding.evidence:
        place = place_of(run, one)
        if place is not None:
            found.setdefault((place.path, place.first_line), place)
    if not found:
        status = run.path / STATUS_FILE
        return [Place(status if status.is_file() else next(iter(log_files(run)), run.path))]
    return list(found.values())


def place_of(run: Run, evidence: Evidence) -> Place | None:
    """Where one piece of evidence can be looked up."""
    if isinstance(evidence, TextEvidence):
        path = run.path / evidence.file if run.path.is_dir() else run.path
        return line_place(path, evidence.lines) if path.is_file() else None
    if isinstance(evidence, TableEvidence):
        return None
    logs = log_files(run)
    for path in logs:
        place = row_place(path, evidence)
        if place is not None:
            return place
    return Place(logs[0]) if logs else None


def log_files(run: Run) -> list[Path]:
    """The files that a run's curves can have come from, those with rows to read first."""
    if not run.path.is_dir():
        return [run.path]
    inside = [run.path, *reversed(checkpoints(run.path).values())]
    candidates = [
        *(folder / name for name in ROWS_FILES for folder in inside),
        *reversed(event_files(run.path)),
        run.path / RUN_FILE,
    ]
    return [path for path in candidates if path.is_file()]


def row_place(path: Path, evidence: SeriesEvidence) -> Place | None:
    """The row of the first marked step in a log of JSON rows; None if there is none."""
    data = read(path) if evidence.marks and path.suffix in (".json", ".jsonl") else None
    if data is None:
        return None
    found = re.search(rb'"(?:step|current_steps)"\s*:\s*%d\b' % evidence.marks[0], data)
    if found is None:
        return None
    number = data.count(b"\n", 0, found.start()) + 1
    return Place(path, number, number)


def line_place(path: Path, lines: tuple[str, ...]) -> Place:
    """The last place in a text file where these lines stand one after the other, blank lines between them or not."""
    data = read(path)
    if data is None or not lines:
        return Place(path, lines=lines)
    # As in `tail`: of a line that was overwritten, what stood there last; and no blank lines.
    texts = [one.rstrip(b"\r").rsplit(b"\r", 1)[-1].decode("utf-8", "replace").rstrip() for one in data.split(b"\n")]
    kept = [(number, text) for number, text in enumerate(texts, 1) if text]
    wanted = [line.rstrip() for line in lines]
    for end in range(len(kept), len(wanted) - 1, -1):
        window = kept[end - len(wanted) : end]
        if window[-1][1] == wanted[-1] and [text for _, text in window] == wanted:
            return Place(path, window[0][0], window[-1][0], lines)
    return Place(path, lines=lines)


def read(path: Path) -> bytes | None:
    """The bytes of a file; None if it cannot be read or is too large to."""
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST_BYTES else None
    except OSError:
        return None


def address(path: Path) -> str:
    """A file as an address: relative to the working directory if it lies below it, else whole."""
    absolute, here = os.path.abspath(path), os.path.abspath(os.curdir)  # noqa: PTH100 - resolve() would follow links
    if absolute.startswith(here.rstrip(os.sep) + os.sep):
        return quote(os.fsencode(os.path.relpath(absolute, here).replace(os.sep, "/")))
    return Path(absolute).as_uri()
