"""A memory answer as HTML: how far the estimate is, the verdict, the bill, what would fit, and the rest."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from dashboard.html import bar, note, pill, text
from dashboard.memory.form import by_fields
from dashboard.memory.job import SCALED, Quick, State, shared
from dashboard.preflight.view import note_html
from dashboard.texts import Words
from diagnostics.memory import formula
from diagnostics.memory.after import After
from diagnostics.memory.answer import Answer
from diagnostics.memory.fit import MOST_ESTIMATES
from diagnostics.probes.memory.starter import LOADING, WAITING
from diagnostics.report.memory import sections
from diagnostics.report.memory.contents import contents

LAYERS = re.compile(r"tracing (\d+) of (\d+) layers")


def progress_html(state: State, words: Words) -> str:
    """What is being done and how much of it, or why it ended without an answer; nothing once that is there."""
    if state.error is not None:
        return note(by_fields(state.error, words), "error")
    if state.answer is not None:
        return ""
    share = state.done / MOST_ESTIMATES if state.what == "fit" else state.done
    says = f"{doing(state, words)} · {words('pre.seconds', seconds=state.seconds)}"
    return note_html(f"{bar(share)} {text(says)}")


def doing(state: State, words: Words) -> str:
    """What is being done, in the page's language."""
    if state.what == "fit":
        return words("mem.searching", done=int(state.done), most=MOST_ESTIMATES)
    if layers := LAYERS.search(state.what):
        return words("mem.layers", some=layers[1], all=layers[2])
    known = {"": "mem.starting", LOADING: "mem.loading", WAITING: "mem.waiting", "tracing the whole model": "mem.whole"}
    return words(known.get(state.what, "mem.tracing"))


def quick_html(found: Quick, words: Words) -> tuple[str, str, str]:
    """The head, the bill and the rest of an instant answer, marked as such."""
    mark = pill(words("mem.quick", error=float(formula.ERROR)), "warning")
    if found.ratio is not None:
        says = words("mem.scaled", batch=found.batch, length=f"{found.length:,}", ratio=found.ratio)
        mark = f'{pill(words("mem.quick", error=float(SCALED)), "warning")} <span class="quiet">{text(says)}</span>'
    return answer_html(found.answer, words, mark, "scaled" if found.ratio is not None else None)


def answer_html(found: Answer, words: Words, mark: str = "", source: str | None = None) -> tuple[str, str, str]:
    """The head (verdict, what was asked), the bill with the timeline, and the rest of an answer.

    `mark`: said of the estimate beside what was asked; `source`: where its numbers are from, if not as the estimate says.
    """
    lang = words.lang
    whole = contents(found, lang)
    whole["source"] = source or whole["source"]
    whole["notes"] = [by_fields(one, words) for one in whole["notes"]]
    bill = sections.bill_html(whole, lang)
    if not found.estimate.timeline.at and found.fallback is None:
        why = "mem.timeline_alone" if shared(found.question.asked) else "mem.no_timeline"
        bill += f'<p class="quiet">{text(words(why))}</p>'
    parts = (sections.shares_html, sections.host_html, sections.largest_html, sections.notes_html)
    asked = f'<div class="facts">{mark}{sections.facts_html(whole, lang)}</div>'
    head = sections.verdict_html(whole, lang) + asked
    return head, bill, "".join(part(whole, lang) for part in parts)


def fit_html(found: Answer, words: Words) -> str:
    """What Fit found."""
    return sections.fit_html(contents(found, words.lang), words.lang)


def crash_html(after: After | None, words: Words) -> str:
    """What happened to the run that is asked about; nothing where memory did not end it."""
    if after is None:
        return ""
    from diagnostics.memory.host import host_of

    found = Answer(after.question, after.estimate, after.estimate, host_of(after.question), crash=after.crash)
    return f'<div class="crash">{sections.crash_html(contents(found, words.lang), words.lang)}</div>'


def taken_html(path: Path, run: str | None, words: Words) -> str:
    """Where the child's config is, and how it is trained."""
    says = words("mem.taken_child", path=path, run=run) if run else words("mem.taken")
    command = f"python -m training start --config {shlex.quote(str(path) if run else path.name)}"
    return note(says, "good") + f'<pre class="command">{text(command)}</pre>'
