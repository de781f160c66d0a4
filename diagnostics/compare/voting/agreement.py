"""How far people, judges and rewards agree on the same pairs of answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from diagnostics.compare.statistics.inference import ALPHA, RESAMPLES, wilson
from diagnostics.compare.voting.votes import Vote

# (prompt and the two texts, the two sources in the order of their names)
Item = tuple[str, str, str]


@dataclass(frozen=True)
class Agreement:
    """Two voters on the `items` (pairs of answers) that both judged: first better, second better, or a tie.

    `raw`: the share on which they agree, with Wilson's interval. `kappa`: agreement beyond chance (Cohen 1960), 1 at most,
    0 by chance; None if it is not defined (both say the same of all), with a percentile bootstrap over items.
    """

    first: str
    second: str
    items: int
    raw: float | None
    raw_low: float
    raw_high: float
    kappa: float | None
    low: float | None
    high: float | None


def agreements(
    votes: Sequence[Vote], voter_of: Callable[[Vote], str] = lambda vote: vote.voter, seed: int = 0
) -> tuple[Agreement, ...]:
    """Each two voters that judged some pair both. `voter_of`: who a vote counts for, the kind unless said otherwise.

    Several votes of one voter on a pair count by their majority; without one, as a tie.
    """
    said: dict[str, dict[Item, int]] = {voter: choices(votes, voter_of, voter) for voter in map(voter_of, votes)}
    found = []
    for first, second in combinations(said, 2):
        both = sorted(said[first].keys() & said[second].keys())
        if both:
            one = np.array([said[first][item] for item in both])
            other = np.array([said[second][item] for item in both])
            found.append(agreement(first, second, one, other, seed))
    return tuple(found)


def choices(votes: Sequence[Vote], voter_of: Callable[[Vote], str], voter: str) -> dict[Item, int]:
    """What one voter says of each pair: 1 the first is better, -1 the second, 0 a tie."""
    counted: dict[Item, Counter[int]] = {}
    for vote in votes:
        if voter_of(vote) != voter:
            continue
        for one, other, won in vote.outcomes():
            first, second = sorted((one, other))
            asked = json.dumps([vote.prompt, vote.answers[first], vote.answers[second]], sort_keys=True)
            said = 0 if won == 0.5 else 1 if one == first else -1
            counted.setdefault((asked, first, second), Counter())[said] += 1
    return {item: majority(tally) for item, tally in counted.items()}


def majority(tally: Counter[int]) -> int:
    """The choice of more votes than any other; 0 if there is none."""
    (choice, most), *others = tally.most_common()
    return 0 if others and others[0][1] == most else choice


def agreement(first: str, second: str, one: np.ndarray, other: np.ndarray, seed: int = 0) -> Agreement:
    """Two voters' choices (-1, 0, 1) on the same items, each of shape (n,), n at least 1."""
    same = int((one == other).sum())
    low, high = wilson(same, len(one))
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(one), size=(RESAMPLES, len(one)))
    kappas = cohen_kappa(one[drawn], other[drawn])
    kappas = kappas[np.isfinite(kappas)]
    kappa = float(cohen_kappa(one[None], other[None])[0])
    # With fewer than two items, or hardly a resample in which it is defined, the interval would be made of nothing.
    known = np.isfinite(kappa) and len(one) > 1 and len(kappas) > RESAMPLES / 2
    limits = np.quantile(kappas, (ALPHA / 2, 1 - ALPHA / 2)).tolist() if known else [None, None]
    return Agreement(
        first, second, len(one), same / len(one), low, high, kappa if np.isfinite(kappa) else None, limits[0], limits[1]
    )


def cohen_kappa(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Cohen's kappa of each row of choices (-1, 0, 1), shapes (m, n), as shape (m,); NaN where chance agrees always."""
    observed = (one == other).mean(axis=1)
    chance = sum((one == choice).mean(axis=1) * (other == choice).mean(axis=1) for choice in (-1, 0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(1 - chance > 1e-12, (observed - chance) / (1 - chance), np.nan)
