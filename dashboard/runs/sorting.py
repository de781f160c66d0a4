"""The order of the runs in the table: by any of its columns, over all runs that are listed and not only those on a page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from dashboard.clinic import Clinic
from dashboard.plots.sparkline import key_series
from diagnostics.compare.statistics.scores import last_score
from diagnostics.run import Run

# A value to sort by; None where the run has none: it comes last in both directions.
Value = float | str | None
WORST = {"error": 2.0, "warning": 1.0, "info": 0.0}


def ordered(clinic: Clinic, runs: Sequence[Run], sort: str) -> list[str]:
    """The names of the runs by a column, a minus before it from the highest down; of equal ones the order stays."""
    column = sort.removeprefix("-")
    if not column:
        return [run.name for run in runs]
    values = {run.name: value_of(clinic, run, column) for run in runs}
    known = [run.name for run in runs if values[run.name] is not None]
    known.sort(key=lambda name: values[name], reverse=sort.startswith("-"))  # type: ignore[arg-type, return-value]
    return known + [run.name for run in runs if values[run.name] is None]


def value_of(clinic: Clinic, run: Run, column: str) -> Value:
    """What a run is sorted by in a column of the table."""
    if column == "worst":
        diagnosis = clinic.latest_diagnosis(run)
        if diagnosis is None:
            return None
        return (
            max((WORST[one.severity] for one in diagnosis.findings), default=-1.0)
            + min(len(diagnosis.findings), 99) / 100
        )
    return clinic.kept(run, ("sort", column), MEASURES[column])


def key_value(run: Run) -> Value:
    """The last value of the run's own metric."""
    series = key_series(run)
    last = float(series.values[-1]) if series is not None else math.nan
    return last if math.isfinite(last) else None


def score_value(run: Run) -> Value:
    """The held-out score of the last checkpoint."""
    last = last_score(run)
    return last.mean if last is not None and math.isfinite(last.mean) else None


MEASURES: dict[str, Callable[[Run], Value]] = {
    "run": lambda run: run.name.casefold(),
    "method": lambda run: run.method,
    "state": lambda run: run.status.state,
    "progress": lambda run: float(max(run.status.step, run.last_step)),
    "key": key_value,
    "score": score_value,
    "checkpoints": lambda run: float(len(run.checkpoints)),
}
