"""One question answered: the predictor's estimate, or the closed form where it cannot be had; then Fit, shares and the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from diagnostics.memory import formula
from diagnostics.memory.after import Search
from diagnostics.memory.after_crash import after_crash as after_crash_of
from diagnostics.memory.answer import Answer
from diagnostics.memory.crash import Crash, mended
from diagnostics.memory.fit import Estimator, Progress, fit
from diagnostics.memory.host import host_of
from diagnostics.memory.plan import Plan
from diagnostics.memory.records import Asked, Cancelled, Estimate, MemoryUnknown, NotTraceable
from diagnostics.memory.resolve import Question
from diagnostics.memory.sharing import among
from diagnostics.memory.verdict import verdict
from diagnostics.memory.vllm import beside
from diagnostics.run import Run
from diagnostics.run.refusal import Sentence

How = Literal["formula", "extrapolated", "traced"]
# A predictor takes what is asked and how exactly: `diagnostics.probes.memory.starter.estimate`, or another like it.
Predictor = Callable[..., Estimate]


def estimator(
    how: How, predictor: Predictor, progress: Progress | None = None, cancelled: Callable[[], bool] | None = None
) -> Estimator:
    """A function from what is asked to an estimate, made as exactly as is wanted."""
    if how == "formula":
        return formula.estimate

    def told(what: str, share: float) -> None:
        if progress:
            progress(round(100 * share), 100, what)

    def one_device(asked: Asked) -> Estimate:
        try:
            return predictor(asked, how=how, progress=told, cancelled=cancelled)
        except NotTraceable as error:
            if not asked.phases:
                raise
            found = predictor(replace(asked, phases=()), how=how, progress=told, cancelled=cancelled)
            beyond = Sentence(
                f"The {' and '.join(asked.phases)} could not be traced and is left out ({str(error).rstrip('.')}).",
                f"无法追踪 {'、'.join(asked.phases)} 阶段，未计入（{error.said('zh').rstrip('。')}）。",
            )
            return replace(found, notes=(*found.notes, beyond))

    return lambda asked: beside(among(asked, one_device), asked)


def answer(
    question: Question,
    predictor: Predictor,
    *,
    how: How = "traced",
    search: bool = True,
    rows: int | None = None,
    folder: Path | None = None,
    device_name: str = "",
    path: str = "",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Answer:
    """The whole answer. `search`: whether Fit is asked where it does not fit.

    A model that cannot be traced has the closed form's answer, marked so.

    Raises:
        Cancelled: the caller no longer wants to know.
        MemoryUnknown: not even the closed form knows the model.
    """
    asked = question.asked
    form = formula.estimate(asked)
    fallback: str | None = None
    try:
        found = form if how == "formula" else estimator(how, predictor, progress, cancelled)(asked)
    except Cancelled:
        raise
    except MemoryUnknown as error:
        found, fallback, how = form, error.sentence, "formula"
    plan = None
    if search and asked.device is not None:
        plan = planned(question, found, how, predictor, progress, cancelled)
    return Answer(
        question=question,
        estimate=found,
        formula=form,
        host=host_of(question, rows=rows, folder=folder),
        shares=formula.shares(asked) if asked.processes > 1 else {},
        plan=plan,
        device_name=device_name,
        fallback=fallback,
        path=path,
    )


def planned(
    question: Question,
    base: Estimate,
    how: How,
    predictor: Predictor,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
) -> Plan:
    """Fit's plan; it searches with the extrapolated estimate, and what it began from is not estimated again."""
    if verdict(base, question.asked.device) == "fits":
        return Plan(base, (), None, 0, 0, True)
    quick = estimator("formula" if how == "formula" else "extrapolated", predictor, None, cancelled)

    def known(asked: Asked) -> Estimate:
        return base if asked == question.asked else quick(asked)

    return fit(question, known, progress=progress, cancelled=cancelled)


def after_crash(
    found: Answer,
    crash: Crash,
    predictor: Predictor,
    *,
    how: How = "extrapolated",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Answer:
    """An answer with what happened to the run that was asked about, and what would have fitted the device that it had.

    Raises:
        Cancelled: the caller no longer wants to know.
    """
    quick = estimator("formula" if found.fallback else how, predictor, None, cancelled)

    def known(asked: Asked) -> Estimate:
        # The device's size decides nothing of what is allocated: what was estimated without it need not be again.
        same = replace(asked, device=found.question.asked.device) == found.question.asked
        return replace(found.estimate, fits=None) if same else quick(asked)

    plan = mended(crash, found.question, known, progress=progress)
    return replace(found, crash=crash, plan=plan)


def explained(
    found: Answer,
    run: Run,
    predictor: Predictor,
    *,
    how: How = "extrapolated",
    search: bool = True,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Answer:
    """An answer about a run that died of memory with what happened, read from its own console and records.

    `search`: whether what would have fitted the device that it had is searched for, and takes the place of the answer's own plan.

    Raises:
        Cancelled: the caller no longer wants to know.
    """
    quick = estimator("formula" if found.fallback or how == "formula" else how, predictor, None, cancelled)
    base, question = replace(found.estimate, fits=None), found.question

    def known(asked: Asked) -> Estimate:
        # The device's size decides nothing of what is allocated: what was estimated without it need not be again.
        return base if replace(asked, device=question.asked.device) == question.asked else quick(asked)

    crash = after_crash_of(run, question=question, estimate=known, search=Search(search, progress))
    if crash is None:
        return found
    return replace(found, crash=crash.crash, plan=crash.plan if search else found.plan)
