"""Open a path as a run: our run folder, an HF output folder, a TensorBoard folder, a state file or bare log rows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from diagnostics.run.events import EventFile, Point, config_of
from diagnostics.run.files import read_json, read_json_lines
from diagnostics.run.method import METHODS, method_of
from diagnostics.run.record import Run, RunUnreadable, Sample, Series
from diagnostics.run.rows import points_of
from diagnostics.run.status import STATUS_FILE, Status, read_status

RUN_FILE = "run.json"
SAMPLES_FILE = "samples.jsonl"
STATE_FILE = "trainer_state.json"
EVENT_MARK = "events.out.tfevents"
CHECKPOINT = re.compile(r"checkpoint-(\d+)$")
EXPECTED = (
    "a run folder (run.json), a Trainer's output folder, a TensorBoard log folder, "
    "a trainer_state.json or a JSON list of log rows"
)


def event_files(folder: Path) -> list[Path]:
    """The event files of one run: in the folder itself, else below its `runs/` (where the HF Trainer puts them).

    Files are in the order of their names, which begin with the time of their making.
    """
    own = sorted(folder.glob(f"*{EVENT_MARK}*"))
    return own or sorted((folder / "runs").glob(f"*/*{EVENT_MARK}*"), key=lambda path: path.name)


def checkpoints(folder: Path) -> dict[int, Path]:
    """The `checkpoint-<step>` folders of a run by step, ascending."""
    found = {}
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return {}
    for entry in entries:
        match = CHECKPOINT.match(entry.name)
        if match and entry.is_dir():
            found[int(match[1])] = Path(entry.path)
    return dict(sorted(found.items()))


def is_run(folder: Path) -> bool:
    """Whether a folder holds traces of a run, judged by file names only."""
    return (
        (folder / RUN_FILE).is_file()
        or (folder / STATE_FILE).is_file()
        or bool(event_files(folder))
        or any((path / STATE_FILE).is_file() for path in checkpoints(folder).values())
    )


@dataclass
class RunReader:
    """Reads one folder again and again, event files only from where they grew. `read()` gives the run as it is now."""

    folder: Path
    _files: dict[Path, EventFile] = field(default_factory=dict)
    _points: dict[Path, list[Point]] = field(default_factory=dict)
    _signature: tuple | None = None
    _run: Run | None = None

    def signature(self) -> tuple:
        """Changes whenever a file of the run did: names, sizes and times, plus the state the run is seen in."""
        small = [self.folder / name for name in (RUN_FILE, STATUS_FILE, SAMPLES_FILE, STATE_FILE)]
        stats = []
        for path in [*small, *event_files(self.folder)]:
            try:
                stat = path.stat()
                stats.append((path.name, stat.st_size, stat.st_mtime_ns))
            except OSError:
                continue
        return (tuple(stats), tuple(checkpoints(self.folder)), read_status(self.folder).state)

    def read(self) -> Run:
        """The run as it is on disk now; the same object as before if nothing changed.

        Raises:
            RunUnreadable: nothing of a run could be read.
        """
        signature = self.signature()
        if self._run is None or signature != self._signature:
            self._run = self._read()
            self._signature = signature
        return self._run

    def _read(self) -> Run:
        folder = self.folder
        problems: list[str] = []
        asked = self._asked(problems)
        points, texts = self._event_points(problems)
        found = checkpoints(folder)
        state = self._state(found, problems)
        state_points = points_of(state.get("log_history") or [])
        series, restarts = gather([*state_points, *points])
        config = {**config_of(texts), **asked.get("config", {})}
        method = asked.get("method") if asked.get("method") in METHODS else method_of(series)
        status = read_status(folder)
        if status.state == "unknown":
            status = status_of_state(state, series)
        if not series and not asked:
            raise RunUnreadable(
                f"{folder}: nothing was logged in it"
                + (f" ({problems[0]})" if problems else "")
                + f"; expected {EXPECTED}."
            )
        parts = {
            "request": bool(asked),
            "events": bool(self._files),
            "checkpoints": bool(found),
            "samples": (folder / SAMPLES_FILE).exists(),
        }
        return Run(
            path=folder,
            name=folder.name or str(folder),
            method=method,
            status=status,
            config=config,
            series=series,
            checkpoints=found,
            samples=tuple(read_samples(folder / SAMPLES_FILE)),
            restarts=restarts,
            missing=tuple(part for part, present in parts.items() if not present),
            problems=tuple(problems),
            parent=asked.get("parent") if isinstance(asked.get("parent"), str) else None,
            asked=asked.get("config", {}),
        )

    def _asked(self, problems: list[str]) -> dict[str, Any]:
        """`run.json`, or {} if there is none."""
        path = self.folder / RUN_FILE
        try:
            asked = read_json(path)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            problems.append(f"{RUN_FILE} cannot be read: {error}.")
            return {}
        if not isinstance(asked, dict) or not isinstance(asked.get("config", {}), dict):
            problems.append(f"{RUN_FILE} is no record of a run: an object with a config was expected.")
            return {}
        return asked

    def _event_points(self, problems: list[str]) -> tuple[list[Point], dict[str, str]]:
        texts: dict[str, str] = {}
        for path in event_files(self.folder):
            file = self._files.setdefault(path, EventFile(path))
            gathered = self._points.setdefault(path, [])
            try:
                gathered.extend(file.read_new())
            except OSError as error:
                problems.append(f"{path.name} cannot be read: {error}.")
            if not gathered and not file.texts:
                problems.append(f"{path.name} holds no complete record yet.")
            problems.extend(file.problems)
            texts.update(file.texts)
        return [point for path in sorted(self._points, key=lambda one: one.name) for point in self._points[path]], texts

    def _state(self, found: Mapping[int, Path], problems: list[str]) -> dict[str, Any]:
        """The newest `trainer_state.json`: of the folder, else of its last checkpoint that has one."""
        for path in [self.folder / STATE_FILE, *(found[step] / STATE_FILE for step in sorted(found, reverse=True))]:
            try:
                state = read_json(path)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                problems.append(f"{path.relative_to(self.folder)} cannot be read: {error}.")
                continue
            if isinstance(state, dict) and isinstance(state.get("log_history", []), list):
                return state
            problems.append(f"{path.relative_to(self.folder)} is no Trainer state: a log_history list was expected.")
        return {}


def status_of_state(state: Mapping[str, Any], series: Mapping[str, Series]) -> Status:
    """What a foreign run's own files tell of its state: finished if it logged its summary, else unknown."""
    step = max((int(one.steps[-1]) for one in series.values() if len(one)), default=0)
    most = state.get("max_steps")
    finished = "train/train_runtime" in series or "train/train_loss" in series
    return Status(
        "finished" if finished else "unknown", step=step, max_steps=most if isinstance(most, int) and most > 0 else 0
    )


