"""Curves of several runs over each other: which tags, over what, in which colours, with what marked on them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.plots.curves import COLOURS
from dashboard.plots.downsample import pixel_columns, smoothed
from dashboard.plots.sparkline import key_series
from dashboard.runs.selection import FIRST_GROUP, Axis, Look
from diagnostics.finding import Diagnosis, SeriesEvidence, Severity
from diagnostics.run import Run, Series

# The group of the curves to look at first, and of those whose tag names no group.
OVERVIEW, OTHERS = FIRST_GROUP, "trainer"
# What the overview holds besides each run's own metric, in this order: signals of `diagnostics.run.tags`, by split.
OVERVIEW_SIGNALS = (
    ("loss", "train"), ("loss", "eval"), ("reward", "train"), ("preference_accuracy", "train"), ("margin", "train"),
    ("kl", "train"), ("entropy", "train"), ("length", "train"), ("grad_norm", "train"), ("learning_rate", "train"),
)  # fmt: skip
OVERVIEW_PLOTS = 6
# Pixel columns of one plot as wide as the page lays it out; with many runs in it fewer, or the page grows heavy.
COLUMNS, FEWEST_COLUMNS = 480, 160
DASHES = ("solid", "dot")
TOKENS = "train/num_tokens"
# The unit of the time axis, in seconds, and the span from which on it is used.
UNITS = (("hours", 3600.0, 7200.0), ("minutes", 60.0, 120.0), ("seconds", 1.0, 0.0))


@dataclass(frozen=True)
class Pin:
    """A finding on a curve: where it began, and what it is called."""

    x: float
    y: float
    step: int
    rule: str
    severity: Severity


@dataclass(frozen=True)
class Curve:
    """One run's curve of one tag, ready to be drawn.

    `x`, `y`, `raw`: float, shape (n,), of the kept points; y is the smoothed value, NaN where there is none. `bad`: the
    places along x of values that are not finite. `checkpoints`: places along x, and their steps.
    """

    run: str
    colour: str
    dash: str
    x: np.ndarray
    y: np.ndarray
    raw: np.ndarray
    bad: np.ndarray
    checkpoints: tuple[tuple[float, int], ...] = ()
    pins: tuple[Pin, ...] = ()


def groups_of(runs: Sequence[Run]) -> dict[str, list[str]]:
    """The tags of the runs that are curves, by group: the overview, then the first part of their names."""
    tags = {tag for run in runs for tag, series in run.series.items() if len(series) > 1}
    groups: dict[str, list[str]] = {}
    for tag in sorted(tags, key=lambda one: (bare(one), not one.startswith("train/"), one)):
        groups.setdefault(group_of(tag), []).append(tag)
    overview = overview_of(runs, tags)
    last = {OTHERS: groups[OTHERS]} if OTHERS in groups else {}
    named = {name: groups[name] for name in sorted(groups) if name != OTHERS}
    return ({OVERVIEW: overview} if overview else {}) | last | named


def overview_of(runs: Sequence[Run], tags: set[str]) -> list[str]:
    """The tags that say most: each run's own metric, then the usual ones, as far as they were logged."""
    keys = [one.tag for run in runs if (one := key_series(run)) is not None]
    usual = [
        one.tag for name, split in OVERVIEW_SIGNALS for run in runs if (one := run.signal(name, split)) is not None
    ]
    return [tag for tag in dict.fromkeys((*keys, *usual)) if tag in tags][:OVERVIEW_PLOTS]


def bare(tag: str) -> str:
    """A tag without its split."""
    split, _, rest = tag.partition("/")
    return rest if split in ("train", "eval", "test") and rest else tag


def group_of(tag: str) -> str:
    """The group of a tag: what stands before the last part of its name but one."""
    first, _, rest = bare(tag).partition("/")
    return first if rest else OTHERS


def tags_drawn(look: Look, groups: Mapping[str, list[str]]) -> list[str]:
    """All tags of the chosen group, or all whose name holds what was written; the overview if there is no such group."""
    if look.metric.strip():
        words = look.metric.casefold().split()
        tags = sorted({tag for some in groups.values() for tag in some}, key=lambda one: (bare(one), one))
        return [tag for tag in tags if all(word in tag.casefold() for word in words)]
    return groups.get(look.group) or next(iter(groups.values()), [])


def colours_of(drawn: Sequence[str], there: Sequence[str]) -> dict[str, tuple[str, str]]:
    """A colour and a dash for each drawn run. A run keeps its own while others come and go, unless two would share one."""
    slots = [(colour, dash) for dash in DASHES for colour in COLOURS]
    taken: dict[int, str] = {}
    for name in drawn:
        first = there.index(name) % len(COLOURS) if name in there else 0
        free = next((one for one in (*range(first, len(slots)), *range(first)) if one not in taken), len(slots) - 1)
        taken[free] = name
    return {name: slots[slot] for slot, name in taken.items()}


