"""How different the answers to different prompts are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diagnostics.compare.texts.traits import grams, units_of


@dataclass(frozen=True)
class Diversity:
    """`distinct_1`, `distinct_2`: distinct n-grams over all n-grams of all answers (Li et al. 2016; falls with length).

    `overlap`: mean Jaccard overlap of the bigrams of two answers to different prompts. `identical`: the share of
    answers that are word for word also the answer to another prompt.
    """

    distinct_1: float
    distinct_2: float
    overlap: float
    identical: float


def diversity(texts: Sequence[str]) -> Diversity:
    """The diversity of answers, one a prompt."""
    units = [units_of(one) for one in texts]
    counted = Counter(one.strip() for one in texts)
    same = sum(count for count in counted.values() if count > 1)
    count = len(texts)
    return Diversity(
        distinct(units, 1),
        distinct(units, 2),
        float(overlaps(texts).sum() / (count * (count - 1))) if count > 1 else 0.0,
        same / count if count else 0.0,
    )


def distinct(units: Sequence[Sequence[str]], size: int) -> float:
    """Distinct n-grams over all n-grams; 0 if there are none."""
    found = [gram for one in units for gram in grams(one, size)]
    return len(set(found)) / len(found) if found else 0.0


def overlaps(texts: Sequence[str]) -> np.ndarray:
    """The Jaccard overlap of the bigrams of each two texts, shape (n, n), 0 on the diagonal.

    Texts of one word count by that word; two empty ones do not overlap: that is another fault.
    """
    bags = [set(grams(units, 2)) or set(grams(units, 1)) for units in map(units_of, texts)]
    held_by: dict[tuple[str, ...], list[int]] = {}
    for place, bag in enumerate(bags):
        for gram in bag:
            held_by.setdefault(gram, []).append(place)
    shared = np.zeros((len(bags), len(bags)))
    for places in held_by.values():
        if len(places) > 1:
            shared[np.ix_(places, places)] += 1
    sizes = np.array([len(bag) for bag in bags], dtype=float)
    table = shared / np.maximum(sizes[:, None] + sizes[None, :] - shared, 1)
    np.fill_diagonal(table, 0)
    return table


def overlap_shares(texts: Sequence[str]) -> np.ndarray:
    """One number a prompt whose mean is the mean overlap, as the jackknife's pseudo-values, shape (n,).

    n * all - (n - 1) * (all without the prompt). Each answer stands in n - 1 pairs, so its mere mean overlap would
    count as half as variable as it is (Arvesen 1969, for such means over pairs). NaN for fewer than three.
    """
    table = overlaps(texts)
    count = len(table)
    if count < 3:
        return np.full(count, np.nan)
    total = table.sum()
    whole = total / (count * (count - 1))
    without = (total - 2 * table.sum(axis=1)) / ((count - 1) * (count - 2))
    shares: np.ndarray = count * whole - (count - 1) * without
    return shares
