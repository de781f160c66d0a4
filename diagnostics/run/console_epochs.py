"""The steps of printed log rows, told by their epochs where the length of an epoch is known."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from math import ceil, floor, inf, isfinite, log10
from statistics import median

from diagnostics.run.console_trainings import Training, epoch_of, rises
from diagnostics.run.printed import Printed
from diagnostics.run.rows import number

# By how many steps an epoch's length may be off, and a row within its first epoch: the Trainer's epochs count batches,
# of which the last ones of an epoch may fill no whole step; versions round that up, or down.
SLACK = 1.0
# Numbers of steps between two rows to try at most: printed epochs that leave more open tell nothing.
MOST_TRIED = 64


def by_epochs(training: Training, logging_steps: int | None) -> list[int | None] | None:
    """The step of each row, None where a row has no epoch; None for all where the epochs leave more than one answer.

    Printed epochs are rounded, over a long training to tens of steps. What makes them exact is that rows are a fixed
    number of steps apart: the answer is the only such number under which every row agrees with its epoch.
    """
    anchors = training.anchored()
    epochs = [epoch for row in anchors if (epoch := epoch_of(row)) is not None]
    if not training.per_epoch or not anchors or len(epochs) < len(anchors):
        return None
    unit = last_digit(training.rows)
    at = [epoch * training.per_epoch for epoch in epochs]
    wide = [rounding(row, unit) * training.per_epoch + SLACK * max(1.0, epoch_of(row) or 0.0) for row in anchors]
    if not all(abs(one) < 2**62 for one in (*at, *wide)):
        return None

    def fits(steps: list[int]) -> bool:
        return all(abs(s - near) <= w for s, near, w in zip(steps, at, wide, strict=True)) and rises(steps)

    found = {
        tuple(steps)
        for every in ([logging_steps] if logging_steps else distances(at, wide))
        for steps in regular(every, at[0], wide[0], len(at))
        if fits(steps)
    }
    if not found:
        # Some rows may have been lost on their way to the log; then each is at the multiple nearest to it.
        every = logging_steps or (round(median(b - a for a, b in pairwise(at))) if len(at) > 1 else 0)
        steps = [every * round(near / every) for near in at] if every else []
        found = {tuple(steps)} if steps and fits(steps) and max(wide) < every / 4 else set()
    if len(found) != 1:
        return None
    known = iter(found.pop())
    told: list[int | None] = []
    last: tuple[int, float | None] = (0, None)
    for row, anchor in zip(training.rows, training.anchors, strict=True):
        epoch = epoch_of(row)
        if anchor:
            last = (next(known), epoch)
        # An evaluation after a logged step shows its epoch; for one between two, its own, rounded, is all there is.
        told.append(last[0] if anchor or epoch == last[1] else nearest_step(row, training, unit))
    return told


def distances(at: list[float], wide: list[float]) -> range:
    """The numbers of steps between two rows that the first and the last row leave open; none if they are too many."""
    if len(at) == 1:
        low, high = at[0] - wide[0], at[0] + wide[0]
    else:
        apart, off, rows = at[-1] - at[0], wide[-1] + wide[0], len(at) - 1
        low, high = (apart - off) / rows, (apart + off) / rows
    low, high = max(1, ceil(low)), floor(high)
    return range(low, high + 1) if high - low < MOST_TRIED else range(0)


def regular(every: int, at: float, wide: float, rows: int) -> list[list[int]]:
    """The ways to log every so many steps: from the first such step on; also at step 1 before; or resumed later.

    `at`, `wide`: the step of the first row by its epoch, and by how much it may be off.
    """
    fresh = [place * every for place in range(1, rows + 1)]
    if abs(every - at) <= wide:
        return [fresh]
    if abs(1 - at) <= wide:
        return [[1, *fresh[:-1]]]  # logging_first_step
    resumed = range(max(1, ceil((at - wide) / every)), floor((at + wide) / every) + 1)
    return [[(first + place) * every for place in range(rows)] for first in resumed[:MOST_TRIED]]


def nearest_step(row: Printed, training: Training, unit: float) -> int | None:
    """The step nearest to the epoch of a row; for the summary the last step, if its epoch allows that. None for no epoch."""
    epoch = epoch_of(row)
    if epoch is None or not abs(epoch) < 2**31:
        return None
    at = epoch * training.per_epoch
    wide = rounding(row, unit) * training.per_epoch + SLACK * max(1.0, epoch)
    return training.total if "train_runtime" in row.values and abs(training.total - at) <= wide else round(at)


def last_digit(rows: list[Printed]) -> float:
    """The smallest unit of any printed epoch: at most the Trainer's 0.01, of which `1.0` leaves a zero out."""
    epochs = [value for row in rows if isinstance(value := row.values.get("epoch"), float) and isfinite(value)]
    return min([0.01, *(10.0 ** int(Decimal(repr(epoch)).as_tuple().exponent) for epoch in epochs)])


def rounding(row: Printed, unit: float) -> float:
    """By how much a printed epoch may be off: half its last digit; printed as a text (transformers 5), it has 4 digits."""
    value = row.values.get("epoch")
    if isinstance(value, str):
        epoch = abs(number(value) or 0.0)
        return 0.5 * 10.0 ** (floor(log10(epoch)) - 3) if 0 < epoch < inf else 0.0
    return 0.5 * unit
