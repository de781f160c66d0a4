"""Points of one source, in the order of their writing, gathered into series."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from diagnostics.run.events import Point
from diagnostics.run.record import Series


def gather(points: Iterable[Point]) -> tuple[dict[str, Series], tuple[int, ...]]:
    """Points as series by tag, and the steps at which the logging went back to an earlier one.

    A step logged twice keeps the value written later: where a run was restarted, its last attempt is the run.
    """
    by_tag: dict[str, dict[int, float]] = {}
    last: dict[str, int] = {}
    back: dict[str, set[int]] = {}
    written: dict[str, int] = {}
    for point in points:
        tag = point.tag
        if point.step < last.get(tag, point.step):
            back.setdefault(tag, set()).add(point.step)
        last[tag] = point.step
        written[tag] = written.get(tag, 0) + 1
        by_tag.setdefault(tag, {})[point.step] = point.value
    series = {tag: series_of(tag, values) for tag, values in by_tag.items()}
    return series, tuple(sorted(back.get(pacemaker(written), ())))


def times_of(points: Iterable[Point]) -> Series | None:
    """When each step was logged, in seconds since the epoch, as a series; None if no point tells.

    A step logged twice has the time of its later writing, as its value has.
    """
    times = {point.step: point.wall_time for point in points if point.wall_time > 0}
    return series_of("wall_time", times) if times else None


def series_of(tag: str, values: dict[int, float]) -> Series:
    """One series from its values by step."""
    steps = np.fromiter(values.keys(), dtype=np.int64, count=len(values))
    order = np.argsort(steps)
    return Series(tag, steps[order], np.fromiter(values.values(), dtype=np.float64, count=len(values))[order])


def pacemaker(written: dict[str, int]) -> str:
    """The one tag that restarts are read from: an evaluation, logged more rarely, would tell the same restart again."""
    if "train/loss" in written:
        return "train/loss"
    return max((tag for tag in written if not tag.startswith(("eval/", "test/"))), key=written.__getitem__, default="")
