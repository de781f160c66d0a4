"""Reads one run folder again and again, of its event files only what is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diagnostics.run.events import EventFile, Point, config_of
from diagnostics.run.files import read_json, read_json_lines
from diagnostics.run.folder import EXPECTED, RUN_FILE, SAMPLES_FILE, STATE_FILE, checkpoints, event_files
from diagnostics.run.gather import gather, status_of_state
from diagnostics.run.method import METHODS, method_of
from diagnostics.run.record import Run, RunUnreadable, Sample
from diagnostics.run.rows import points_of
from diagnostics.run.status import STATUS_FILE, read_status


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
