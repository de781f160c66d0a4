"""Intervals of differences as small pictures on one scale: a line from low to high, a dot, the place of 0."""

from __future__ import annotations

from collections.abc import Sequence

from diagnostics.compare.statistics.verdict import PairVerdict
from diagnostics.report.markup import text

WIDTH, HEIGHT, PAD = 160, 18, 8


def reach(pairs: Sequence[PairVerdict]) -> float:
    """The largest absolute value that any of the intervals holds; 1 if all are 0."""
    values = [abs(value) for pair in pairs for value in (pair.low, pair.high, pair.difference) if value is not None]
    return max(values, default=0.0) or 1.0


def picture(pair: PairVerdict, farthest: float, title: str) -> str:
    """One interval, laid out from -farthest to farthest."""

    def at(value: float) -> float:
        return round(WIDTH / 2 + value / farthest * (WIDTH / 2 - PAD), 2)

    middle = HEIGHT / 2
    parts = [f'<path class="grid" d="M{WIDTH / 2:g} 1V{HEIGHT - 1}"/>']
    if pair.low is not None and pair.high is not None:
        low, high = at(pair.low), at(pair.high)
        parts.append(f'<path class="reach" d="M{low} {middle}H{high}M{low} {middle - 4}v8M{high} {middle - 4}v8"/>')
    parts.append(f'<circle class="point" cx="{at(pair.difference)}" cy="{middle}" r="3.2"/>')
    return (
        f'<svg class="interval {text(pair.word)}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{text(title)}</title>'
        f"{''.join(parts)}</svg>"
    )
