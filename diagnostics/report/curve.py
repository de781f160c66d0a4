"""What of a curve is drawn: thinned without losing a spike, on the scale that fits it."""

from __future__ import annotations

import numpy as np

from diagnostics.run import Series

# Beyond three decades the lower part of a linear plot is a flat line.
DECADES = 1000.0


def thinned(series: Series, most: int) -> Series:
    """At most `most` points of a series: its ends and, of each stretch, its lowest, its highest and one that is not finite.

    So no spike is lost, and no gap is closed.
    """
    if len(series) <= most:
        return series
    finite = np.isfinite(series.values)
    per_stretch = 2 if finite.all() else 3
    places = {0, len(series) - 1}
    for stretch in np.array_split(np.arange(len(series)), max(1, (most - 2) // per_stretch)):
        values, sound = series.values[stretch], finite[stretch]
        if sound.any():
            places.add(int(stretch[np.where(sound, values, np.inf).argmin()]))
            places.add(int(stretch[np.where(sound, values, -np.inf).argmax()]))
        if not sound.all():
            places.add(int(stretch[sound.argmin()]))
    keep = np.array(sorted(places))
    return Series(series.tag, series.steps[keep], series.values[keep])


def wants_log_scale(values: np.ndarray) -> bool:
    """Whether the finite values are all positive, and span more than three decades."""
    finite = values[np.isfinite(values)]
    return bool(len(finite) and finite.min() > 0 and finite.max() / DECADES > finite.min())
