"""Two runs side by side: which metric parted first, at which step, and what differs in their configs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from diagnostics.measure import aligned, first_run_of, moving_median, scatter
from diagnostics.run import Run

ROWS = 5  # common steps: fewer have no course
# A difference counts where its level, over a window of rows, lies so many standard errors from 0, for so many rows.
SIGMAS = 4.0
TOGETHER = 3
RELATIVE = 0.01  # and is at least this share of the metric's size: one per cent is nobody's fault
# The same numbers in both runs, but for what float32 loses.
SAME = 1e-6
# Bookkeeping, and times: they differ between any two runs.
PASSED_OVER = ("runtime", "per_second", "step_time", "total_flos", "epoch", "num_tokens", "episode", "eps")
DRIVERS = ("learning_rate", "lr", "loss", "reward", "scores", "grad_norm")
# Arguments that name where a run was written, not what it did.
PLACES = ("output_dir", "logging_dir", "run_name", "hub_model_id", "log_dir")


@dataclass(frozen=True)
class Parting:
    """How one metric of two runs compares.

    `first_difference`: the first common step with other numbers (None: all the same). `parted`: the step from which the
    difference is beyond the noise (None: never). `left`, `right`: the levels of the rows from there on.
    """

    tag: str
    first_difference: int | None
    parted: int | None
    left: float
    right: float


@dataclass(frozen=True)
class Against:
    """Two runs compared: the partings, the earliest first; config differences as (name, left, right); tags of one only.

    `configs_known`: whether the configs of both are known at all.
    """

    left: str
    right: str
    partings: tuple[Parting, ...]
    config: tuple[tuple[str, Any, Any], ...]
    only_left: tuple[str, ...]
    only_right: tuple[str, ...]
    configs_known: bool = True

    @property
    def first(self) -> Parting | None:
        """The metric that parted first, None if none did."""
        return next((one for one in self.partings if one.parted is not None), None)


def against(left: Run, right: Run) -> Against:
    """Compare two runs by the tags that both logged, at the steps that both logged."""
    common = [tag for tag in left.series if tag in right.series and not any(part in tag for part in PASSED_OVER)]
    partings = [one for tag in common if (one := parting(left, right, tag)) is not None]
    partings.sort(key=lambda one: (one.parted if one.parted is not None else math.inf, first_of(one), rank(one.tag)))
    return Against(
        left=left.name,
        right=right.name,
        partings=tuple(partings),
        config=differences(left.config, right.config),
        only_left=tuple(sorted(set(left.series) - set(right.series))),
        only_right=tuple(sorted(set(right.series) - set(left.series))),
        configs_known=bool(left.config) and bool(right.config),
    )


def rank(tag: str) -> int:
    """Of metrics that part at one step, what drives a run before what follows from it."""
    name = tag.rpartition("/")[2]
    return DRIVERS.index(name) if name in DRIVERS else len(DRIVERS)


def first_of(one: Parting) -> float:
    """The step of the first other number, for sorting."""
    return one.first_difference if one.first_difference is not None else math.inf


def parting(left: Run, right: Run, tag: str) -> Parting | None:
    """How one metric compares; None where fewer than `ROWS` steps are common to both."""
    steps, ours, theirs = aligned(left.series[tag], right.series[tag])
    if len(steps) < ROWS:
        return None
    finite = np.isfinite(ours) & np.isfinite(theirs)
    size = np.maximum(np.abs(np.where(finite, ours, 0.0)), np.abs(np.where(finite, theirs, 0.0)))
    # Where one is finite and the other is not they have parted, noise or no noise.
    broken = np.isfinite(ours) != np.isfinite(theirs)
    delta = np.where(finite, ours - theirs, 0.0)
    other = broken | (np.abs(delta) > SAME * np.maximum(size, 1e-12))
    first = int(steps[np.argmax(other)]) if other.any() else None
    width = max(3, len(steps) // 20 | 1)
    level = moving_median(delta, width)
    # The noise of the difference itself: what both runs share (the same batches) cancels out of it.
    error = 1.2533 * scatter(delta) / math.sqrt(width)
    usual = float(np.median(size)) or 1.0
    apart = (np.abs(level) > SIGMAS * error) & (np.abs(level) > RELATIVE * usual)
    place = first_run_of(apart | broken, min(TOGETHER, len(steps)))
    since = place if place is not None else 0
    return Parting(
        tag,
        first,
        int(steps[place]) if place is not None else None,
        float(np.median(ours[since:])),
        float(np.median(theirs[since:])),
    )


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[tuple[str, Any, Any], ...]:
    """The arguments that differ; those known of one run only count where the other's config is known at all."""
    if not left or not right:
        return ()
    names = sorted((set(left) | set(right)) - set(PLACES))
    return tuple((name, left.get(name), right.get(name)) for name in names if left.get(name) != right.get(name))
