"""The Memory page's work: the instant estimate, the traced one and Fit, in the predictor's process."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.clinic import Clinic
from dashboard.memory.crash import after_of_form
from dashboard.memory.form import Form, FormUnusable, by_fields, device_name, question_of_form
from dashboard.texts import Words
from diagnostics.finding import Limit
from diagnostics.memory import formula, predict
from diagnostics.memory.after import STATES
from diagnostics.memory.answer import Answer
from diagnostics.memory.command import traced
from diagnostics.memory.contradictions import AskedWrong
from diagnostics.memory.predict import How, Predictor
from diagnostics.memory.records import Asked, Cancelled, Estimate, MemoryUnknown
from diagnostics.memory.sizes import strategy_of, value
from diagnostics.run.refusal import Sentence

LOOK_SECONDS = 0.2  # between two looks at an estimate that is being made
MOST_TABS = 500
STAGES: tuple[How, ...] = ("extrapolated", "traced")
# A closed form that was scaled by the trace of another batch, length or rank. Measured on 17 such moves from 5 trainings (SFT with
# and without LoRA, DPO, GRPO; 0.4 to 8 billion parameters; each number halved at least or doubled at least).
SCALED = Limit(
    0.1, "of the peak", "twice the worst miss of 17 moves, 5.1 %; the median was 2.8 %, unscaled 2.4 %, at worst 8.1 %"
)
FAR = Limit(2.0, "times", "ours: a closed form so far off misses something that another batch need not have")

Alive = Callable[[], bool]
Tell = Callable[[str, float], None]


@dataclass
class Tab:
    """One open page: the number of its newest request, whether that was to stop, its last traced answer, the last that has what Fit found, and its form."""

    number: int = 0
    stopped: bool = False
    traced: Answer | None = None
    fitted: tuple[Form, Answer] | None = None


class Desk:
    """The open pages: which request of each is the newest, so that an older one stops and never overwrites it."""

    def __init__(self) -> None:
        self._tabs: dict[str, Tab] = {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def tab(self, name: str | None) -> Tab:
        """What is known of a page."""
        with self._lock:
            found = self._tabs.pop(name or "", None) or Tab()
            self._tabs[name or ""] = found  # the newest is the last
            while len(self._tabs) > MOST_TABS:
                del self._tabs[next(iter(self._tabs))]
            return found

    def begin(self, name: str | None) -> tuple[Tab, Alive]:
        """A new request of a page, and whether it is still the newest."""
        tab = self.tab(name)
        tab.stopped = False
        number = tab.number = next(self._numbers)
        return tab, lambda: tab.number == number

    def stop(self, name: str | None) -> None:
        """Nothing of a page is wanted any more; what is under way says so as its last word, so that nothing comes after it."""
        tab, _ = self.begin(name)
        tab.stopped = True


@dataclass(frozen=True)
class State:
    """How far a piece of work is. `what`: in the predictor's words, or `fit`; `done` of `of`.

    At its end `answer`, or `error`: why there is none.
    """

    what: str = ""
    done: float = 0
    of: float = 1
    seconds: float = 0.0
    answer: Answer | None = None
    error: Sentence | None = None


@dataclass(frozen=True)
class Quick:
    """The instant answer. `ratio`: by how much its peak was scaled, after a trace at `batch` and `length`; None if it was not."""

    answer: Answer
    ratio: float | None = None
    batch: int = 0
    length: int = 0


def quick(form: Form, clinic: Clinic, words: Words, tab: Tab) -> Quick:
    """The closed form's answer, scaled by the page's last trace where that was of the same training.

    Raises:
        FormUnusable: the form's question cannot be answered.
    """
    question = question_of_form(form, clinic, words)
    try:
        found = predict.answer(question, traced, how="formula", search=False, **about(form, clinic))
    except (AskedWrong, MemoryUnknown) as error:
        raise FormUnusable(by_fields(error, words)) from error
    known = tab.traced
    ratio = ratio_of(question.asked, known) if known is not None else None
    scaled = scaled_by(question.asked, ratio) if ratio is not None else None
    if known is None or scaled is None:
        return Quick(found)
    asked = known.question.asked
    return Quick(replace(found, estimate=scaled), ratio, asked.batch, asked.length)


def ratio_of(asked: Asked, known: Answer) -> float | None:
    """By how much a trace was larger than the closed form; None where it says nothing of what is asked."""
    if known.fallback or kind_of(known.question.asked) != kind_of(asked):
        return None
    ratio = known.estimate.total / known.formula.total
    return ratio if 1 / FAR < ratio < FAR else None


def scaled_by(asked: Asked, ratio: float) -> Estimate | None:
    """The closed form with its peak scaled; of its bill the states, known to the byte, stay. None where they leave no room."""
    found = formula.estimate(asked)
    peak, states = int(found.peak_allocated * ratio), sum(found.bill.get(line, 0) for line in STATES)
    if peak <= states or found.peak_allocated <= states:
        return None
    rest = (peak - states) / (found.peak_allocated - states)
    reserved = int(found.total * ratio) - found.context
    total = reserved + found.context
    return replace(
        found,
        peak_allocated=peak,
        peak_reserved=reserved,
        low=int(total * (1 - SCALED)),
        high=int(total * (1 + SCALED)),
        bill={line: size if line in (*STATES, "context") else int(size * rest) for line, size in found.bill.items()},
        phases={phase: int(size * ratio) for phase, size in found.phases.items()},
    )


def kind_of(asked: Asked) -> tuple[Any, ...]:
    """What must be the same in two questions for the trace of one to say something of the other."""
    names = ("gradient_checkpointing", "optim", "use_peft", "load_in_4bit", "use_vllm", "activation_offloading")
    return (
        asked.method,
        dict(asked.model),
        asked.dtype,
        strategy_of(asked.config, asked.processes),
        *(value(asked, name) for name in names),
    )


def about(form: Form, clinic: Clinic) -> dict[str, Any]:
    """What an answer says of where the question came from."""
    run = clinic.run(form.run) if form.run else None
    return {"device_name": device_name(form), "folder": clinic.root, "path": run.name if run else ""}


def shared(asked: Asked) -> bool:
    """Whether several devices share the training: the trace is of one alone then, and has no timeline of its own."""
    return asked.processes > 1 or bool(asked.config.get("deepspeed") or asked.config.get("fsdp"))


def trace(
    form: Form, clinic: Clinic, words: Words, tab: Tab, alive: Alive, predictor: Predictor = traced
) -> Iterator[State]:
    """The real trainer on tensors without data: few layers first, then the whole model for the timeline and the verdict.

    States as they come; of each stage the last has its answer. Ends without one where the request is the newest no more.

    Raises:
        FormUnusable: the form's question cannot be answered.
    """
    question = question_of_form(form, clinic, words)
    for how in STAGES[:1] if shared(question.asked) else STAGES:
        last = None

        def work(tell: Tell, cancelled: Alive, how: How = how) -> Answer:
            def progress(done: int, of: int, what: str) -> None:
                tell(what, done / of if of else 0.0)

            more: dict[str, Any] = {"progress": progress, "cancelled": cancelled, **about(form, clinic)}
            return predict.answer(question, predictor, how=how, search=False, **more)

        for state in told(work, alive):
            if state.answer is not None and alive():
                tab.traced = state.answer
            last = state
            yield state
        if last is None or last.answer is None or last.answer.fallback or last.answer.estimate.source == "traced":
            return


def fit(
    form: Form, clinic: Clinic, words: Words, tab: Tab, alive: Alive, predictor: Predictor = traced
) -> Iterator[State]:
    """The search for the cheapest changes that fit: states as they come, the last with the answer and its plan.

    Raises:
        FormUnusable: the form's question cannot be answered, or no device is named.
    """
    question = question_of_form(form, clinic, words)
    if question.asked.device is None:
        raise FormUnusable(words("mem.no_device_to_fit"))
    after = after_of_form(form, clinic)

    def work(tell: Tell, cancelled: Alive) -> Answer:
        def estimating(done: int, of: int, what: str) -> None:
            tell(what, done / of if of else 0.0)

        def searching(done: int, of: int, what: str) -> None:
            tell("fit", done)

        more: dict[str, Any] = {"progress": estimating, "cancelled": cancelled, **about(form, clinic)}
        found = predict.answer(question, predictor, how="extrapolated", search=False, **more)
        if after is not None:
            return predict.after_crash(found, after.crash, predictor, progress=searching, cancelled=cancelled)
        how: How = "formula" if found.fallback else "extrapolated"
        plan = predict.planned(question, found.estimate, how, predictor, searching, cancelled)
        return replace(found, plan=plan)

    for state in told(work, alive):
        if state.answer is not None and alive():
            tab.fitted = (form, state.answer)
            if tab.traced is None or tab.traced.question.asked != question.asked:
                tab.traced = state.answer
        yield state


@dataclass
class Told:
    """What a thread has told so far, and how it ended."""

    what: str = ""
    done: float = 0.0
    answer: Answer | None = None
    error: Exception | None = None
    ended: bool = field(default=False)


def told(work: Callable[[Tell, Alive], Answer], alive: Alive) -> Iterator[State]:
    """Work in a thread: states as they come, the last with the answer or the reason why there is none.

    Whoever stops iterating, or is the newest request no more, has the work cancelled; nothing is told then.
    """
    now, stopped, begun = Told(), threading.Event(), time.monotonic()

    def tell(what: str, done: float) -> None:
        now.what, now.done = what, done

    def run() -> None:
        try:
            now.answer = work(tell, lambda: stopped.is_set() or not alive())
        except Exception as error:  # raised again where it is waited for
            now.error = error

    if not alive():
        return
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join(LOOK_SECONDS)
        while thread.is_alive() and alive():
            yield State(now.what, now.done, seconds=time.monotonic() - begun)
            thread.join(LOOK_SECONDS)
    finally:
        stopped.set()
    if not alive() or isinstance(now.error, Cancelled):
        return
    seconds = time.monotonic() - begun
    if isinstance(now.error, AskedWrong | MemoryUnknown):
        yield State(error=now.error.sentence, seconds=seconds)
    elif now.error is not None:
        raise now.error
    else:
        yield State(answer=now.answer, seconds=seconds)
