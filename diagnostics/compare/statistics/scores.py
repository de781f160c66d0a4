"""The score of each checkpoint of a run, from the answers that the run kept, with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diagnostics.compare.statistics.inference import score_interval
from diagnostics.run import Run, Sample


@dataclass(frozen=True)
class Score:
    """The mean of one reward over the prompts answered at one step.

    `low`, `high`: 95 % over prompts, by `statistics.score_interval`. The interval says how the mean would vary over other
    prompts of the same kind; it says nothing of other training seeds.
    """

    step: int
    mean: float
    low: float
    high: float
    count: int


def reward_names(run: Run) -> list[str]:
    """The rewards that judged the run's kept answers, in the order of their first use."""
    return list(dict.fromkeys(name for sample in run.samples for name in sample.rewards))


def scores_of(run: Run, reward: str) -> list[Score]:
    """The score of each step that answers were kept of, ascending."""
    by_step: dict[int, list[float]] = {}
    for sample in run.samples:
        value = sample.rewards.get(reward)
        if isinstance(value, int | float) and math.isfinite(value):
            by_step.setdefault(sample.step, []).append(float(value))
    return [score_of(step, np.array(values)) for step, values in sorted(by_step.items())]


def last_score(run: Run) -> Score | None:
    """The score of the run's last answers by its first reward; None if no scored answers were kept."""
    names = reward_names(run)
    scores = scores_of(run, names[0]) if names else []
    return scores[-1] if scores else None


def score_of(step: int, values: np.ndarray) -> Score:
    """The mean of values, shape (n,), with its interval; the interval of a single value is that value."""
    mean = float(values.mean())
    low, high = score_interval(values) or (mean, mean)
    return Score(step, mean, low, high, len(values))


def samples_at(run: Run, step: int) -> list[Sample]:
    """The answers kept at a step, in their order."""
    return [sample for sample in run.samples if sample.step == step]
