"""Which exercises are done: kept beside the runs, so that a tick stays when a run is deleted or the dashboard restarts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from dashboard.clinic import Clinic
from dashboard.learn.course import BY_KEY, EXERCISES, Exercise, Shown
from diagnostics.run.files import read_json, write_json

KEPT = Path(".course") / "progress.json"
WRITING = Lock()  # two tabs may answer at once


@dataclass(frozen=True)
class Progress:
    """When each exercise was done, seconds since the epoch, by its key."""

    done: Mapping[str, float] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many are done."""
        return len(self.done)


def read(root: Path) -> Progress:
    """What is kept; nothing where nothing is, or where the file cannot be read."""
    try:
        content = read_json(root / KEPT)
        return Progress({key: float(at) for key, at in content["done"].items() if key in BY_KEY})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Progress()


def tick(root: Path, key: str, now: float | None = None) -> Progress:
    """Keep that an exercise is done.

    Raises:
        OSError: it cannot be written.
    """
    with WRITING:
        done = dict(read(root).done)
        if key in BY_KEY and key not in done:
            done[key] = time.time() if now is None else now
            (root / KEPT).parent.mkdir(parents=True, exist_ok=True)
            write_json(root / KEPT, {"done": done})
    return Progress(done)


def look_at_all(clinic: Clinic) -> tuple[Progress, dict[str, Shown]]:
    """What the runs show of each exercise that is judged by them; those that are done by now are ticked."""
    progress, seen = read(clinic.root), {}
    for one in EXERCISES:
        if one.look is not None:
            seen[one.key] = one.look(clinic)
            if seen[one.key].done and one.key not in progress.done:
                progress = tick(clinic.root, one.key)
    return progress, seen


def answered(clinic: Clinic, exercise: Exercise, choice: str | None) -> Shown:
    """Whether an answer is right, by the user's own runs; a right one is ticked."""
    if exercise.question is None or choice not in exercise.question.choices:
        return Shown(False, "choose")
    right = exercise.question.answer(clinic)
    if right is None:
        return Shown(False, "too_early")
    if choice != right:
        return Shown(False, "wrong")
    tick(clinic.root, exercise.key)
    return Shown(True, "right")


def acted(clinic: Clinic, exercise: Exercise) -> Shown:
    """Carry out what an exercise tries, and tick it if it went well."""
    if exercise.act is None:
        return Shown(False, "choose")
    shown = exercise.act(clinic)
    if shown.done:
        tick(clinic.root, exercise.key)
    return shown
