"""One file as a log: an event file, a Trainer's state, log rows or a console log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from diagnostics.run.console import MOST, is_told, log_of_console
from diagnostics.run.events import EventFile
from diagnostics.run.files import decoded, parse_json, parse_json_lines
from diagnostics.run.folder import (
    CONSOLE_FILE,
    EVENT_MARK,
    EXPECTED,
    EXPECTED_ZH,
    HISTORY_MARK,
    RUN_FILE,
    STATE_FILE,
    TRAINER_LOG_FILE,
)
from diagnostics.run.log import Log, log_of_events, log_of_rows, log_of_state
from diagnostics.run.record import RunUnreadable
from diagnostics.run.refusal import Sentence
from diagnostics.run.rows import is_log_row

JSON_ENDINGS = (".json", ".jsonl", ".ndjson")
# How JSON begins. `[rank0]: ...` begins like a list and is none.
JSON_BEGIN = re.compile(r"\s*(?:\{|\[\s*(?:[\[{\]\"0-9tfnNI-]|$))")


def log_of_file(path: Path, logging_steps: int | None = None) -> Log:
    """One file as a log, whatever of it there is. `logging_steps` helps to tell the steps of a console log.

    Raises:
        RunUnreadable: it is none; the message says what was expected.
    """
    try:
        if EVENT_MARK in path.name:
            return log_of_event_file(path)
        if is_json(path):
            return log_of_json(path, decoded(path.read_bytes()), logging_steps)
        return log_of_text(path, logging_steps)
    except OSError as error:
        raise RunUnreadable(
            f"{path}: cannot be opened ({error.strerror}); expected {EXPECTED}.",
            f"{path}：无法打开（{error.strerror}）；应为{EXPECTED_ZH}。",
        ) from error


def log_of_event_file(path: Path) -> Log:
    """One event file. One without any scalar is a log if it holds the arguments: its run has only begun."""
    file = EventFile(path)
    file.read_new()
    if not file.points and not file.texts:
        raise RunUnreadable(
            f"{path}: the event file holds no scalar (it is empty or was cut off at its start).",
            f"{path}：事件文件中没有标量（文件为空，或开头被截断）。",
        )
    return log_of_events(path.name, [file])


def is_json(path: Path) -> bool:
    """Whether a file is meant as JSON, by its name or its first sign. A console log may be as large as it likes."""
    if path.suffix in JSON_ENDINGS:
        return True
    with path.open("rb") as file:
        return path.stat().st_size <= MOST and bool(JSON_BEGIN.match(decoded(file.read(1024))))


def log_of_json(path: Path, text: str, logging_steps: int | None) -> Log:
    """A Trainer's state, a list of rows, or rows as JSON Lines. A half-written last line is left for later."""
    try:
        value = parse_json(text)
    except ValueError as error:
        return log_of_lines(path, text, logging_steps, error)
    if isinstance(value, dict) and isinstance(value.get("log_history"), list):
        log_rows(path, value["log_history"])
        return log_of_state(path.name, value)
    if isinstance(value, list) or is_log_row(value):
        return log_of_rows(path.name, log_rows(path, value if isinstance(value, list) else [value]))
    raise RunUnreadable(
        f"{path}: holds no log rows; expected a log_history, or a list of rows.",
        f"{path}：里面没有日志行；应为 log_history，或日志行的列表。",
    )


def log_rows(path: Path, rows: list[Any]) -> list[Any]:
    """Rows, if there is none yet or one of them is of a log: lists of other things are kept as JSON as well."""
    if rows and not any(is_log_row(row) for row in rows):
        raise RunUnreadable(
            f"{path}: its rows are none of a log; expected rows with numbers such as loss.",
            f"{path}：其中的行不是日志行；应为带有 loss 之类数字的行。",
        )
    return rows


def log_of_lines(path: Path, text: str, logging_steps: int | None, error: ValueError) -> Log:
    """What is no JSON as a whole: JSON Lines, or a console log that begins like JSON."""
    rows: list[Any] = [row for row in parse_json_lines(text) if isinstance(row, dict)]
    lines = sum(bool(line.strip()) for line in text.split("\n"))
    if rows and 2 * len(rows) >= lines:
        return log_of_rows(path.name, log_rows(path, rows))
    if path.name == TRAINER_LOG_FILE and lines <= 1 and "\0" not in text:
        return Log(
            path.name, problems=(Sentence(f"{path.name}: holds no whole row yet.", f"{path.name}：还没有完整的一行。"),)
        )
    if path.suffix not in JSON_ENDINGS:
        return log_of_text(path, logging_steps)  # `[2026-01-01 ...] INFO` begins like a list
    raise RunUnreadable(
        f"{path}: cannot be read as JSON ({error}); expected {EXPECTED}.",
        f"{path}：无法作为 JSON 读取（{error}）；应为{EXPECTED_ZH}。",
    )


def log_of_text(path: Path, logging_steps: int | None = None) -> Log:
    """A console log. Without any row it is one where it is the console of one of our runs, or tells how a run ended."""
    log = log_of_console(path, logging_steps)
    if log.series or (path.name == CONSOLE_FILE and (path.parent / RUN_FILE).is_file()) or is_told(path):
        return log
    raise RunUnreadable(
        f"{path}: holds no log row such as {{'loss': 1.2, 'epoch': 0.1}}; expected {EXPECTED}.",
        f"{path}：没有像 {{'loss': 1.2, 'epoch': 0.1}} 这样的日志行；应为{EXPECTED_ZH}。",
    )


def run_name(path: Path) -> str:
    """What a run read from one file is called: its folder's name, where the file's own is that of any run."""
    usual = path.name in (STATE_FILE, TRAINER_LOG_FILE, CONSOLE_FILE, "train.log", f"{HISTORY_MARK}.json")
    return path.parent.name if usual and path.parent.name else path.name
