"""Which exercises are done: kept beside the runs, so that a tick stays when a run is deleted or the dashboard restarts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from dashboard.alone import alone
from dashboard.clinic import Clinic
from dashboard.learn.course import BY_KEY, EXERCISES, Exercise, Shown
from diagnostics.run.files import read_json, write_json

KEPT = Path(".course") / "progress.json"
WRITING = Lock()  # two tabs may answer at once


@dataclass(frozen=True)
class Progress:
    """When each exercise was done, seconds since the epoch, by its key. `unkept`: why that could not be written, if so."""

    done: Mapping[str, float] = field(default_factory=dict)
    unkept: str = ""

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
    with WRITING, alone(root / KEPT):
        done = dict(read(root).done)
        if key in BY_KEY and key not in done:
            done[key] = time.time() if now is None else now
            write_json(root / KEPT, {"done": done})
    return Progress(done)


def ticked(root: Path, key: str) -> Progress:
    """What is done now that an exercise is, whether or not that can be kept: a full disk is no reason to learn nothing."""
    try:
        return tick(root, key)
    except OSError as error:
        return Progress({**read(root).done, key: time.time()}, str(error.strerror or error))


def look_at_all(clinic: Clinic) -> tuple[Progress, dict[str, Shown]]:
    """What the runs show of each exercise that is judged by them; those that are done by now are ticked."""
    away = clinic.store.trouble()
    progress, seen, unkept = read(clinic.root), {}, str(away.strerror or away) if away else ""
    for one in EXERCISES:
        if one.look is not None:
            seen[one.key] = one.look(clinic)
            if seen[one.key].done and one.key not in progress.done:
                now = ticked(clinic.root, one.key)
                progress, unkept = Progress({**progress.done, **now.done}), now.unkept or unkept
    return Progress(progress.done, unkept), seen


def answered(clinic: Clinic, exercise: Exercise, choice: str | None) -> Shown:
    """Whether an answer is right, by the user's own runs; a right one is ticked."""
    if exercise.question is None or choice not in exercise.question.choices:
        return Shown(False, "choose")
    right = exercise.question.answer(clinic)
    if right is None:
        return Shown(False, "too_early")
    if choice != right:
        return Shown(False, "wrong")
    return told(Shown(True, "right"), ticked(clinic.root, exercise.key))


def acted(clinic: Clinic, exercise: Exercise) -> Shown:
    """Carry out what an exercise tries, and tick it if it went well."""
    if exercise.act is None:
        return Shown(False, "choose")
    shown = exercise.act(clinic)
    return told(shown, ticked(clinic.root, exercise.key)) if shown.done else shown


def told(shown: Shown, progress: Progress) -> Shown:
    """What a check saw, with why it could not be kept."""
    return replace(shown, facts={**shown.facts, "unkept": progress.unkept}) if progress.unkept else shown