def along(run: Run, steps: np.ndarray, axis: Axis) -> np.ndarray | None:
    """Steps of a run as places along an axis: steps, tokens trained on, or seconds since its first row; None if unknown.

    Between rows that tell, places are interpolated; tokens begin at 0 at step 0.
    """
    if axis == "step":
        return steps.astype(float)
    known = run.get(TOKENS) if axis == "tokens" else run.times
    if known is None:
        return None
    known = known.finite()
    if not len(known):
        return None
    at, values = known.steps.astype(float), known.values
    if axis == "tokens" and at[0] > 0:
        at, values = np.concatenate(([0.0], at)), np.concatenate(([0.0], values))
    return np.interp(steps, at, values - (values[0] if axis == "time" else 0.0))


def lacking(runs: Iterable[Run], axis: Axis) -> list[str]:
    """The runs that cannot be drawn along an axis."""
    return [run.name for run in runs if along(run, np.zeros(1), axis) is None]


def unit_of_time(runs: Iterable[Run]) -> tuple[str, float]:
    """The unit in which the longest of the runs reads well, and its seconds."""
    spans = [float(places[-1]) for run in runs if (places := along(run, run_steps(run), "time")) is not None]
    longest = max(spans, default=0.0)
    return next((name, seconds) for name, seconds, least in UNITS if longest >= least)


def run_steps(run: Run) -> np.ndarray:
    """The first and the last step of a run."""
    return np.array([0, run.last_step])


def columns_for(runs: int) -> int:
    """The pixel columns of a plot with so many runs in it."""
    return max(FEWEST_COLUMNS, COLUMNS * 4 // max(runs, 4))


def curve_of(
    run: Run, tag: str, look: Look, *, colour: tuple[str, str], runs: int, scale: float = 1.0, pins: Sequence[Pin] = ()
) -> Curve | None:
    """One run's curve of a tag along the axis of the look; None if either is not logged.

    `runs`: how many share the plot. `scale`: what a unit of the axis is, in seconds, where it is time.
    """
    series = run.get(tag)
    x = along(run, series.steps, look.x) if series is not None else None
    if series is None or x is None:
        return None
    order = np.argsort(x, kind="stable") if (np.diff(x) < 0).any() else slice(None)
    x, values = x[order] / scale, series.values[order]
    average = smoothed(values, look.smoothing)
    part = within(x, look.zoom)
    x, values, average = x[part], values[part], average[part]
    kept = pixel_columns(x, values, columns_for(runs))
    bad = ~np.isfinite(values[kept])
    steps = np.array(sorted(run.checkpoints), dtype=np.int64)
    saved = along(run, steps, look.x)
    return Curve(
        run.name,
        *colour,
        x=x[kept],
        y=np.where(bad, np.nan, average[kept]),
        raw=np.where(bad, np.nan, values[kept]),
        bad=x[kept][bad],
        checkpoints=tuple(zip((saved / scale).tolist(), steps.tolist(), strict=True)) if saved is not None else (),
        pins=tuple(pins),
    )


def within(x: np.ndarray, zoom: tuple[float, float] | None) -> slice:
    """The part of an ascending axis that is looked at, with the points next to it, to which the line goes on."""
    if zoom is None:
        return slice(None)
    left, right = np.searchsorted(x, zoom[0], "left"), np.searchsorted(x, zoom[1], "right")
    return slice(max(0, int(left) - 1), int(right) + 1)


def pins_of(run: Run, diagnosis: Diagnosis | None, tag: str, look: Look, scale: float = 1.0) -> list[Pin]:
    """The findings to mark on a curve: those it is evidence of; on the run's own metric also those without a curve."""
    series = run.get(tag)
    if diagnosis is None or series is None:
        return []
    own = key_series(run)
    pins = []
    for one in diagnosis.findings:
        shown = {piece.tag: piece.marks for piece in one.evidence if isinstance(piece, SeriesEvidence)}
        here = tag in shown or (own is not None and own.tag == tag and not any(run.get(other) for other in shown))
        if not here:
            continue
        step = next(iter(shown.get(tag, ())), one.first_step)
        place = along(run, np.array([step]), look.x)
        if place is not None:
            value = value_near(series, step)
            pins.append(Pin(float(place[0]) / scale, value, int(step), one.rule, one.severity))
    return pins


def value_near(series: Series, step: float) -> float:
    """The finite value of a series at the step nearest to one; NaN if there is none."""
    sound = series.finite()
    return float(sound.values[np.abs(sound.steps - step).argmin()]) if len(sound) else float("nan")


def fingerprint(run: Run, tag: str) -> tuple[object, ...]:
    """Changes whenever one run's curve of a tag, or what is marked on it, does; the run's other curves do not count."""
    series = run.get(tag)
    if series is None:
        return (run.name,)
    content = zlib.crc32(series.steps.tobytes(), zlib.crc32(series.values.tobytes()))
    return (run.name, len(series), content, len(run.checkpoints))
