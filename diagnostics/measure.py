"""Measures over curves that several rules judge by: levels, noise, moving medians, rows to show."""

from __future__ import annotations

from typing import Any

import numpy as np

from diagnostics.finding import CannotJudge, SeriesEvidence
from diagnostics.run import Run, Series

# Methods whose logged loss falls as they learn. The loss of GRPO and RLOO hovers around 0 by construction, PPO logs
# none (TRL's own documentation and measured runs).
LOSS_TELLS = ("sft", "reward", "dpo", "kto", "orpo")


def noise(values: np.ndarray) -> float:
    """The standard deviation of a curve's noise, from its successive differences.

    1.4826 x the median absolute deviation of the differences / sqrt(2): robust against jumps, blind to a steady trend.
    0 for fewer than 3 values.
    """
    if len(values) < 3:
        return 0.0
    steps = np.diff(values)
    return float(1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2))


def moving_median(values: np.ndarray, width: int) -> np.ndarray:
    """The median over `width` values around each value, shape as given; fewer at the ends."""
    half = width // 2
    return np.array([np.median(values[max(0, i - half) : i + half + 1]) for i in range(len(values))])


def training_loss(run: Run, need: int) -> Series:
    """The finite training loss of a run.

    Raises:
        CannotJudge: the method's loss tells nothing, none was logged, or fewer than `need` finite points were.
    """
    if run.method in ("grpo", "rloo", "ppo"):
        raise CannotJudge("loss-tells-nothing", method=run.method.upper())
    series = run.get("train/loss")
    if series is None:
        raise CannotJudge("no-series", tag="train/loss")
    finite = series.finite()
    if len(finite) < need:
        raise CannotJudge("too-few-points", points=len(finite), need=need)
    return finite


def rows_around(series: Series, step: int, before: int = 4, after: int = 5) -> tuple[tuple[int, float], ...]:
    """The (step, value) pairs around a step, for a person to read."""
    at = int(np.searchsorted(series.steps, step))
    start, end = max(0, at - before), min(len(series), at + after + 1)
    return tuple((int(series.steps[i]), float(series.values[i])) for i in range(start, end))


def evidence(series: Series, *marks: int) -> SeriesEvidence:
    """The curve as evidence, marked at the given steps, with the rows around the first."""
    return SeriesEvidence(series.tag, tuple(marks), rows_around(series, marks[0]) if marks else ())


def argument(run: Run, name: str) -> Any:
    """An argument of the run as far as its sources tell it; None if they do not."""
    return run.config.get(name)


def peak_learning_rate(run: Run) -> float | None:
    """The largest learning rate that was logged, else the configured one; None if neither is known."""
    series = run.get("train/learning_rate")
    if series is not None and len(series.finite()):
        peak = float(series.finite().values.max())
        if peak > 0:
            return peak
    configured = argument(run, "learning_rate")
    return float(configured) if isinstance(configured, int | float) else None
