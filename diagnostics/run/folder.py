"""The names in a run folder, and which folders are runs."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path

from diagnostics.run.console import PEEK, holds_rows, holds_trace

RUN_FILE = "run.json"
SAMPLES_FILE = "samples.jsonl"
STATE_FILE = "trainer_state.json"
TRAINER_LOG_FILE = "trainer_log.jsonl"
CONSOLE_FILE = "console.log"
ADAPTER_FILE = "adapter_config.json"
EVENT_MARK = "events.out.tfevents"
HISTORY_MARK = "log_history"
CHECKPOINT = re.compile(r"checkpoint-(\d{1,18})$")
EXPECTED = (
    "a run folder (run.json), a Trainer's output folder, a TensorBoard log folder, a trainer_state.json, "
    "a trainer_log.jsonl, log rows as JSON or a console log with log rows or a traceback"
)
EXPECTED_ZH = (
    "运行文件夹（run.json）、Trainer 的输出文件夹、TensorBoard 日志文件夹、trainer_state.json、trainer_log.jsonl、"
    "JSON 形式的日志行，或含日志行或回溯信息的控制台日志"
)
# Names that console logs go by, tried in this order before other `.log`, `.txt` and `.out` files. `running_log.txt` is
# LLaMA-Factory's, `output.log` that of Weights & Biases.
CONSOLE_NAMES = (CONSOLE_FILE, "train.log", "training.log", "running_log.txt", "output.log", "nohup.out")
CONSOLE_ENDINGS = (".log", ".txt", ".out")
# A folder of so many texts is a data set, not a run: no more of them are looked into.
MOST_PEEKED = 16


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name; nothing if it is none, or cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def event_files(folder: Path) -> list[Path]:
    """The event files of one run, in the order of their paths.

    They lie in the folder itself and below its `runs/` (where the HF Trainer puts them); in an output folder of the
    Trainer also in sub-folders that are no runs of their own, such as `logs/`.
    """
    own, folders, output = [], [], False
    for entry in entries_of(folder):
        if EVENT_MARK in entry.name:
            own.append(Path(entry.path))
        elif entry.is_dir():
            checkpoint = bool(CHECKPOINT.match(entry.name))
            output = output or checkpoint
            if not checkpoint and not entry.name.startswith((".", "_")):
                folders.append(Path(entry.path))
        else:
            output = output or entry.name in (RUN_FILE, STATE_FILE, TRAINER_LOG_FILE, ADAPTER_FILE, "training_args.bin")
    found = list(own)
    for sub in folders:
        if sub.name == "runs":
            found += [
                Path(one.path) for deeper in entries_of(sub) if deeper.is_dir() for one in event_entries(deeper.path)
            ]
        if output and not (sub / RUN_FILE).exists() and not (sub / STATE_FILE).exists() and not checkpoints(sub):
            found += [Path(one.path) for one in event_entries(sub)]
    return found


def event_entries(folder: str | Path) -> list[os.DirEntry[str]]:
    """The event files directly in a folder."""
    return [entry for entry in entries_of(Path(folder)) if EVENT_MARK in entry.name and entry.is_file()]


def checkpoints(folder: Path) -> dict[int, Path]:
    """The `checkpoint-<step>` folders of a run by step, ascending."""
    found = {}
    for entry in entries_of(folder):
        match = CHECKPOINT.match(entry.name)
        if match and entry.is_dir():
            found[int(match[1])] = Path(entry.path)
    return dict(sorted(found.items()))


def history_files(folder: Path) -> list[Path]:
    """The files of log rows by name: `log_history.json` first, then others with it in their name."""
    names = [entry.name for entry in entries_of(folder) if HISTORY_MARK in entry.name and entry.name.endswith(".json")]
    return [folder / name for name in sorted(names, key=lambda name: (name != f"{HISTORY_MARK}.json", name))]


def console_files(folder: Path) -> list[Path]:
    """The console logs that hold log rows near their beginning, or the trace of a crash; those of usual names first."""
    names = [entry.name for entry in entries_of(folder) if entry.name.endswith(CONSOLE_ENDINGS) and entry.is_file()]
    usual = [name for name in CONSOLE_NAMES if name in names]
    others = [name for name in names if name not in CONSOLE_NAMES]
    if len(others) > MOST_PEEKED:
        others = []
    return [folder / name for name in (*usual, *others) if is_console(folder / name)]


def is_console(path: Path) -> bool:
    """Whether a file holds log rows near its beginning; of a usual name also, whether somebody's crash is in it.

    Looked into once for as long as that does not change.
    """
    try:
        stat = path.stat()
    except OSError:
        return False
    whole = stat.st_size >= PEEK
    return _is_console(path, stat.st_ino, PEEK if whole else stat.st_size, 0 if whole else stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _is_console(path: Path, inode: int, size: int, changed: int) -> bool:
    return holds_rows(path) or (path.name in CONSOLE_NAMES and holds_trace(path))


def is_run(folder: Path) -> bool:
    """Whether a folder holds traces of a run: by the names in it, of console logs by a row near their beginning."""
    return (
        any((folder / name).is_file() for name in (RUN_FILE, STATE_FILE, TRAINER_LOG_FILE))
        or bool(event_files(folder))
        or any((path / STATE_FILE).is_file() for path in checkpoints(folder).values())
        or bool(history_files(folder))
        or bool(console_files(folder))
    )
