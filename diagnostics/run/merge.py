"""Several sources of one run merged into one log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from diagnostics.run.log import Log
from diagnostics.run.record import Series
from diagnostics.run.refusal import Sentence

# Sources of one run agree up to how they round: the Trainer logs a loss to 4 decimals, prints 4 digits.
RELATIVE, ABSOLUTE = 2e-3, 1e-4
# Steps that two sources must share before they can be said to agree or not.
SHARED = 3
# The tags to compare, the first that both sources have. Not the learning rate: two runs often share theirs.
COMPARED = ("train/loss", "train/reward", "eval/loss")


def merge(logs: Sequence[Log]) -> Log:
    """The sources of one run, best first, as one log; an empty one if there is none.

    A better source has the word on its steps of a tag, a lesser one fills in what it lacks. Steps that were counted are
    nothing to fill in with: such a source gives only what no better one has, a whole tag. A source whose curve is not
    that of the better ones is another run's, left in the folder: it is left out, and told in the problems.
    """
    if not logs:
        return Log("")
    merged = logs[0]
    for lesser in logs[1:]:
        if agreement(merged.series, lesser.series) is False:
            told = Sentence(
                f"{lesser.name} was left out: its curves are not those of {merged.name}, but another run's.",
                f"{lesser.name} 未采用：它的曲线与 {merged.name} 的不同，属于另一次运行。",
            )
            merged = replace(merged, problems=(*merged.problems, told))
            continue
        merged = joined(merged, lesser)
    return merged


def joined(better: Log, lesser: Log) -> Log:
    """Two sources of one run as one."""
    series = dict(better.series)
    added = False
    for tag, one in lesser.series.items():
        if tag not in series:
            series[tag] = one
            added = True
        elif not (lesser.counted or better.counted):
            series[tag] = filled(series[tag], one)
            added = added or len(series[tag]) > len(better.series[tag])
    told = added or not better.series
    return replace(
        better,
        name=better.name if better.series else lesser.name,
        series=series,
        restarts=tuple(sorted({*better.restarts, *(lesser.restarts if told else ())})),
        step=max(better.step, 0 if lesser.counted and better.step else lesser.step),
        max_steps=better.max_steps or lesser.max_steps,
        finished=better.finished or lesser.finished,
        config={**lesser.config, **better.config},
        problems=(*better.problems, *lesser.problems) if told else better.problems,
        counted=better.counted and lesser.counted,
        times=better.times if better.times is not None else lesser.times,
    )


def filled(better: Series, lesser: Series) -> Series:
    """A series with the steps that only the lesser one has."""
    new = ~np.isin(lesser.steps, better.steps)
    if not new.any():
        return better
    steps = np.concatenate([better.steps, lesser.steps[new]])
    order = np.argsort(steps, kind="stable")
    return Series(better.tag, steps[order], np.concatenate([better.values, lesser.values[new]])[order])


def agreement(one: Mapping[str, Series], other: Mapping[str, Series]) -> bool | None:
    """Whether two sources show the same curve where they share steps; None where they share too few to tell."""
    for tag in COMPARED:
        if tag in one and tag in other:
            shared, mine, theirs = np.intersect1d(one[tag].steps, other[tag].steps, return_indices=True)
            if len(shared) < SHARED:
                continue
            a, b = one[tag].values[mine], other[tag].values[theirs]
            return bool(np.isclose(a, b, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True).mean() > 0.5)
    return None


def tail(log: Log, beyond: int) -> Log:
    """What a log holds of later steps than one."""
    late = {
        tag: Series(tag, one.steps[one.steps > beyond], one.values[one.steps > beyond])
        for tag, one in log.series.items()
    }
    return replace(log, series={tag: one for tag, one in late.items() if len(one)}, restarts=())
