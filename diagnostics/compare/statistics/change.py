"""Did training change the model at all: its divergence from before, against that of random changes of the same size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from diagnostics.compare.statistics.inference import ALPHA, RESAMPLES, finite

Word = Literal["more-than-random", "no-more-than-random", "less-than-random", "too-few"]


@dataclass(frozen=True)
class Change:
    """A trained change against random ones of the same size.

    `trained`, `random`: mean divergence over prompts; `random` of all random changes. `ratio`: trained / random, `low` to
    `high` its 95 % interval (None: nothing to divide by, or fewer than two prompts). `rank`: how many random changes
    diverge at least as much. `p`: one-sided, (rank + 1) / (changes + 1), so that 19 random changes are needed for 0.05.
    `dropped`: prompts left out for a number that is not finite.
    """

    prompts: int
    dropped: int
    randoms: int
    trained: float
    random: float
    ratio: float | None
    low: float | None
    high: float | None
    rank: int
    p: float
    word: Word


def change(
    trained: Sequence[float] | np.ndarray, randoms: Sequence[Sequence[float]] | np.ndarray, seed: int = 0
) -> Change:
    """Compare divergences: `trained` of shape (prompts,), `randoms` of shape (random changes, prompts), same prompts.

    The p-value is that of a Monte-Carlo test (Phipson & Smyth 2010): were the trained change one more random change, its
    rank among them would be any with equal chance. The interval draws prompts and random changes, both with replacement
    (2,000 times, percentile); the prompts of both sides together, as they are paired.

    `more-than-random` needs p <= 0.05 and a ratio whose interval is above 1; `less-than-random` the same below 1, with
    the rank counted from the other end: the training moved weights where it hardly matters for these prompts.

    Raises:
        ValueError: the two have other numbers of prompts.
    """
    seen = np.asarray(trained, dtype=float).ravel()
    chance = np.atleast_2d(np.asarray(randoms, dtype=float))
    if chance.size and chance.shape[1] != len(seen):
        raise ValueError(f"{len(seen)} divergences of the trained change, {chance.shape[1]} of each random one.")
    kept = np.isfinite(seen) & (np.isfinite(chance).all(axis=0) if chance.size else True)
    seen, chance = seen[kept], chance[:, kept] if chance.size else chance.reshape(0, int(kept.sum()))
    count, prompts = chance.shape
    if not count or not prompts:
        mean = float(seen.mean()) if prompts else 0.0
        return Change(prompts, int((~kept).sum()), count, mean, 0.0, None, None, None, 0, 1.0, "too-few")
    means, mean, base = chance.mean(axis=1), float(seen.mean()), float(chance.mean())
    rank = int((means >= mean).sum())
    p = (rank + 1) / (count + 1)
    p_less = (int((means <= mean).sum()) + 1) / (count + 1)
    low, high = ratio_limits(seen, chance, seed) if base > 0 and prompts > 1 else (None, None)
    word: Word = "no-more-than-random"
    if low is None or high is None or 1 / (count + 1) > ALPHA:
        word = "too-few"
    elif p <= ALPHA and low > 1:
        word = "more-than-random"
    elif p_less <= ALPHA and high < 1:
        word = "less-than-random"
    ratio = mean / base if base > 0 else None
    return Change(prompts, int((~kept).sum()), count, mean, base, ratio, low, high, rank, p, word)


def ratio_limits(trained: np.ndarray, randoms: np.ndarray, seed: int) -> tuple[float | None, float | None]:
    """The 95 % limits of mean(trained) / mean(randoms), shapes (prompts,) and (changes, prompts)."""
    rng = np.random.default_rng(seed)
    count, prompts = randoms.shape
    # Each resample as weights: how often a prompt, and how often a random change, was drawn.
    by_prompt = rng.multinomial(prompts, np.full(prompts, 1 / prompts), size=RESAMPLES) / prompts
    by_change = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES) / count
    below = ((by_change @ randoms) * by_prompt).sum(axis=1)
    above = by_prompt @ trained
    ratios, _ = finite(above[below > 0] / below[below > 0])
    if not len(ratios):
        return None, None
    low, high = np.quantile(ratios, (ALPHA / 2, 1 - ALPHA / 2))
    return float(low), float(high)
