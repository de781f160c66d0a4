"""A run that died of memory, judged at once and without torch: the closed form, corrected by what the crash itself measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from diagnostics.memory import cpu, formula
from diagnostics.memory.contradictions import AskedWrong
from diagnostics.memory.crash import Crash, Said, explain, explain_host, mended, said
from diagnostics.memory.fit import Estimator, Progress
from diagnostics.memory.formula import ERROR
from diagnostics.memory.models import find_model
from diagnostics.memory.plan import Plan
from diagnostics.memory.records import Asked, Estimate, MemoryUnknown, Phase
from diagnostics.memory.resolve import Question, resolve
from diagnostics.run import Run

# What lies on a device in every phase, known to the byte from the config; the rest is what a crash can correct.
STATES = ("weights", "optimizer", "reference")
# What was held in these tells nothing of what a batch takes.
APART = ("load", "save", "evaluation")


@dataclass(frozen=True)
class Search:
    """How what would have fitted is searched for. `wanted`: whether it is; `progress`: told how far it is."""

    wanted: bool = True
    progress: Progress | None = None


@dataclass(frozen=True)
class After:
    """What a crash tells: the question that the run put, what happened, and what would have fitted (None: not the config)."""

    question: Question
    crash: Crash
    plan: Plan | None
    estimate: Estimate


def after(
    run: Run,
    sizes: object,
    *,
    phase: str = "unplaced",
    recorded: Sequence[float] = (),
    processes: int | None = 1,
    question: Question | None = None,
    estimate: Estimator = formula.estimate,
    search: Search | None = None,
) -> After | None:
    """Judge a run that ran out of a device's memory. `sizes`: the parser's record of the message; `phase`: as the frames tell.

    `processes`: that trained together, None where only the config may tell. `question`: what the run asked, where more is known of
    it than its config tells. None where the run's config does not tell its method
    or model. Nothing is looked up in a network.
    """
    read = said(sizes)
    question = question or question_of(run, processes, None if read.total is None else int(read.total))
    if question is None:
        return None
    try:
        factor = 1.0 if phase in APART else factor_of(question, read, estimate)
        corrected = partial(corrected_by, estimate=estimate, factor=factor)
        found = corrected(question.asked)
        crash = explain(question, read, estimate(question.asked), phase=phase, step=run.last_step, recorded=recorded)
        return After(question, crash, searched(search or Search(), crash, question, corrected), found)
    except MemoryUnknown:
        return None


def after_host(
    run: Run,
    limit: int | None,
    *,
    on_cpu: bool,
    kind: cpu.Kind = "resident",
    shm: bool = False,
    asked: float | None = None,
    phase: str = "unplaced",
    processes: int | None = 1,
    certain: bool = True,
    question: Question | None = None,
    estimate: Estimator = formula.estimate,
    search: Search | None = None,
) -> After | None:
    """Judge a run that ran out of the machine's memory, of `limit` bytes; `on_cpu`: its tensors lay there.

    `kind`: what the limit counts. `asked`: the bytes of the request that failed, where a message tells them. `certain`: False
    where nothing but a signal says that it was memory; a training that is much smaller than the limit is then not to blame.
    """
    question = question or question_of(run, processes, None, accelerator=not on_cpu)
    if question is None:
        return None
    try:
        read = Said(asked=asked, allocated=cpu.room(limit, kind) if limit is not None and on_cpu else None)
        if not certain and read.allocated and estimate(question.asked).peak_allocated * (1 + ERROR) < read.allocated:
            question, read = replace(question, accelerator=True), Said(asked=asked)
        factor = 1.0 if phase in APART else factor_of(question, read, estimate)
        corrected = partial(corrected_by, estimate=estimate, factor=factor)
        found = corrected(question.asked)
        crash = explain_host(question, found, limit, kind=kind, shm=shm, asked=asked, phase=phase, step=run.last_step)
        return After(question, crash, searched(search or Search(), crash, question, corrected), found)
    except MemoryUnknown:
        return None


def searched(search: Search, crash: Crash, question: Question, estimate: Estimator) -> Plan | None:
    """What would have fitted, where that is wanted."""
    return mended(crash, question, estimate, progress=search.progress) if search.wanted else None


def question_of(run: Run, processes: int | None, device: int | None, *, accelerator: bool = True) -> Question | None:
    """The question that a run's config puts; None where it does not tell enough."""
    try:
        return resolve(
            run.method,
            run.asked or run.config,
            processes=processes,
            device=device,
            lookup=partial(find_model, network=False),
            accelerator=accelerator,
        )
    except AskedWrong:
        return None


def factor_of(question: Question, read: Said, estimate: Estimator) -> float:
    """By how much what depends on the batch was larger than estimated; at least 1: a crash measures from below.

    What was allocated and what was asked for beside it is the least that the training needs.
    """
    found = estimate(question.asked)
    states = sum(found.bill.get(line, 0) for line in STATES)
    moving = found.peak_allocated - states
    needed = (read.allocated or 0) + (read.asked or 0)
    return max(1.0, (needed - states) / moving) if moving > 0 else 1.0


def corrected_by(asked: Asked, estimate: Estimator, factor: float) -> Estimate:
    """An estimate with all but the states larger by a factor."""
    found = estimate(asked)
    if factor == 1.0:
        return found
    states = sum(found.bill.get(line, 0) for line in STATES)
    phases = {phase: int(states + factor * max(0, size - states)) for phase, size in found.phases.items()}
    top = cast("Phase", max(phases, key=lambda one: phases[one]))
    bill = {line: size if line in (*STATES, "context") else int(size * factor) for line, size in found.bill.items()}
    grown = phases[top] - found.peak_allocated
    return replace(
        found,
        peak_allocated=phases[top],
        peak_reserved=found.peak_reserved + grown,
        low=found.low + grown,
        high=found.high + grown,
        phase=top,
        phases=phases,
        bill=fitted(bill, phases[top] + found.context),
    )


def fitted(bill: Mapping[str, int], total: int) -> dict[str, int]:
    """A bill whose temporaries make its sum what it should be."""
    return {**bill, "temporaries": max(0, bill.get("temporaries", 0) + total - sum(bill.values()))}
