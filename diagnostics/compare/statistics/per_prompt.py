"""The scores of a source by prompt, and their differences between two sources: one number a prompt."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from diagnostics.compare.answers import AnswerSet

# by prompt's number, then by seed
Scores = Mapping[int, Mapping[int, float]]


def scores_of(answers: AnswerSet, source: str, score: str) -> Scores:
    """The finite values of one score of one source; answers without one are not in it."""
    found: dict[int, dict[int, float]] = {}
    for one in answers.of(source):
        value = one.scores.get(score)
        if value is not None and math.isfinite(value):
            found.setdefault(one.prompt, {})[one.seed] = float(value)
    return found


def mean_of(values: Sequence[float]) -> float:
    """The mean of at least one value, rounded once: it does not depend on the order of seeds."""
    return math.fsum(values) / len(values)


def prompt_means(scores: Scores) -> dict[int, float]:
    """The mean over the seeds of each prompt."""
    return {prompt: mean_of(list(by_seed.values())) for prompt, by_seed in scores.items()}


def paired_differences(source: Scores, against: Scores, prompts: Sequence[int]) -> dict[int, float]:
    """By prompt, the mean over the seeds that both answered with of (source - against); prompts without one are left out."""
    found = {}
    for prompt in prompts:
        left, right = source.get(prompt, {}), against.get(prompt, {})
        both = [seed for seed in left if seed in right]
        if both:
            before, after = (mean_of([one[seed] for seed in both]) for one in (right, left))
            # Means of the same numbers in another order differ by rounding: that is a tie, not a win by 1e-17.
            found[prompt] = 0.0 if math.isclose(after, before, rel_tol=1e-12) else after - before
    return found
