"""Points of several sources gathered into series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from diagnostics.run.events import Point
from diagnostics.run.record import Series
from diagnostics.run.status import Status


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


def status_of_state(state: Mapping[str, Any], series: Mapping[str, Series]) -> Status:
    """What a foreign run's own files tell of its state: finished if it logged its summary, else unknown."""
    step = max((int(one.steps[-1]) for one in series.values() if len(one)), default=0)
    most = state.get("max_steps")
    finished = "train/train_runtime" in series or "train/train_loss" in series
    return Status(
        "finished" if finished else "unknown", step=step, max_steps=most if isinstance(most, int) and most > 0 else 0
    )
