"""The noise floor: how far a source differs from itself when nothing but the seeds is changed (an A/A run)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Literal

import numpy as np

from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.statistics.inference import ALPHA, mean_interval
from diagnostics.compare.statistics.per_prompt import Scores, mean_of, prompt_means, scores_of

Kind = Literal["halves", "repeat"]

# Ways of halving the seeds that are tried: all of them up to 8 seeds.
SPLITS = 35


@dataclass(frozen=True)
class NoiseFloor:
    """The largest difference that any source shows against itself.

    `difference`: its mean over prompts, from `low` to `high` (95 % for the largest of all `tried`; None for fewer than two
    prompts). `seeds`: how many were averaged on each side; a comparison that averages more is quieter than this floor.
    `tried`: how many splits of all sources there were. `kind`: `halves` of one run's seeds, or a `repeat` of the run.
    """

    source: str
    difference: float
    low: float | None
    high: float | None
    prompts: int
    seeds: int
    tried: int
    kind: Kind


def noise_floor(
    answers: AnswerSet, score: str, repeat: AnswerSet | None = None, largest: float | None = None
) -> NoiseFloor | None:
    """The largest |difference| over sources and splits; None if no source answered one prompt twice.

    `repeat`: the same sources asked again with other seeds; without it, the seeds of each source are halved in every way.
    """
    found: list[Split] = []
    for source in answers.sources:
        scores = scores_of(answers, source, score)
        if repeat is None:
            found += [
                Split(source, differences(only(scores, left), only(scores, right)), len(left), "halves")
                for left, right in halves(answers.seeds)
            ]
        elif source in repeat.sources:
            again = scores_of(repeat, source, score)
            found.append(Split(source, differences(scores, again), len(answers.seeds), "repeat"))
    tried = [one for one in found if one.differences]
    if not tried:
        return None
    widest = max(tried, key=lambda one: abs(mean_of(one.differences)))
    # The largest of many is far from 0 by being chosen: the interval is that of all of them at once (Bonferroni).
    interval = mean_interval(np.array(widest.differences), largest, ALPHA / len(tried))
    return NoiseFloor(
        widest.source,
        mean_of(widest.differences),
        interval.low if interval else None,
        interval.high if interval else None,
        len(widest.differences),
        widest.seeds,
        len(tried),
        widest.kind,
    )


@dataclass(frozen=True)
class Split:
    """One way to compare a source with itself: differences by prompt, each side a mean of `seeds`."""

    source: str
    differences: list[float]
    seeds: int
    kind: Kind


def differences(left: Scores, right: Scores) -> list[float]:
    """The differences of the means of prompts that are on both sides."""
    one, other = prompt_means(left), prompt_means(right)
    return [one[prompt] - other[prompt] for prompt in one if prompt in other]


def halves(seeds: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The ways to choose two disjoint halves, each pair once; of an odd number of seeds the last is left out."""
    even = seeds[: len(seeds) // 2 * 2]
    if not even:
        return
    # The first seed stands on the left: else each split would come twice.
    ways = combinations(even[1:], len(even) // 2 - 1)
    for chosen in islice(ways, SPLITS):
        left = (even[0], *chosen)
        yield left, tuple(one for one in even if one not in left)


def only(scores: Scores, seeds: Sequence[int]) -> Scores:
    """The scores of prompts that were answered with all of these seeds."""
    return {
        prompt: {seed: by_seed[seed] for seed in seeds}
        for prompt, by_seed in scores.items()
        if all(seed in by_seed for seed in seeds)
    }
