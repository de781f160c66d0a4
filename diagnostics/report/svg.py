"""A curve as an inline SVG picture: axes, ticks, the marked steps, crosses where a value is not finite.

Colours come from the page's style sheet, so that one picture serves light, dark and print.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from diagnostics.report.common import one_line
from diagnostics.report.curve import thinned, wants_log_scale
from diagnostics.report.labels import LABELS
from diagnostics.report.markup import text
from diagnostics.report.words import Lang
from diagnostics.run import Series

MOST_POINTS = 800
# A picture of this size is drawn at 0.75 on a 400 px wide screen: its letters are then 9 px high.
WIDTH, HEIGHT = 480, 200
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 40, 30
DOTS_UP_TO = 40  # points that are single dots to the eye
CROSS = 3  # half the size of a cross; nearer ones would be one blot
MOST_MARKS = 20
LONGEST_TAG = 44
# Near the largest float the length of an axis would be infinite, near the smallest it would be 0.
LARGEST, SMALLEST = 1e250, 1e-250
SAME = 1e-9  # a difference below this share of a value is rounding


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` laid out between two places of the picture, on a logarithmic scale if `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value."""
        low, high, at = (
            (math.log10(self.low), math.log10(self.high), math.log10(value))
            if self.log
            else (self.low, self.high, value)
        )
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self, most: int, *, whole: bool = False) -> list[tuple[float, str]]:
        """About `most` round values to write at the axis, with how they are written; `whole`: whole numbers only."""
        if self.log:
            decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            return [(10.0**at, f"{10.0**at:g}") for at in decades[:: max(1, math.ceil(len(decades) / most))]]
        rough = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        if whole:
            step = max(1.0, step)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(at * step, written(at * step, step)) for at in range(first, last + 1)]


def written(value: float, step: float) -> str:
    """A tick with as many digits as it takes to tell it from its neighbours, a step away."""
    if value == 0 or (step >= 1 and abs(value) < 1e6):
        return f"{value:.0f}"
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(step)) + 1
    return f"{value:.{min(12, max(4, digits))}g}"


def x_axis(series: Series, marks: tuple[int, ...]) -> Axis:
    """The axis of the steps, wide enough for every mark."""
    low, high = float(min([series.steps[0], *marks])), float(max([series.steps[-1], *marks]))
    if low == high:
        low, high = low - 1, high + 1
    return Axis(low, high, LEFT, WIDTH - RIGHT)


def y_axis(values: np.ndarray) -> Axis | None:
    """The axis of the values, with a little room above and below; None if no value is finite."""
    finite = np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)
    if not len(finite):
        return None
    low, high = float(finite.min()), float(finite.max())
    if wants_log_scale(values):
        low = max(low, SMALLEST)
        room = 10 ** (0.05 * (math.log10(high) - math.log10(low)))
        return Axis(low / room, high * room, HEIGHT - BOTTOM, TOP, log=True)
    largest = max(abs(low), abs(high))
    # Where all values are the same there is no scale: any will do that shows the line in the middle.
    room = 0.06 * (high - low) if high - low > SAME * largest else largest / 2 or 1.0
    return Axis(low - room, high + room, HEIGHT - BOTTOM, TOP)


def plot(series: Series, marks: tuple[int, ...], lang: Lang, most: int = MOST_POINTS) -> str:
    """The whole curve with its marked steps, of at most `most` points."""
    across, up = x_axis(series, marks), y_axis(series.values)
    tag = one_line(series.tag)
    title = tag if len(tag) <= LONGEST_TAG else tag[: LONGEST_TAG - 1] + "…"
    parts = [f'<text class="title" x="4" y="14">{text(title)}</text>']
    parts += [step_tick(across, *tick) for tick in across.ticks(6, whole=True)]
    parts.append(f'<path class="axis" d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    if up is not None:
        parts += [value_tick(up, *tick) for tick in up.ticks(5)]
        parts.append(line(thinned(series, most), across, up))
    parts += [mark_line(across, step) for step in marks[:MOST_MARKS]]
    if marks:
        parts.append(mark_label(across, marks[0], lang))
    parts.append(crosses(series, across, lang))
    named = LABELS[lang]["comma"].join([tag, *(LABELS[lang]["mark"].format(step=step) for step in marks[:1])])
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(named)}">{"".join(parts)}</svg>'
    )


def line(series: Series, across: Axis, up: Axis) -> str:
    """The curve as a line that is broken where a value is not finite, with a dot a point if they are few."""
    path, dots, pen = [], [], "M"
    for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
        if not math.isfinite(value):
            pen = "M"
            continue
        x, y = place(across(step)), place(up(min(max(value, SMALLEST if up.log else -LARGEST), LARGEST)))
        path.append(f"{pen}{x},{y}")
        dots.append(f'<circle cx="{x}" cy="{y}" r="2"/>')
        pen = "L"
    few = len(dots) <= DOTS_UP_TO
    return f'<path class="curve" d="{"".join(path)}"/>' + (f'<g class="dots">{"".join(dots)}</g>' if few else "")


def crosses(series: Series, across: Axis, lang: Lang) -> str:
    """Crosses along the foot at the steps whose value is not finite, and what they mean."""
    places: list[float] = []
    for step in series.steps[~np.isfinite(series.values)].tolist():
        x = across(step)
        if not places or x - places[-1] >= CROSS:
            places.append(x)
    if not places:
        return ""
    y, size = HEIGHT - BOTTOM - 2 * CROSS, 2 * CROSS
    path = "".join(f"M{place(x - CROSS)},{y - CROSS}l{size},{size}m0,-{size}l-{size},{size}" for x in places)
    says = text(LABELS[lang]["not_finite"])
    return f'<path class="not-finite" d="{path}"/><text class="warn" x="{WIDTH - RIGHT}" y="14" text-anchor="end">{says}</text>'


def step_tick(across: Axis, value: float, says: str) -> str:
    """A step written below its axis."""
    x = place(across(value))
    return (
        f'<path class="tick" d="M{x},{HEIGHT - BOTTOM}v4"/>'
        f'<text x="{x}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{says}</text>'
    )


def value_tick(up: Axis, value: float, says: str) -> str:
    """A value written beside its axis, with a line across the picture."""
    y = up(value)
    return (
        f'<path class="grid" d="M{LEFT},{place(y)}H{WIDTH - RIGHT}"/>'
        f'<text x="{LEFT - 6}" y="{place(y + 4)}" text-anchor="end">{says}</text>'
    )


def mark_line(across: Axis, step: int) -> str:
    """A line through the picture at a marked step."""
    x = place(across(step))
    return f'<path class="mark" data-step="{step}" d="M{x},{TOP - 4}V{HEIGHT - BOTTOM}"/>'


def mark_label(across: Axis, step: int, lang: Lang) -> str:
    """The step written above its line, to the side on which there is room."""
    x = across(step)
    anchor = "end" if x > WIDTH * 0.75 else "start"
    return (
        f'<text class="warn" x="{place(x)}" y="{TOP - 8}" text-anchor="{anchor}">'
        f"{text(LABELS[lang]['mark'].format(step=step))}</text>"
    )


def place(value: float) -> str:
    """A coordinate, to a tenth of a point."""
    return f"{value:.1f}".removesuffix(".0")
