"""Near duplicates among texts: MinHash over shingles with locality-sensitive hashing, then the exact overlap of each pair.

A text is the set of its runs of three words (of three signs where a script has no spaces). Two texts are near duplicates
if their sets overlap by 0.8 (Jaccard), the figure of Lee et al. 2022, "Deduplicating Training Data Makes Language Models
Better" (arXiv 2107.06499): in a text of 30 words one word may differ, in one of 100 words about three.

MinHash: Broder 1997, "On the resemblance and containment of documents"; banding: Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", chapter 3. 14 bands of 5 hashes: a pair with an overlap of 0.8 shares a band with probability
1 - (1 - 0.8^5)^14 = 0.996, one of 0.9 always, one of 0.5 in 36 of 100 cases. Each pair found is checked on the sets
themselves, so there are no false pairs but for collisions of 32 bits; in a crowded band a text is held against the first
two and against its neighbour only.

What many texts share is a template, not a copy: runs that occur in more than one text in fifty (and in more than twenty)
are left out. Texts that differ in a number are different questions ("3 + 4", "order 17"), whatever else they share. A text
with fewer than ten runs left is compared exactly only, which the caller does.
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, count

import numpy as np

from diagnostics.preflight.texts import words_in

RUN = 3  # words
BANDS, ROWS = 14, 5
OVERLAP = 0.8
SHARED = 0.02  # share of the texts
SHARED_AT_LEAST = 20  # texts
LEAST = 10  # runs
CHUNK = 200_000  # runs hashed at once: one hash of them is 1.6 MB, which stays in the cache
DIGITS = re.compile(r"\d+")
MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class Shingles:
    """The sets of runs of some texts: all in one sorted array, text after text. `begins` has one entry more than texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.values, self.begins = without_templates(*runs_of(texts), len(texts))
        self.sizes = np.diff(self.begins)
        self.digits = np.fromiter(
            (zlib.crc32(" ".join(DIGITS.findall(one)).encode()) for one in texts), np.uint64, len(texts)
        )

    def of(self, at: int) -> np.ndarray:
        """The runs of one text, sorted."""
        return self.values[self.begins[at] : self.begins[at + 1]]

    def overlap(self, one: int, other: int) -> float:
        """The share of the runs of two texts that both have (Jaccard)."""
        both = len(np.intersect1d(self.of(one), self.of(other), assume_unique=True))
        return both / (self.sizes[one] + self.sizes[other] - both)


def mixed(values: np.ndarray) -> np.ndarray:
    """64-bit values scattered evenly (the finaliser of splitmix64, Steele et al. 2014)."""
    values = (values ^ (values >> np.uint64(30))) * MIX[1]
    values = (values ^ (values >> np.uint64(27))) * MIX[2]
    return values ^ (values >> np.uint64(31))


def runs_of(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Each run of words as a number of 32 bits, and the place of the text that it is from; each once, sorted by both."""
    known: defaultdict[str, int] = defaultdict(count().__next__)
    lists = [words_in(one) for one in texts]
    counts = np.fromiter(map(len, lists), np.int64, len(lists))
    ids = np.fromiter(map(known.__getitem__, chain.from_iterable(lists)), np.uint64, counts.sum())
    del lists, known
    if len(ids) < RUN:
        return np.zeros(0, np.uint32), np.zeros(0, np.int64)
    owner = np.repeat(np.arange(len(texts)), counts)
    value = np.zeros(len(ids) - RUN + 1, np.uint64)
    for step in range(RUN):
        value = mixed(value * MIX[0] + ids[step : len(ids) - RUN + 1 + step] + np.uint64(1))
    inside = owner[: len(value)] == owner[RUN - 1 :]
    keys = (owner[: len(value)][inside].astype(np.uint64) << np.uint64(32)) | (value[inside] >> np.uint64(32))
    keys.sort()
    keys = keys[np.r_[True, keys[1:] != keys[:-1]][: len(keys)]]  # five times as fast as np.unique
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32), (keys >> np.uint64(32)).astype(np.int64)


def without_templates(values: np.ndarray, owner: np.ndarray, texts: int) -> tuple[np.ndarray, np.ndarray]:
    """The runs without those that many texts share; and where each text's begin."""
    if len(values):
        order = np.argsort(values, kind="stable")
        ranked = values[order]
        starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        counts = np.diff(np.r_[starts, len(ranked)])
        kept = np.empty(len(values), bool)
        kept[order] = np.repeat(counts <= max(SHARED_AT_LEAST, SHARED * texts), counts)
        values, owner = values[kept], owner[kept]
    return values, np.searchsorted(owner, np.arange(texts + 1))


def signatures(shingles: Shingles, which: np.ndarray, seed: int) -> np.ndarray:
    """The MinHash of some texts: uint32, shape (texts, hashes). Multiply-shift hashes (Dietzfelbinger et al. 1997)."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(1, 2**63, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = rng.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)
    made = np.empty((len(which), BANDS * ROWS), np.uint32)
    done = 0
    while done < len(which):
        sizes = np.cumsum(shingles.sizes[which[done:]])
        upto = done + max(1, int(np.searchsorted(sizes, CHUNK, side="right")))
        block = which[done:upto]
        values = np.concatenate([shingles.of(at) for at in block]).astype(np.uint64)
        starts = np.r_[0, np.cumsum(shingles.sizes[block])[:-1]]
        for at in range(BANDS * ROWS):
            hashed = ((values * factors[at] + offsets[at]) >> np.uint64(32)).astype(np.uint32)
            made[done:upto, at] = np.minimum.reduceat(hashed, starts)
        done = upto
    return made


def near_pairs(texts: Sequence[str], overlap: float = OVERLAP, seed: int = 0) -> list[tuple[int, int, float]]:
    """Pairs of texts that nearly say the same: earlier place, later place, their overlap. Equal texts are pairs too.

    The texts are normalised already. Of a group of near duplicates each but the first is in some pair, not every pair is
    there.
    """
    shingles = Shingles(texts)
    which = np.flatnonzero(shingles.sizes >= LEAST)
    if len(which) < 2:
        return []
    made = signatures(shingles, which, seed)
    candidates: list[np.ndarray] = []
    for band in range(BANDS):
        key = mixed(shingles.digits[which])
        for at in range(band * ROWS, (band + 1) * ROWS):
            key = mixed(key * MIX[0] + made[:, at])
        order = np.argsort(key, kind="stable")
        ranked = key[order]
        same = ranked[1:] == ranked[:-1]
        if not same.any():
            continue
        starts = np.flatnonzero(np.r_[True, ~same])
        first = np.repeat(starts, np.diff(np.r_[starts, len(ranked)]))
        later = np.flatnonzero(np.r_[False, same])
        held_against = (first[later], later - 1, np.minimum(first[later] + 1, later - 1))
        candidates += [np.stack([order[one], order[later]]) for one in held_against]
    if not candidates:
        return []
    pairs = np.unique(np.sort(np.concatenate(candidates, axis=1), axis=0), axis=1)
    # What the hashes say of the overlap is off by 0.048 (one standard deviation); three of them below it is not looked at.
    alike = np.concatenate(
        [
            (made[pairs[0, at : at + CHUNK]] == made[pairs[1, at : at + CHUNK]]).mean(1)
            for at in range(0, pairs.shape[1], CHUNK)
        ]
    )
    found = []
    for one, other in pairs[:, alike >= overlap - 0.15].T:
        exact = shingles.overlap(int(which[one]), int(which[other]))
        if exact >= overlap:
            found.append((int(which[one]), int(which[other]), float(exact)))
    return found
