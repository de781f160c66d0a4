"""The config with the changes of a way that Fit found: of one of our runs that of a child, else a file to take."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dashboard.children import CHILDREN
from dashboard.clinic import Clinic
from dashboard.memory.form import FormUnusable, is_ours
from dashboard.memory.job import Tab
from dashboard.texts import Words
from diagnostics.fixing import applied
from diagnostics.memory.answer import Answer
from diagnostics.run import Run
from diagnostics.run.files import write_json


def child_file(number: int, tab: Tab, clinic: Clinic, words: Words) -> tuple[Path, str | None]:
    """Write the config of the way of this number, from 1; the file, and its run's name where it is a child of one of ours.

    Raises:
        FormUnusable: there is no such way, or the file cannot be written.
    """
    form, found = tab.fitted or (None, None)
    if form is None or found is None or found.plan is None or not 1 <= number <= len(found.plan.options):
        raise FormUnusable(words("mem.no_way"))
    run = clinic.run(form.run) if form.run else None
    config = child_config(found, number, run)
    if run is not None and is_ours(run):
        path = clinic.root / CHILDREN / f"{run.name}--memory-{number}.json"
    else:
        path = Path(tempfile.mkdtemp(prefix="trl-clinic-")) / f"{found.question.method}-fit-{number}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, config)
    except OSError as error:
        raise FormUnusable(words("diagnose.unwritten", path=path, reason=error.strerror or error)) from error
    return path, run.name if run is not None and is_ours(run) else None


def child_config(found: Answer, number: int, run: Run | None) -> Mapping[str, Any]:
    """The config that was asked about with all changes of a way, and where it comes from."""
    assert found.plan is not None
    question, fix = found.question, found.plan.options[number - 1].fix
    config = {name: one for name, one in applied(question.given, fix.edits).items() if one is not None}
    marks: dict[str, Any] = {"method": question.method}
    if run is not None:
        if "use_cpu" not in run.asked:  # the form has it from what the worker recorded, not from the config
            config.pop("use_cpu", None)
        marks |= {"parent": run.name if is_ours(run) else str(run.path), "fixes": ["out-of-memory/fit"]}
    return {**marks, **config}
