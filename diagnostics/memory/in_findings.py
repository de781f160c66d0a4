"""What a crash adds to the finding of a rule on memory: its sentence, the sizes and the bill as evidence, what would have fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from diagnostics.finding import Fix, TableEvidence
from diagnostics.memory.after import After
from diagnostics.memory.cpu import Kind
from diagnostics.memory.records import BILL
from diagnostics.memory.telling import BARE, sentence_of, sized
from diagnostics.memory.words import CRASHES, LEVERS, PHASES, Lang

# What each kind of limit is called in a table.
LIMITS: Mapping[Kind, str] = {
    "resident": "limit of the machine or its control group",
    "data": "limit on private memory (ulimit -d)",
    "address": "limit on addresses (ulimit -v)",
}
# Phases that training's own changes do not mend: a smaller batch of training saves nothing there.
APART = ("save", "evaluation")
# The words that a rule takes up: the sentences, and the titles of what a fix is made of.
MORE: Mapping[Lang, Mapping[str, str]] = {lang: {**CRASHES[lang], **PHASES[lang]} for lang in CRASHES}
STEPS: Mapping[Lang, Mapping[str, str]] = {lang: LEVERS[lang] for lang in LEVERS}
FIT: Mapping[Lang, Mapping[str, str]] = {
    "en": {
        "fit": "The cheapest changes that would have fitted, found as `memory` finds them, in one",
        "let-go": "Let go of what each step leaves (python -m diagnostics explain memory-leak)",
    },
    "zh": {
        "fit": "本来放得下的最省改动，与 `memory` 的搜索相同，合为一步",
        "let-go": "释放每步留下的东西（python -m diagnostics explain memory-leak）",
    },
}


def crash_facts(found: After | None) -> dict[str, Any]:
    """The facts of the crash's sentences, and which are said: none whose numbers are not known."""
    if found is None:
        return {}
    crash = found.crash
    key, facts = sentence_of(crash, found.estimate)
    # Of a device the rule's own sentence tells the phase.
    phase = [f"at-{crash.phase}"] if crash.kind == "host" and f"at-{crash.phase}" in PHASES["en"] else []
    return {**facts, "more": (*phase, *(() if key.endswith(BARE) else (key,)))}


def crash_evidence(found: After | None) -> tuple[TableEvidence, ...]:
    """The bill at that moment, and what the failed request was; of the host its sizes too, which no message tells."""
    if found is None:
        return ()
    crash, tables = found.crash, []
    if crash.kind in ("host", "shm"):
        tables.append(TableEvidence("memory", ("what", "size"), host_rows(found)))
    bill = [(line, sized(size), str(size)) for line in BILL if (size := crash.bill.get(line, 0))]
    tables.append(TableEvidence("bill", ("what", "size", "bytes"), tuple(bill)))
    if block := crash.asked_for:
        row = (block.line, " x ".join(str(one) for one in block.shape), block.dtype, sized(block.bytes))
        tables.append(TableEvidence("request", ("what", "shape", "dtype", "size"), (row,)))
    return tuple(one for one in tables if one.rows)


def host_rows(found: After) -> tuple[tuple[str, str], ...]:
    """The sizes of the machine's side: the request, what it ran into, what that leaves for tensors, what was needed."""
    crash, sizes = found.crash, found.crash.sizes
    limit = "/dev/shm" if crash.kind == "shm" else LIMITS[crash.counts or "resident"]  # noqa: S108  its name
    told = (
        ("tried to allocate", sizes.asked),
        (limit, sizes.total),
        ("of it for tensors", crash.room),
        ("needed, by the estimate", sizes.allocated),
    )
    return tuple((name, sized(size)) for name, size in told if size)


def crash_fixes(found: After | None, by_hand: Sequence[Fix]) -> tuple[Fix, ...]:
    """What would have fitted, cheapest first, each way as one fix; then those of the rule's own that say something else."""
    if found is None:
        return tuple(by_hand)
    if found.crash.kind == "leak":  # less at once only makes it die later
        return (Fix("let-go", "show"), *(fix for fix in by_hand if not fix.edits))
    if found.plan is None or found.crash.phase in APART:
        return tuple(by_hand)
    ways = tuple(
        replace(taken_out(one.fix), steps=tuple(taken_out(step.fix) for step in one.steps))
        for one in found.plan.options
    )
    edited = {edit.path for way in ways for edit in way.edits}
    return (*ways, *(fix for fix in by_hand if not fix.edits or {edit.path for edit in fix.edits} - edited))


def taken_out(fix: Fix) -> Fix:
    """A fix of Fit's, in which None takes an argument out, with such edits as a rule's are: so that a child has no null there."""
    return replace(fix, edits=tuple(replace(edit, removed=True) if edit.new is None else edit for edit in fix.edits))
