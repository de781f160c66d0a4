"""The names in a run folder, and which folders are runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

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
