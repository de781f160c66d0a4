"""A million points made small enough to draw: ours, TensorBoard's reservoir and plain decimation, in turn.

    python -m tests.bench.curves

What counts: of planted spikes of one point and runs of NaN, how many can still be seen; how far the drawn curve is from
the whole one, as the part of a pixel column's range that is lost; and the time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from tensorboard.backend.event_processing.reservoir import Reservoir

from dashboard.plots.downsample import pixel_columns, smoothed
from tests.bench.tables import table

POINTS, COLUMNS, SPIKES, GAPS, GAP_LENGTH = 1_000_000, 480, 40, 20, 30
# What TensorBoard keeps of a scalar's points by default (its --samples_per_plugin).
TENSORBOARD_KEEPS = 1000
ROUNDS = 5
Keep = Callable[[np.ndarray, np.ndarray], np.ndarray]


def made_curve(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A loss that falls and is noisy, with spikes of one point and runs of NaN: x, values, where the two were put."""
    rng = np.random.default_rng(seed)
    x = np.arange(float(POINTS))
    values = 2 * np.exp(-x / POINTS * 5) + 0.05 * rng.normal(size=POINTS)
    spikes = np.sort(rng.choice(POINTS, SPIKES, replace=False))
    values[spikes] = 10.0
    gaps = np.sort(rng.choice(POINTS - GAP_LENGTH, GAPS, replace=False))
    for start in gaps:
        values[start : start + GAP_LENGTH] = np.nan
    return x, values, spikes[np.isfinite(values[spikes])], gaps


def ours(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """By pixel column."""
    return pixel_columns(x, values, COLUMNS)


def reservoir(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """TensorBoard's own class, fed point by point as its event reader does."""
    kept = Reservoir(size=TENSORBOARD_KEEPS, seed=0)
    for place in range(len(x)):
        kept.AddItem("loss", place)
    return np.array(kept.Items("loss"))


def decimated(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """As many points as ours may keep at two a column, at even distances."""
    return np.linspace(0, len(x) - 1, 2 * COLUMNS).astype(np.int64)


def columns_of(x: np.ndarray) -> np.ndarray:
    """The pixel column of each point."""
    return np.minimum((x / x[-1] * COLUMNS).astype(int), COLUMNS - 1)


def spikes_seen(x: np.ndarray, values: np.ndarray, kept: np.ndarray, spikes: np.ndarray) -> int:
    """How many spikes are reached by what is drawn of their pixel column."""
    column = columns_of(x)
    drawn = values[kept]
    return sum(bool((drawn[column[kept] == column[one]] >= values[one]).any()) for one in spikes)


def lost_range(x: np.ndarray, values: np.ndarray, kept: np.ndarray) -> float:
    """The mean share of a pixel column's range, lowest to highest, that the kept points do not span."""
    column = columns_of(x)
    lost = []
    for one in range(COLUMNS):
        whole, drawn = values[column == one], values[kept][column[kept] == one]
        whole, drawn = whole[np.isfinite(whole)], drawn[np.isfinite(drawn)]
        if len(whole) > 1:
            span = float(drawn.max() - drawn.min()) if len(drawn) else 0.0
            lost.append(1 - span / float(whole.max() - whole.min()))
    return statistics.mean(lost)


def bench_curves() -> None:
    """Print the table."""
    x, values, spikes, gaps = made_curve()
    ways: dict[str, Keep] = {
        "ours, min-max by pixel column": ours,
        f"TensorBoard's reservoir of {TENSORBOARD_KEEPS:,}": reservoir,
        "every n-th point": decimated,
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    kept: dict[str, np.ndarray] = {}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.process_time()
            kept[name] = way(x, values)
            took[name].append(time.process_time() - started)
    rows = []
    for name, places in kept.items():
        seen = spikes_seen(x, values, places, spikes)
        holes = sum(bool(((places >= one) & (places < one + GAP_LENGTH)).any()) for one in gaps)
        rows.append(
            [
                name,
                f"{len(places):,}",
                f"{seen}/{len(spikes)}",
                f"{holes}/{len(gaps)}",
                f"{lost_range(x, values, places):.1%}",
                f"{1000 * statistics.median(took[name]):.0f}",
            ]
        )
    print(f"{POINTS:,} points for {COLUMNS} pixel columns, CPU time, median of {ROUNDS}:\n")
    print(table(["way", "points drawn", "spikes seen", "gaps seen", "range lost", "ms"], rows))
    started = time.process_time()
    smoothed(values, 0.9)
    print(f"\nSmoothing them: {1000 * (time.process_time() - started):.0f} ms.", flush=True)


if __name__ == "__main__":
    bench_curves()
