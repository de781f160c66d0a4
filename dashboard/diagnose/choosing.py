"""Which run the Diagnose page shows, and what it says where there is none to show."""

from __future__ import annotations

from dashboard.clinic import Clinic
from dashboard.html import note
from dashboard.runs.trouble import trouble_html
from dashboard.texts import Words
from diagnostics.run.discover import printable


def first_run(clinic: Clinic) -> str | None:
    """The run to show where none is named; the newest one that is known to have an error, else that failed, else that has a warning.

    Else the newest. Nothing is judged for this: a folder of many runs would have the page wait.
    """
    runs = clinic.runs()[0][::-1]
    known = {run.name: clinic.known_diagnosis(run) for run in runs}
    worst = {name: one.findings[0].severity for name, one in known.items() if one is not None and one.findings}
    for found in (
        [run for run in runs if worst.get(run.name) == "error"],
        [run for run in runs if run.status.state == "failed"],
        [run for run in runs if worst.get(run.name) == "warning"],
        runs,
    ):
        if found:
            return found[0].name
    return None


def runs_to_choose(clinic: Clinic, name: str | None, words: Words) -> list[tuple[str, str]]:
    """The runs to choose from, as they are shown and named; also one that was asked for and is not there, as such."""
    names = [run.name for run in clinic.runs()[0]]
    gone = [(words("diagnose.not_there", name=name), name)] if name and name not in names else []
    return [*gone, *((one, one) for one in names)]


def nothing_to_diagnose(clinic: Clinic, name: str | None, words: Words) -> str:
    """Why there is nothing to see: the folder is away, the run that was asked for is gone or cannot be read, or there is none."""
    told = trouble_html(clinic, words)
    why = clinic.runs()[1].get(printable(name)) if name else None
    if told or why:
        return told or note(why or "", "error")
    return note(words("diagnose.gone", name=name), "warning") if name else note(words("diagnose.none"))