def gather(points: Iterable[Point]) -> tuple[dict[str, Series], tuple[int, ...]]:
    """Points as series by tag, and the steps at which the logging went back to an earlier one.

    A step logged twice keeps the value written later: where a run was restarted, its last attempt is the run.
    """
    by_tag: dict[str, dict[int, float]] = {}
    last: dict[str, int] = {}
    restarts: set[int] = set()
    for point in points:
        values = by_tag.setdefault(point.tag, {})
        if point.tag == "train/loss" and point.step < last.get(point.tag, point.step) and point.wall_time:
            restarts.add(point.step)
        last[point.tag] = point.step
        values[point.step] = point.value
    series = {}
    for tag, values in by_tag.items():
        steps = np.fromiter(sorted(values), dtype=np.int64, count=len(values))
        series[tag] = Series(tag, steps, np.array([values[int(step)] for step in steps], dtype=np.float64))
    return series, tuple(sorted(restarts))


def read_samples(path: Path) -> Iterable[Sample]:
    """The lines of `samples.jsonl` that are whole samples."""
    known = {"step", "prompt", "completion", "rewards"}
    for row in read_json_lines(path):
        if isinstance(row, dict) and isinstance(row.get("step"), int) and "completion" in row:
            rewards = row.get("rewards")
            yield Sample(
                step=row["step"],
                prompt=str(row.get("prompt", "")),
                completion=str(row["completion"]),
                rewards=rewards if isinstance(rewards, dict) else {},
                columns={key: value for key, value in row.items() if key not in known},
            )


def open_run(path: Path) -> Run:
    """Read a path as a run.

    Raises:
        RunUnreadable: it is none; the message says what was expected.
    """
    if not path.exists():
        raise RunUnreadable(f"{path}: there is no such file or folder; expected {EXPECTED}.")
    if path.is_file():
        return open_file(path)
    if is_run(path):
        return RunReader(path).read()
    inside = sorted(entry.name for entry in path.iterdir() if entry.is_dir() and is_run(entry))
    if inside:
        raise RunUnreadable(f"{path}: holds {len(inside)} runs, name one of them: {', '.join(inside[:8])}.")
    raise RunUnreadable(f"{path}: is no run; expected {EXPECTED}.")


def open_file(path: Path) -> Run:
    """Read one file as a run: an event file, a `trainer_state.json`, log rows as a JSON list or as JSON Lines."""
    if EVENT_MARK in path.name:
        file = EventFile(path)
        points = file.read_new()
        if not points:
            raise RunUnreadable(f"{path}: the event file holds no scalar (it is empty or was cut off at its start).")
        series, restarts = gather(points)
        return foreign(path, {}, series, restarts, config_of(file.texts), tuple(file.problems))
    try:
        value = read_json(path)
    except (OSError, ValueError) as error:
        value = [row for row in read_json_lines(path) if isinstance(row, dict)]
        if not value:
            raise RunUnreadable(f"{path}: cannot be read as JSON ({error}); expected {EXPECTED}.") from error
    rows = value.get("log_history") if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise RunUnreadable(f"{path}: holds no log rows; expected a log_history, or a list of rows.")
    series, restarts = gather(points_of(rows))
    if not series:
        raise RunUnreadable(f"{path}: its log is empty; expected rows with numbers such as loss.")
    return foreign(path, value if isinstance(value, dict) else {}, series, restarts, {}, ())


def foreign(
    path: Path,
    state: Mapping[str, Any],
    series: dict[str, Series],
    restarts: tuple[int, ...],
    config: Mapping[str, Any],
    problems: tuple[str, ...],
) -> Run:
    """A run known from one file alone."""
    return Run(
        path=path,
        name=path.parent.name if path.name == STATE_FILE and path.parent.name else path.name,
        method=method_of(series),
        status=status_of_state(state, series),
        config=config,
        series=series,
        restarts=restarts,
        missing=("all-but-log",),
        problems=problems,
    )
