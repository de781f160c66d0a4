"""Measures over curves that several rules judge by: levels, noise, trends, moving medians, rows to show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from diagnostics.finding import CannotJudge, Limit, SeriesEvidence
from diagnostics.run import Run, Series

# Methods whose logged loss falls as they learn. The loss of GRPO and RLOO hovers around 0 by construction, PPO logs
# none (TRL's own documentation and measured runs).
LOSS_TELLS = ("sft", "reward", "dpo", "kto", "orpo")
SAMPLES = "samples/"
ONLINE = ("grpo", "rloo", "ppo")
PREFERENCE = ("dpo", "orpo", "kto")
PAIRS = ("dpo", "orpo")
# A median over more rows than this says no more about a level, and costs more.
WIDEST_MEDIAN = 201
# The median of n noisy values has 1.2533 times the standard error of their mean (normal noise, n large).
MEDIAN_ERROR = 1.2533


def noise(values: np.ndarray) -> float:
    """The standard deviation of a curve's noise, from its successive differences.

    1.4826 x the median absolute deviation of the differences / sqrt(2): robust against jumps, blind to a steady trend.
    0 for fewer than 3 values.
    """
    if len(values) < 3:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.diff(values)
        found = float(1.4826 * np.median(np.abs(steps - np.median(steps))) / np.sqrt(2))
    return found if math.isfinite(found) else 0.0


def scatter(values: np.ndarray) -> float:
    """The noise of a curve that may stand still in most rows, as a reward of few samples does.

    `noise`, or where more than half of the differences are equal, the plain standard deviation of the differences
    / sqrt(2).
    """
    robust = noise(values)
    if robust > 0 or len(values) < 3:
        return robust
    with np.errstate(over="ignore", invalid="ignore"):
        found = float(np.std(np.diff(values)) / np.sqrt(2))
    return found if math.isfinite(found) else 0.0


def curve_noise(values: np.ndarray) -> float:
    """The noise of a few values on a curve that bends, from their second differences (n noisy values: sigma * sqrt(6)).

    Successive differences would take the course of five evaluations for noise. 0 for fewer than 4 values.
    """
    if len(values) < 4:
        return 0.0
    bends = np.diff(values, 2)
    return float(1.4826 * np.median(np.abs(bends - np.median(bends))) / math.sqrt(6))


def moving_median(values: np.ndarray, width: int) -> np.ndarray:
    """The median over `width` values around each value, shape as given; fewer at the ends. At most 201 are taken."""
    half = min(width, WIDEST_MEDIAN) // 2
    if len(values) <= 2 * half + 1:
        return np.array([np.median(values[max(0, i - half) : i + half + 1]) for i in range(len(values))])
    windows = np.lib.stride_tricks.sliding_window_view(values, 2 * half + 1)
    # In parts, so that a run of a million rows does not need a gigabyte.
    middle = [np.median(windows[i : i + 20_000], axis=1) for i in range(0, len(windows), 20_000)]
    start = [np.median(values[: i + half + 1]) for i in range(half)]
    end = [np.median(values[i - half :]) for i in range(len(values) - half, len(values))]
    return np.concatenate([np.array(start), *middle, np.array(end)])


def outlying(values: np.ndarray, level: np.ndarray) -> np.ndarray:
    """How many robust standard deviations each value lies above its level on a logarithmic scale, all of shape (n,).

    For what is spread by factors rather than by sums: where a loss nears 0, healthy losses and gradient norms span two
    orders of magnitude, and on a linear scale each high one would be a spike.
    """
    least = np.finfo(float).tiny
    over = np.log(np.maximum(values, least)) - np.log(np.maximum(level, least))
    return over / max(1.4826 * float(np.median(np.abs(over - np.median(over)))), 0.01)


@dataclass(frozen=True)
class Trend:
    """The levels at which a curve began and ended, as medians over a share of its rows.

    `error`: the standard error of their difference by the curve's own noise; 0 for a curve without noise.
    """

    start: float
    end: float
    error: float

    @property
    def change(self) -> float:
        """End less start."""
        return self.end - self.start

    def rose(self, errors: float = 3.0) -> bool:
        """Whether it ended higher than chance explains."""
        return self.change > errors * self.error

    def fell(self, errors: float = 3.0) -> bool:
        """Whether it ended lower than chance explains."""
        return -self.change > errors * self.error


def trend(series: Series, share: float = 0.2, least: int = 3) -> Trend:
    """The trend of a finite series between its first and its last `share` of rows, at least `least` of each."""
    rows = max(least, int(len(series) * share))
    start, end = np.median(series.values[:rows]), np.median(series.values[-rows:])
    error = MEDIAN_ERROR * scatter(series.values) * math.sqrt(2 / max(1, min(rows, len(series))))
    return Trend(float(start), float(end), error)


def mean_trend(series: Series, share: float = 0.2, least: int = 3) -> Trend:
    """`trend` by means: for bounded values of few samples, such as rewards of 0 and 1, whose medians move in leaps."""
    rows = max(least, int(len(series) * share))
    with np.errstate(over="ignore", invalid="ignore"):
        start, end = series.values[:rows].mean(), series.values[-rows:].mean()
    return Trend(float(start), float(end), scatter(series.values) * math.sqrt(2 / max(1, min(rows, len(series)))))


def moving_mean(values: np.ndarray, width: int) -> np.ndarray:
    """The mean over `width` values around each value, shape as given; fewer at the ends."""
    half = width // 2
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.concatenate([[0.0], np.cumsum(values)])
        places = np.arange(len(values))
        low, high = np.maximum(0, places - half), np.minimum(len(values), places + half + 1)
        return (sums[high] - sums[low]) / (high - low)


def second_half(series: Series) -> Series:
    """The later half of a series."""
    return Series(series.tag, series.steps[len(series) // 2 :], series.values[len(series) // 2 :])


def late(series: Series, share: float = 0.25, least: int = 3) -> float:
    """The median of the last `share` of rows, at least `least`."""
    return float(np.median(series.values[-max(least, int(len(series) * share)) :]))


def early(series: Series, share: float = 0.1, least: int = 3) -> float:
    """The median of the first `share` of rows, at least `least`."""
    return float(np.median(series.values[: max(least, int(len(series) * share))]))


def first_run_of(mask: np.ndarray, rows: int) -> int | None:
    """The place at which the first `rows` true values in a row begin; None if there are none."""
    if rows <= 0 or len(mask) < rows:
        return None
    together = np.convolve(mask.astype(int), np.ones(rows, dtype=int), mode="valid")
    found = np.flatnonzero(together == rows)
    return int(found[0]) if len(found) else None


def settled_from(mask: np.ndarray, share: float = 0.8) -> int | None:
    """The first place that is true and from which at least `share` of all further values are; None if there is none."""
    if not len(mask):
        return None
    rest = np.cumsum(mask[::-1])[::-1] / np.arange(len(mask), 0, -1)
    found = np.flatnonzero(mask & (rest >= share))
    return int(found[0]) if len(found) else None


def rank_correlation(one: np.ndarray, two: np.ndarray) -> float:
    """Spearman's rank correlation, -1 to 1; 0 where one of the two never changes or fewer than 3 values are given."""
    if len(one) < 3:
        return 0.0
    ranks = [ranked(values) for values in (one, two)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def ranked(values: np.ndarray) -> np.ndarray:
    """The ranks of values, shape (n,), equal ones sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def aligned(one: Series, two: Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The steps at which both were logged, and the values of both there, each of shape (n,)."""
    steps, left, right = np.intersect1d(one.steps, two.steps, assume_unique=True, return_indices=True)
    return steps, one.values[left], two.values[right]


def need(series: Series | None, tag: str, rows: float) -> Series:
    """The finite part of a series, long enough to judge.

    Raises:
        CannotJudge: it was not logged, or has fewer than `rows` finite values.
    """
    if series is None:
        raise CannotJudge("no-series", tag=tag)
    finite = series.finite()
    if len(finite) < rows:
        raise CannotJudge("too-few-points", points=len(finite), need=int(rows))
    return finite


def kept_scores(run: Run) -> Series | None:
    """The mean of the first reward of the answers kept at each step, under the tag `samples/NAME`; None if there is none."""
    name = next((one for sample in run.samples for one in sample.rewards), None)
    by_step: dict[int, list[float]] = {}
    for sample in run.samples:
        value = sample.rewards.get(name) if name else None
        if isinstance(value, int | float) and math.isfinite(value):
            by_step.setdefault(sample.step, []).append(float(value))
    if not by_step:
        return None
    steps = np.array(sorted(by_step), dtype=np.int64)
    return Series(f"{SAMPLES}{name}", steps, np.array([float(np.mean(by_step[int(one)])) for one in steps]))


def curve_of(run: Run, tag: str) -> Series | None:
    """The curve that a finding's evidence names: one that was logged, or the mean scores of the kept answers."""
    found = run.get(tag)
    if found is None and tag.startswith(SAMPLES):
        scores = kept_scores(run)
        found = scores if scores is not None and scores.tag == tag else None
    return found


def loss_must_tell(run: Run) -> None:
    """Make sure that the loss of a run's method says something of its learning.

    Raises:
        CannotJudge: it hovers around 0 whatever is learned, in training and in evaluation.
    """
    if run.method in ONLINE:
        raise CannotJudge("loss-tells-nothing", method=run.method.upper())


def training_loss(run: Run, rows: float) -> Series:
    """The finite training loss of a run.

    Raises:
        CannotJudge: the method's loss tells nothing, none was logged, or fewer than `rows` finite points were.
    """
    loss_must_tell(run)
    return need(run.get("train/loss"), "train/loss", rows)


def in_warmup(run: Run) -> bool:
    """Whether the run ended while its learning rate was still rising, in the first tenth of its planned steps."""
    series = run.signal("learning_rate")
    if series is None or len(rate := series.finite()) < 3:
        return False
    planned = run.status.max_steps
    rising = bool((np.diff(rate.values) >= 0).all()) and rate.values[-1] > 1.5 * rate.values[0]
    return rising and bool(planned) and rate.steps[-1] < 0.1 * planned


def rows_around(series: Series, step: int, before: int = 4, after: int = 5) -> tuple[tuple[int, float], ...]:
    """The (step, value) pairs around a step, for a person to read."""
    at = int(np.searchsorted(series.steps, step))
    start, end = max(0, at - before), min(len(series), at + after + 1)
    return tuple((int(series.steps[i]), float(series.values[i])) for i in range(start, end))


def evidence(series: Series, *marks: int) -> SeriesEvidence:
    """The curve as evidence, marked at the given steps, with the rows around the first."""
    return SeriesEvidence(series.tag, tuple(marks), rows_around(series, marks[0]) if marks else ())


def shown(run: Run, step: int, *signals: str) -> tuple[SeriesEvidence, ...]:
    """The curves of those signals that were logged, marked at a step."""
    found = (run.signal(name) for name in signals)
    return tuple(evidence(series, step) for series in found if series is not None)


def argument(run: Run, name: str) -> Any:
    """An argument of the run as far as its sources tell it; None if they do not."""
    return run.config.get(name)


def number_argument(run: Run, name: str) -> float | None:
    """An argument that is a number; None if it is not known or is none."""
    value = argument(run, name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def peak_learning_rate(run: Run) -> float | None:
    """The largest learning rate that was logged, else the configured one; None if neither is known."""
    series = run.signal("learning_rate")
    if series is not None and len(finite := series.finite()):
        peak = float(finite.values.max())
        if peak > 0:
            return peak
    return number_argument(run, "learning_rate")


def limits(module: Any) -> dict[str, Limit]:
    """The thresholds of a rule's module by their names, in the order in which they stand there."""
    return {name: value for name, value in vars(module).items() if isinstance(value, Limit)}
