"""A memory answer as one JSON object: the stable form for programs, and what every other format is written from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostics.finding import Fix
from diagnostics.memory.answer import Answer
from diagnostics.memory.crash import Crash
from diagnostics.memory.plan import Option, Plan, reasons
from diagnostics.memory.records import BILL, Estimate, Storage
from diagnostics.memory.telling import GIB as GIB
from diagnostics.memory.telling import sentence_of
from diagnostics.memory.telling import sized as sized
from diagnostics.memory.words import CRASHES, LEVERS, NOTES
from diagnostics.report.as_json import plain
from diagnostics.report.words import Lang
from diagnostics.run.refusal import said

SCHEMA = 1
SHOWN_BLOCKS = 25


def contents(answer: Answer, lang: Lang = "en") -> dict[str, Any]:
    """The whole answer as an object, strict JSON all through; all sizes are bytes.

    `bill`: lines of the peak in the order of the records, none of them 0. `fit`: null where no device was named.
    """
    asked, question = answer.question.asked, answer.question
    whole: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "kind": "memory",
            "path": answer.path,
            "method": asked.method,
            "model": {
                "name": question.model.name,
                "found": question.model.where,
                "known": question.model.known,
                "type": question.architecture.type,
                "parameters": question.architecture.parameters,
            },
            "dtype": asked.dtype,
            "batch": asked.batch,
            "effective_batch": question.rows_a_step,
            "length": asked.length,
            "prompt": asked.prompt,
            "completion": asked.completion,
            "processes": asked.processes,
            "device": None if asked.device is None else {"name": answer.device_name, "bytes": asked.device},
            "verdict": answer.verdict,
            **estimate_object(answer.estimate),
            "fallback": None if answer.fallback is None else said(answer.fallback, lang),
            "formula": {"total": answer.formula.total, "bill": bill_rows(answer.formula.bill)},
            "shares": [
                {"strategy": name, "total": one.total, "phase": one.phase, "bill": bill_rows(one.bill)}
                for name, one in answer.shares.items()
            ],
            "host": host_object(answer),
            "fit": fit_object(answer.plan, lang) if answer.plan else None,
            "crash": crash_object(answer.crash, answer.estimate, lang) if answer.crash else None,
            "notes": [
                *(NOTES[lang][one.key].format_map(one.facts) for one in answer.notes),
                *(said(one, lang) for one in answer.estimate.notes),
            ],
        }
    )
    return whole


def estimate_object(one: Estimate) -> dict[str, Any]:
    """An estimate: the peak, when it comes, the bill, the timeline and the largest blocks."""
    return {
        "peak": {
            "total": one.total,
            "allocated": one.peak_allocated,
            "reserved": one.peak_reserved,
            "context": one.context,
            "low": one.low,
            "high": one.high,
        },
        "phase": one.phase,
        "step": one.step,
        "operation": one.operation,
        "bill": bill_rows(one.bill, one),
        "phases": dict(one.phases),
        "source": one.source,
        "replayed": one.fits,
        "seconds": round(one.seconds, 3),
        "versions": dict(one.versions),
        "timeline": {
            "at": list(one.timeline.at),
            "allocated": list(one.timeline.allocated),
            "marks": [list(mark) for mark in one.timeline.marks],
        },
        "largest": [block(each) for each in one.largest[:SHOWN_BLOCKS]],
    }


def bill_rows(bill: Mapping[str, int], estimate: Estimate | None = None) -> list[dict[str, Any]]:
    """The lines of a bill that are not 0, and what the allocator holds unused, so that their sum is the peak's total."""
    rows: list[dict[str, Any]] = [{"line": line, "bytes": bill[line]} for line in BILL if bill.get(line)]
    unused = estimate.total - sum(bill.get(line, 0) for line in BILL) if estimate is not None else 0
    if unused > 0:
        rows.append({"line": "unused", "bytes": unused})
    return rows


def block(one: Storage) -> dict[str, Any]:
    """One block of memory."""
    return {
        "bytes": one.bytes,
        "shape": list(one.shape),
        "dtype": one.dtype,
        "op": one.op,
        "module": one.module,
        "line": one.line,
    }


def host_object(answer: Answer) -> dict[str, Any]:
    """The host's side: what is needed, and what this machine has free."""
    host = answer.host
    return {
        "load": host.load,
        "resident": host.resident,
        "offloaded": host.offloaded,
        "checkpoint": host.checkpoint,
        "kept": host.kept,
        "on_disk": host.on_disk,
        "shared": host.shared,
        "free": {"memory": host.memory, "disk": host.disk, "shm": host.shm},
    }


def fit_object(plan: Plan, lang: Lang) -> dict[str, Any]:
    """What Fit found, cheapest first."""
    return {
        "options": [option_object(one, lang) for one in plan.options],
        "closest": plan.closest.total if plan.closest else None,
        "estimates": plan.estimates,
        "candidates": plan.candidates,
        "complete": plan.complete,
        "untraced": [said(one, lang) for one in plan.untraced],
    }


def option_object(one: Option, lang: Lang) -> dict[str, Any]:
    """One way to fit: its steps, and all of them as one fix."""
    return {
        "total": one.estimate.total,
        "time": round(one.time, 3),
        "quality": round(one.quality, 3),
        "source": one.estimate.source,
        "effective_batch": one.question.rows_a_step,
        "steps": [
            {
                "key": step.lever.key,
                **fix_object(step.fix, lang),
                "saved": step.saved,
                "after": step.after,
                "estimated": step.measured,
                "time": round(step.lever.time, 3),
                "quality": round(step.lever.quality, 3),
                "needs": step.lever.needs,
                "reasons": list(reasons(step.lever)),
            }
            for step in one.steps
        ],
        "fix": fix_object(one.fix, lang),
    }


def fix_object(fix: Fix, lang: Lang) -> dict[str, Any]:
    """A fix in the form in which `check` writes its own."""
    return {
        "title": LEVERS[lang][fix.key].format_map(fix.facts),
        "safety": fix.safety,
        "edits": [{"path": edit.path, "from": edit.old, "to": edit.new} for edit in fix.edits],
    }


def crash_object(crash: Crash, estimate: Estimate, lang: Lang) -> dict[str, Any]:
    """What happened, in a sentence and in numbers."""
    key, facts = sentence_of(crash, estimate)
    return {
        "kind": crash.kind,
        "summary": CRASHES[lang][key].format_map(facts),
        "phase": crash.phase,
        "step": crash.step,
        "sizes": {name: value for name, value in vars(crash.sizes).items() if value is not None},
        "bill": bill_rows(crash.bill),
        "asked_for": block(crash.asked_for) if crash.asked_for else None,
        "length": crash.length,
        "growth": crash.growth,
        "vllm": crash.vllm,
        "context": crash.context,
    }
