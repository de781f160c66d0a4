"""Runs that memory ended, on the Memory page: which they are, what happened to one, and the form as it fills it."""

from __future__ import annotations

import math
from dataclasses import replace

from dashboard.clinic import Clinic
from dashboard.memory.form import Form, form_of_run
from dashboard.texts import Words
from diagnostics.memory.after import After
from diagnostics.memory.after_crash import after_crash, memory_cause
from diagnostics.memory.devices import GIB
from diagnostics.run import Run
from diagnostics.run.machine import read_machine


def died_of_memory(run: Run) -> bool:
    """Whether memory ended a run, by what its console says first."""
    return run.status.state not in ("running", "finished") and memory_cause(run) is not None


def choices(clinic: Clinic, words: Words) -> list[tuple[str, str]]:
    """The runs to ask about: those that memory ended first, and marked."""
    runs = [one for one in clinic.runs()[0] if one.asked or one.config]
    dead = [one for one in runs if died_of_memory(one)]
    marked = [(words("mem.died", name=one.name), one.name) for one in dead]
    return [(words("mem.no_run"), ""), *marked, *((one.name, one.name) for one in runs if one not in dead)]


def after_of(name: str | None, clinic: Clinic) -> After | None:
    """What happened to a run that ran out of memory; None for one that did not, or tells too little."""
    run = clinic.run(name) if name else None
    if run is None or not died_of_memory(run):
        return None
    return after_crash(run)


def filled_by(name: str, clinic: Clinic) -> Form | None:
    """The form as a run fills it, with the device that its crash tells, else the one that its worker recorded."""
    run, after = clinic.run(name), after_of(name, clinic)
    if run is None:
        return None
    machine = read_machine(run.path)
    on_cpu = machine.accelerator == "cpu" if after is None else not after.question.accelerator
    processes = machine.processes if after is None else after.question.asked.processes
    form = form_of_run(clinic, name, gib=gib(machine.device) if after is None else size_of(after), processes=processes)
    if form is None or not on_cpu or "use_cpu" in (form.settings or ""):
        return form
    return replace(form, settings="\n".join(one for one in (form.settings, "use_cpu=true") if one))


def size_of(after: After) -> float:
    """The device's memory as the crash tells it, in GiB: of a training on the CPU what its limit leaves for tensors; 0 if not told."""
    room = after.crash.sizes.total
    if not after.question.accelerator:
        room = None if after.crash.room is None else after.crash.room + after.estimate.context
    return gib(room)


def gib(size: float | None) -> float:
    """Bytes in GiB, rounded down to what a person would write; 0 if not known."""
    return math.floor(100 * size / GIB) / 100 if size else 0


def after_of_form(form: Form, clinic: Clinic) -> After | None:
    """The crash that the form asks about; None once a field was changed: that is another training."""
    after = after_of(form.run, clinic)
    return after if after is not None and form.run and alike(form, filled_by(form.run, clinic)) else None


def alike(form: Form, other: Form | None) -> bool:
    """Whether two forms ask the same."""
    return other is not None and all(
        (form.value(name) or None) == (other.value(name) or None) for name in Form.__dataclass_fields__
    )
