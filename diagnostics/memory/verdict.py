"""Whether an estimate fits a device: fits, tight, or does not fit."""

from __future__ import annotations

from typing import Literal

from diagnostics.finding import Limit
from diagnostics.memory.records import Estimate

Verdict = Literal["fits", "tight", "too-large", "unknown"]

TIGHT = Limit(
    0.04, "of the peak", "ours: the worst miss of the traced prediction on published GPU measurements was 3.6 %"
)


def verdict(estimate: Estimate, device: int | None) -> Verdict:
    """`tight`: it should fit, but by less than the predictor's error.

    Where the allocator was replayed at the device's size, that decides; else what it would hold without a limit, which is
    never less.
    """
    if device is None:
        return "unknown"
    least = estimate.peak_allocated + estimate.context
    if estimate.fits is False or least > device:
        return "too-large"
    if estimate.total * (1 + TIGHT) <= device:
        return "fits"
    return "tight" if estimate.fits or estimate.total <= device else "too-large"
