"""Ratings of sources from votes (Bradley & Terry 1952), on the scale of chess ratings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from diagnostics.compare.statistics.inference import ALPHA
from diagnostics.compare.voting.votes import Vote

# Elo's (1978) scale: 400 points are odds of ten to one. The mean of the sources is 1500.
SCALE = 400 / math.log(10)
MEAN = 1500.0
# Each source is taken to have tied once with a source of rating 1500. Without it, one that always won would be rated
# infinite (and so would the likelihood's maximum be); with it, it is as weak as a single vote.
PRIOR = 1.0
RESAMPLES = 500
# Ours: drawing again from fewer votes only repeats them, and from votes that all say the same it repeats that.
FEWEST = 5


@dataclass(frozen=True)
class Rating:
    """One source's rating, `low` to `high` its 95 % percentile bootstrap interval over votes (500 resamples, seeded).

    Both are None where the votes bear no interval: it took part in fewer than five, or all of them say the same of it.
    `wins`, `ties`, `losses`: over the pairs that the votes compare it in.
    """

    source: str
    rating: float
    low: float | None
    high: float | None
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True)
class Ratings:
    """The ratings, highest first.

    Not `connected`: some sources were never compared, even by way of others; their ratings say nothing of each other.
    """

    rows: tuple[Rating, ...]
    votes: int
    connected: bool


def ratings(votes: Sequence[Vote], seed: int = 0) -> Ratings:
    """Rate all sources that were voted on. Ties and both-bad count as half a win for each side."""
    sources = list(dict.fromkeys(source for vote in votes for source in vote.shown))
    if not sources:
        return Ratings((), 0, True)
    place = {source: number for number, source in enumerate(sources)}
    count = len(sources)
    outcomes = np.array(
        [
            (number, place[one], place[other], won)
            for number, vote in enumerate(votes)
            for one, other, won in vote.outcomes()
        ]
    )
    vote, one, other, won = (
        outcomes[:, 0].astype(int),
        outcomes[:, 1].astype(int),
        outcomes[:, 2].astype(int),
        outcomes[:, 3],
    )

    def table(weights: np.ndarray) -> np.ndarray:
        """How often each beat each, shape (count, count), with a weight for each vote."""
        beaten = np.zeros((count, count))
        np.add.at(beaten, (one, other), weights[vote] * won)
        np.add.at(beaten, (other, one), weights[vote] * (1 - won))
        return beaten

    whole = table(np.ones(len(votes)))
    strengths = bradley_terry(whole)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(votes), np.full(len(votes), 1 / len(votes)), size=RESAMPLES).astype(float)
    again = np.array([bradley_terry(table(weights)) for weights in drawn])
    low, high = np.quantile(again, (ALPHA / 2, 1 - ALPHA / 2), axis=0)
    rows = []
    for source, number in place.items():
        first, second = one == number, other == number
        wins = int(((first & (won == 1)) | (second & (won == 0))).sum())
        ties = int(((first | second) & (won == 0.5)).sum())
        losses = int(((first & (won == 0)) | (second & (won == 1))).sum())
        took_part = len(np.unique(vote[first | second]))
        borne = took_part >= FEWEST and sum(map(bool, (wins, ties, losses))) > 1
        left, right = (MEAN + SCALE * float(end[number]) if borne else None for end in (low, high))
        rows.append(Rating(source, MEAN + SCALE * float(strengths[number]), left, right, wins, ties, losses))
    return Ratings(tuple(sorted(rows, key=lambda row: -row.rating)), len(votes), is_connected(whole))


def bradley_terry(beaten: np.ndarray, prior: float = PRIOR) -> np.ndarray:
    """The log strengths, shape (n,), mean 0, that make the outcomes likeliest. `beaten[i, j]`: how often i beat j.

    P(i beats j) = 1 / (1 + exp(s_j - s_i)), by Newton's method on the logarithms, where the likelihood is concave
    (Hunter 2004 gives the MM algorithm for the same maximum). `prior`: ties with a source of strength 0.
    """
    count = len(beaten)
    games = beaten + beaten.T
    strengths = np.zeros(count)
    for _ in range(100):
        expected = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
        alone = 1 / (1 + np.exp(-strengths))
        slope = (beaten - games * expected).sum(axis=1) + prior * (0.5 - alone)
        weights = games * expected * (1 - expected)
        bend = np.diag(weights.sum(axis=1) + prior * alone * (1 - alone)) - weights
        step = np.linalg.solve(bend + 1e-12 * np.eye(count), slope)
        # Far from the maximum Newton's step may be too long; 2 are odds of seven to one.
        strengths += np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    centred: np.ndarray = strengths - strengths.mean()
    return centred


def is_connected(beaten: np.ndarray) -> bool:
    """Whether every source was compared with every other, at least by way of others."""
    met = (beaten + beaten.T) > 0
    reached = np.zeros(len(met), dtype=bool)
    reached[0] = True
    for _ in range(len(met)):
        reached |= met[reached].any(axis=0)
    return bool(reached.all())
