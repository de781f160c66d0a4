"""One metric of several runs as an inline SVG picture: a line and a dash pattern a run, named below it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from diagnostics.report.common import one_line
from diagnostics.report.curve import thinned
from diagnostics.report.labels import LABELS
from diagnostics.report.markup import text
from diagnostics.report.svg import (
    BOTTOM,
    HEIGHT,
    LARGEST,
    LEFT,
    LONGEST_TAG,
    RIGHT,
    SMALLEST,
    TOP,
    WIDTH,
    Axis,
    place,
    step_tick,
    value_tick,
    x_axis,
    y_axis,
)
from diagnostics.report.words import Lang
from diagnostics.run import Run, Series

POINTS = 300  # of each line: a picture of 480 px shows no more, and the file stays small enough for a mail
MOST_LINES = 8  # more are not told apart
# Told apart by colour and, for those who see it otherwise and on paper, by the dashes as well.
DASHES = ("", "6 3", "2 2", "8 3 2 3", "12 3", "1 3", "5 2 1 2 1 2", "10 5")


def overlay(tag: str, runs: Sequence[Run], lang: Lang) -> str:
    """The curves of one tag of up to `MOST_LINES` runs over their steps; nothing if none of them logged it."""
    drawn = [(place, series) for place, run in enumerate(runs[:MOST_LINES]) if (series := run.get(tag)) is not None]
    if not drawn:
        return ""
    # One axis for all: that of every step and value put together.
    steps = np.concatenate([series.steps for _, series in drawn])
    whole = Series(tag, steps[np.argsort(steps, kind="stable")], np.concatenate([series.values for _, series in drawn]))
    across, up = x_axis(whole, ()), y_axis(whole.values)
    title = one_line(tag)
    title = title if len(title) <= LONGEST_TAG else title[: LONGEST_TAG - 1] + "…"
    parts = [f'<text class="title" x="4" y="14">{text(title)}</text>']
    parts += [step_tick(across, *tick) for tick in across.ticks(6, whole=True)]
    parts.append(f'<path class="axis" d="M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    if up is not None:
        parts += [value_tick(up, *tick) for tick in up.ticks(5)]
        parts += [one_curve(series, number, across, up) for number, series in drawn]
    if any(not np.isfinite(series.values).all() for _, series in drawn):
        says = text(LABELS[lang]["not_finite"])
        parts.append(f'<text class="warn" x="{WIDTH - RIGHT}" y="14" text-anchor="end">{says}</text>')
        parts += [gaps(series, across) for _, series in drawn]
    names = LABELS[lang]["comma"].join(one_line(runs[number].name) for number, _ in drawn)
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(f"{title}: {names}")}">'
        f"{''.join(parts)}</svg>"
    )


def one_curve(series: Series, number: int, across: Axis, up: Axis) -> str:
    """One run's line, broken where a value is not finite; a single point is a dot."""
    path, pen = [], "M"
    for step, value in zip(*columns(thinned(series, POINTS)), strict=True):
        if not math.isfinite(value):
            pen = "M"
            continue
        # A step after a gap is drawn even where the next is a gap as well: a line of no length with round ends is a dot.
        y = up(min(max(value, SMALLEST if up.log else -LARGEST), LARGEST))
        path.append(f"{pen}{place(across(step))},{place(y)}" + ("h0" if pen == "M" else ""))
        pen = "L"
    dash = f' stroke-dasharray="{DASHES[number]}"' if DASHES[number] else ""
    return f'<path class="curve curve-{number}"{dash} d="{"".join(path)}"/>'


def gaps(series: Series, across: Axis) -> str:
    """Crosses along the foot at the steps whose value is not finite."""
    found = series.steps[~np.isfinite(series.values)]
    spread = found[:: max(1, len(found) // 60)].tolist()
    path = "".join(f"M{place(across(step) - 3)},{HEIGHT - BOTTOM - 9}l6,6m0,-6l-6,6" for step in spread)
    return f'<path class="not-finite" d="{path}"/>' if path else ""


def columns(series: Series) -> tuple[list[int], list[float]]:
    """The steps and the values as plain lists."""
    return series.steps.tolist(), series.values.tolist()


def legend(runs: Sequence[Run]) -> str:
    """The runs' names, each after a piece of its line."""
    rows = []
    for number, run in enumerate(runs[:MOST_LINES]):
        dash = f' stroke-dasharray="{DASHES[number]}"' if DASHES[number] else ""
        rows.append(
            f'<span><svg class="key" viewBox="0 0 36 10" aria-hidden="true"><path class="curve curve-{number}"{dash} '
            f'd="M1,5H35"/></svg> {text(one_line(run.name))}</span>'
        )
    return f'<div class="line-names">{"".join(rows)}</div>'
