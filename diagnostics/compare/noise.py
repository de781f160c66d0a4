"""The noise floor: how far a source differs from itself when nothing but the seeds is changed (an A/A run)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np

from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.per_prompt import Scores, mean_of, prompt_means, scores_of
from diagnostics.compare.statistics import mean_interval

# Ways of halving the seeds that are tried: all of them up to 8 seeds.
SPLITS = 35


@dataclass(frozen=True)
class NoiseFloor:
    """The largest difference that any source shows against itself.

    `difference`: its mean over prompts, from `low` to `high` (95 %; None for fewer than two prompts). `seeds`: how many
    were averaged on each side; a comparison that averages more is quieter than this floor. `kind`: `halves` of one
    run's seeds, or a `repeat` of the run.
    """

    source: str
    difference: float
    low: float | None
    high: float | None
    prompts: int
    seeds: int
    kind: str


def noise_floor(
    answers: AnswerSet, score: str, repeat: AnswerSet | None = None, largest: float | None = None
) -> NoiseFloor | None:
    """The largest |difference| over sources and splits; None if no source answered one prompt twice.

    `repeat`: the same sources asked again with other seeds; without it, the seeds of each source are halved in every way.
    """
    found: list[NoiseFloor] = []
    for source in answers.sources:
        scores = scores_of(answers, source, score)
        if repeat is not None:
            if source in repeat.sources:
                again = scores_of(repeat, source, score)
                found += floor_of(source, scores, again, len(answers.seeds), "repeat", largest)
            continue
        for left, right in halves(answers.seeds):
            found += floor_of(source, only(scores, left), only(scores, right), len(left), "halves", largest)
    return max(found, key=lambda one: abs(one.difference), default=None)


def floor_of(
    source: str, left: Scores, right: Scores, seeds: int, kind: str, largest: float | None
) -> list[NoiseFloor]:
    """One split's difference, or nothing if no prompt is on both sides."""
    one, other = prompt_means(left), prompt_means(right)
    differences = [one[prompt] - other[prompt] for prompt in one if prompt in other]
    if not differences:
        return []
    interval = mean_interval(np.array(differences), largest)
    low, high = (interval.low, interval.high) if interval else (None, None)
    return [NoiseFloor(source, mean_of(differences), low, high, len(differences), seeds, kind)]


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
