"""The difference of two checkpoints on the same prompts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diagnostics.compare.scores import RESAMPLES, samples_at
from diagnostics.run import Run


@dataclass(frozen=True)
class Difference:
    """The mean over prompts of (right - left).

    `low`, `high`: 95 % percentile bootstrap over prompts, both answers of a prompt drawn together (2,000 resamples,
    seed 0). An interval that holds 0 shows no difference.
    """

    mean: float
    low: float
    high: float
    count: int


def kept_rewards(run: Run, step: int, reward: str) -> dict[str, float]:
    """The reward of each prompt answered at a step, by prompt."""
    return {
        sample.prompt: float(value)
        for sample in samples_at(run, step)
        if isinstance(value := sample.rewards.get(reward), int | float) and math.isfinite(value)
    }


def difference(left: dict[str, float], right: dict[str, float]) -> Difference | None:
    """The paired difference over the prompts that both answered; None if there are fewer than two."""
    prompts = [prompt for prompt in left if prompt in right]
    if len(prompts) < 2:
        return None
    deltas = np.array([right[prompt] - left[prompt] for prompt in prompts])
    rng = np.random.default_rng(0)
    means = deltas[rng.integers(0, len(deltas), size=(RESAMPLES, len(deltas)))].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Difference(float(deltas.mean()), float(low), float(high), len(deltas))
