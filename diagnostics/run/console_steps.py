"""The steps of printed log rows, which carry none, told by what stands around them.

In this order, each only where it holds for all rows of a training: a step in the row itself; the progress bar beside
it; its epoch; else the rows are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from diagnostics.run.console_bars import bar_total, by_bars
from diagnostics.run.console_epochs import by_epochs
from diagnostics.run.console_trainings import Training, epoch_of, trainings_in
from diagnostics.run.printed import Printed
from diagnostics.run.rows import step_of


@dataclass(frozen=True)
class Timeline:
    """The steps of rows, one each; `max_steps`, 0 if unknown; whether the steps are rows, counted."""

    steps: list[int]
    max_steps: int
    counted: bool


def timeline(rows: Sequence[Printed], data: bytes, logging_steps: int | None = None) -> Timeline:
    """The steps of all rows of a log. `logging_steps`: how many steps lie between two rows, if that is known."""
    steps: list[int] = []
    done: list[Printed] = []
    counted, most = False, 0
    for training in trainings_in(rows, data):
        length = training.total or bar_total(training.rows, data)
        told = by_themselves(training) or by_bars(training, data, length) or by_epochs(training, logging_steps)
        done = before(training, done)
        if told is None:
            counted = True
            told = counted_on(training, len(done), logging_steps or 1)
        steps += between(told, training)
        done += training.anchored()
        most = length or most
    return Timeline(steps, 0 if counted and most < max(steps, default=0) else most, counted)


def by_themselves(training: Training) -> list[int | None] | None:
    """The steps that rows carry, each that of the row before where it has none; None if no row has one."""
    known = [step_of(row.values) for row in training.rows]
    last = next((step for step in known if step is not None), None)
    if last is None:
        return None
    steps: list[int | None] = []
    for step in known:
        last = last if step is None else step
        steps.append(last)
    return steps


def counted_on(training: Training, count: int, every: int) -> list[int | None]:
    """Rows of training counted on from a number of earlier ones; other rows take the step of the one before them."""
    steps: list[int | None] = []
    for anchor in training.anchors:
        count += anchor
        steps.append(count * every)
    return steps


def before(training: Training, done: list[Printed]) -> list[Printed]:
    """The earlier rows that a resumed training goes on from: those of earlier epochs than its first."""
    first = next((epoch for row in training.rows if (epoch := epoch_of(row)) is not None), None)
    if first is None:
        return []
    return [row for row in done if (epoch := epoch_of(row)) is not None and epoch < first]


def between(steps: Sequence[int | None], training: Training) -> list[int]:
    """Steps of all rows: those of training as they are, others kept between their neighbours in training."""
    anchor = training.anchors
    least, lows = 0, []
    for step, fixed in zip(steps, anchor, strict=True):
        least = step if fixed and step is not None else least
        lows.append(least)
    most: int | None = None
    made = []
    for step, fixed, low in zip(reversed(steps), reversed(anchor), reversed(lows), strict=True):
        most = step if fixed else most
        made.append(low if step is None else max(low, step if most is None else min(step, most)))
    return made[::-1]
