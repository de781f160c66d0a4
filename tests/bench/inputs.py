"""Labelled runs as files that a peer can read: where it asks for a `trainer_state.json`, one is written from the rows.

The rows keep their content; only what is a matter of shape changes: LLaMA-Factory's `current_steps` and `lr` become
`step` and `learning_rate`, numbers quoted as text become numbers. So a peer is judged by what it makes of a run.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from diagnostics.run import open_run
from diagnostics.run.folder import EVENT_MARK, STATE_FILE

Rows = list[dict[str, Any]]
NAMES = {"current_steps": "step", "lr": "learning_rate"}
CONSOLE_ROW = re.compile(r"\{'[^{}]*\}")


def log_of(folder: Path) -> tuple[str, Path]:
    """The log of a run's folder and its form: `state`, `events`, or `rows` for what has to be converted.

    Raises:
        FileNotFoundError: there is none.
    """
    files = sorted(path for path in folder.iterdir() if path.is_file())
    for path in files:
        if path.name == STATE_FILE:
            return "state", path
    for path in files:
        if EVENT_MARK in path.name:
            return "events", path
    # Whole rows before the console they were printed on.
    for suffix in (".json", ".jsonl", ".log", ".txt"):
        for path in files:
            if path.suffix == suffix:
                return "rows", path
    raise FileNotFoundError(f"{folder}: holds no log.")


def rows_of(path: Path) -> Rows:
    """The log rows of a file of any form."""
    if EVENT_MARK in path.name:
        return rows_of_events(path)
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        value = json.loads(text)
        rows = value["log_history"] if isinstance(value, dict) else value
    elif path.suffix == ".jsonl":
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    else:
        rows = [ast.literal_eval(found) for found in CONSOLE_ROW.findall(text) if "'epoch'" in found]
    return [tidy(row, place) for place, row in enumerate(rows, start=1)]


def rows_of_events(path: Path) -> Rows:
    """The scalars of an event file as log rows, with the Trainer's names: `train/loss` is `loss`, `eval/x` is `eval_x`."""
    rows: dict[int, dict[str, Any]] = {}
    for tag, series in open_run(path).series.items():
        key = tag.removeprefix("train/") if tag.startswith("train/") else tag.replace("eval/", "eval_", 1)
        for step, value in zip(series.steps, series.values, strict=True):
            rows.setdefault(int(step), {"step": int(step)})[key] = float(value)
    return [rows[step] for step in sorted(rows)]


def tidy(row: dict[str, Any], place: int) -> dict[str, Any]:
    """A row with the Trainer's names and with numbers for quoted numbers; without a step, its place is its step."""
    return {"step": place} | {NAMES.get(key, key): number_or_self(value) for key, value in row.items()}


def number_or_self(value: Any) -> Any:
    """A number for a quoted number, else the value itself."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def write_state(rows: Rows, folder: Path) -> Path:
    """Write rows as a `trainer_state.json` in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / STATE_FILE
    last = max((int(row["step"]) for row in rows), default=0)
    path.write_text(json.dumps({"global_step": last, "log_history": rows}), encoding="utf-8")
    return path
