"""Open a path as a run: our run folder, an HF output folder, a TensorBoard folder, a state file or bare log rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagnostics.run.events import EventFile, config_of
from diagnostics.run.files import read_json, read_json_lines
from diagnostics.run.folder import EVENT_MARK, EXPECTED, STATE_FILE, is_run
from diagnostics.run.gather import gather, status_of_state
from diagnostics.run.method import method_of
from diagnostics.run.reader import RunReader
from diagnostics.run.record import Run, RunUnreadable, Series
from diagnostics.run.rows import points_of


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
