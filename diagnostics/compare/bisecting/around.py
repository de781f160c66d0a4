"""What a run logged around a step: which curves moved most there, and which findings lie there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diagnostics.finding import Diagnosis, Finding
from diagnostics.measure import noise
from diagnostics.run import Run, Series

# A curve's level and noise are told from twice as many values as the stretch has, at least BEFORE: what lay long before
# has no say in what is usual. Fewer than LEAST tell neither.
BEFORE, LEAST = 10, 6
# Curves that go their planned way, or measure the machine.
PLANNED = ("learning_rate", "epoch", "num_tokens", "total_flos", "num_input_tokens_seen", "/lr", "progress")
MACHINE = ("runtime", "per_second", "step_time", "/time/", "memory", "gpu")
SAME = 1e-9  # of a level; changes below this are rounding


@dataclass(frozen=True)
class Moved:
    """A curve around a stretch of steps.

    `score`: the farthest value within the stretch off the level before it, in units of the noise before it (a robust z,
    infinite for a value that is not finite); `step` is where. `level`: the median of the values before the stretch,
    `value`: the farthest one.
    """

    tag: str
    score: float
    step: int
    level: float
    value: float


@dataclass(frozen=True)
class Around:
    """What lies between a fine checkpoint (not included) and a broken one.

    `moved`: the curves that moved most, first; `findings`: those whose steps overlap the stretch. `unjudged`: curves
    with too few values before it.
    """

    after: int
    until: int
    moved: tuple[Moved, ...]
    findings: tuple[Finding, ...]
    unjudged: int


def around(run: Run, diagnosis: Diagnosis, after: int, until: int, most: int = 8) -> Around:
    """Look at what was logged after one step up to another."""
    judged = [moved(series, after, until) for tag, series in run.series.items() if is_told(tag)]
    found = sorted((one for one in judged if one is not None), key=lambda one: -one.score)
    return Around(
        after,
        until,
        tuple(one for one in found if one.score > 0)[:most],
        tuple(one for one in diagnosis.findings if one.first_step <= until and one.last_step > after),
        len(judged) - len(found),
    )


def is_told(tag: str) -> bool:
    """Whether a curve tells of the model: not of the schedule, and not of the machine."""
    return not tag.endswith(PLANNED) and not any(word in tag for word in MACHINE)


def moved(series: Series, after: int, until: int) -> Moved | None:
    """How far a curve went within a stretch; None if it has too few values to say."""
    inside = (series.steps > after) & (series.steps <= until)
    values, steps = series.values[inside], series.steps[inside]
    before = series.values[(series.steps <= after) & np.isfinite(series.values)][-max(BEFORE, 2 * len(values)) :]
    if len(before) < LEAST or not len(values):
        return None
    level = float(np.median(before))
    away = np.where(np.isfinite(values), np.abs(values - level), np.inf)
    place = int(np.argmax(away))
    floor = SAME * max(1.0, abs(level))
    # Successive differences do not see a steady course, which would count as a move for its length alone.
    unit = max(noise(before), 1.4826 * float(np.median(np.abs(before - level))))
    # A constant that changes at all has moved without measure; noise below rounding would make rounding a move.
    score = float(away[place] / max(unit, floor)) if away[place] > floor else 0.0
    return Moved(
        series.tag, score if math.isfinite(score) else math.inf, int(steps[place]), level, float(values[place])
    )
