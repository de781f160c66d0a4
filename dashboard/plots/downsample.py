"""Curves made small enough for a screen without losing what matters: extremes and gaps by pixel column, and smoothing."""

from __future__ import annotations

import numpy as np

# Rows that are smoothed at once; weight ** BLOCK must not vanish far below what a double can tell from 0.
BLOCK = 64


def pixel_columns(x: np.ndarray, values: np.ndarray, columns: int) -> np.ndarray:
    """The places of the points that a plot of so many pixel columns needs, ascending; int64.

    `x`: float, shape (n,), ascending and finite. `values`: float, shape (n,). Of each column are kept its lowest and its
    highest finite value, and the first and the last that is not finite; so are the first and the last point of all. No
    spike is lost, no gap is closed. At most 4 points a column and 2 more.
    """
    count = len(x)
    if count <= 2 * columns:
        return np.arange(count)
    span = float(x[-1]) - float(x[0])
    # Halved on both sides, so that a span beyond the largest double is one all the same.
    share = (x / 2 - x[0] / 2) / (span / 2) if 0 < span < np.inf else np.zeros(count)
    column = np.minimum((share * columns).astype(np.int64), columns - 1)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(column)) + 1))
    lengths = np.diff(np.concatenate((starts, [count])))
    finite = np.isfinite(values)
    keep = np.zeros(count, dtype=bool)
    keep[[0, -1]] = True
    for reduce, nothing in ((np.minimum, np.inf), (np.maximum, -np.inf)):
        sound = np.where(finite, values, nothing)
        extreme = np.repeat(reduce.reduceat(sound, starts), lengths)
        keep[first_of_each(np.flatnonzero(finite & (sound == extreme)), column)] = True
    bad = np.flatnonzero(~finite)
    if len(bad):
        keep[first_of_each(bad, column)] = True
        keep[first_of_each(bad[::-1], column)] = True
    return np.flatnonzero(keep)


def first_of_each(places: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Of places in the order of their columns, the first in each column."""
    if not len(places):
        return places
    of = column[places]
    return places[np.concatenate(([True], of[1:] != of[:-1]))]


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """The exponential moving average, without the pull of its start towards 0; values that are not finite stay where they are.

    `values`: float, shape (n,). `weight`: the share of the average that is kept at each point, 0 (none) to below 1.
    """
    finite = np.isfinite(values)
    if weight <= 0 or not finite.any():
        return values
    sound = values[finite]
    blocks = -(-len(sound) // BLOCK)
    padded = np.zeros(blocks * BLOCK)
    padded[: len(sound)] = sound
    age = np.arange(BLOCK)[:, None] - np.arange(BLOCK)[None, :]
    kernel = np.where(age >= 0, (1 - weight) * weight ** np.maximum(age, 0), 0.0)
    within = padded.reshape(blocks, BLOCK) @ kernel.T
    carried, before = np.zeros(blocks), 0.0
    for block in range(blocks):
        carried[block] = before
        before = within[block, -1] + before * weight**BLOCK
    decay = weight ** np.arange(1, BLOCK + 1)
    average = (within + carried[:, None] * decay[None, :]).ravel()[: len(sound)]
    # Of n points, the weights add up to 1 - weight^n.
    whole = -np.expm1(np.arange(1, len(sound) + 1) * np.log(weight))
    drawn = values.copy()
    drawn[finite] = average / whole
    return drawn
