"""The difference of two checkpoints on the same prompts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from diagnostics.compare.statistics.inference import mean_interval
from diagnostics.compare.statistics.scores import samples_at
from diagnostics.run import Run


@dataclass(frozen=True)
class Difference:
    """The mean over prompts of (right - left).

    `low`, `high`: the 95 % interval of `statistics.mean_interval`. One that holds 0 shows no difference.
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
    found = mean_interval([right[prompt] - left[prompt] for prompt in left if prompt in right])
    return Difference(found.mean, found.low, found.high, found.count) if found else None
