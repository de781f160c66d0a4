"""What lies in the runs folder that an exercise asks for: runs that have finished, whose they are, what they scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dashboard.clinic import Clinic
from diagnostics.compare.statistics.scores import last_score as last_score_of
from diagnostics.run import Run


def finished(clinic: Clinic, *methods: str) -> list[Run]:
    """The runs of some methods that came to their end."""
    return [run for run in clinic.runs()[0] if run.status.state == "finished" and run.method in methods and run.asked]


def of_demo(clinic: Clinic) -> set[str]:
    """The names of the demo's own runs."""
    return {str(stage["name"]) for stage in clinic.demo_plan()}


def own(clinic: Clinic, *methods: str) -> list[Run]:
    """The finished runs that are not the demo's."""
    return [run for run in finished(clinic, *methods) if run.name not in of_demo(clinic)]


def last_score(clinic: Clinic, name: str) -> float | None:
    """The held-out score of a run's last checkpoint by its first reward; None if no answers were kept."""
    run = clinic.run(name)
    score = last_score_of(run) if run is not None else None
    return score.mean if score is not None else None


def higher(one: str, other: str) -> Callable[[Clinic], str | None]:
    """Which of two runs' last checkpoints scores higher; None while one of them has no score."""

    def answer(clinic: Clinic) -> str | None:
        first, second = last_score(clinic, one), last_score(clinic, other)
        return None if first is None or second is None else one if first > second else other

    return answer


def ended_at(clinic: Clinic, name: str, quantity: str) -> float | None:
    """The last logged value of a quantity of a run."""
    run = clinic.run(name)
    series = run.signal(quantity) if run is not None else None
    finite = series.finite() if series is not None else None
    return float(finite.values[-1]) if finite is not None and len(finite) else None


def run_of(clinic: Clinic, place: Any) -> Run | None:
    """The run of this folder that a path of a checkpoint lies in."""
    if not isinstance(place, str):
        return None
    path = Path(place)
    for folder in (path, path.parent):
        run = clinic.run(folder.name)
        if run is not None and run.path.resolve() == folder.resolve():
            return run
    return None
