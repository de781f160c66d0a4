"""A diagnosis as one JSON object: the stable form for programs."""

from __future__ import annotations

import json
import math
from typing import Any

from diagnostics.finding import Diagnosis, Evidence, SeriesEvidence, TableEvidence
from diagnostics.postmortem.ending import ending_of
from diagnostics.report.beside import against_object, keep_object
from diagnostics.report.folder import FolderReport
from diagnostics.report.words import MISSING, FindingInWords, Lang, in_words, reason_in_words
from diagnostics.run import Run
from diagnostics.run.refusal import said

SCHEMA = 1


def plain(value: Any) -> Any:
    """A value as strict JSON can hold it: non-finite numbers become the strings "nan", "inf" and "-inf"."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def evidence_object(one: Evidence) -> dict[str, Any]:
    """One piece of evidence as an object with its `kind`."""
    if isinstance(one, SeriesEvidence):
        return {"kind": "series", "tag": one.tag, "marks": list(one.marks), "rows": [list(row) for row in one.rows]}
    if isinstance(one, TableEvidence):
        return {"kind": "table", "title": one.title, "head": list(one.head), "rows": [list(row) for row in one.rows]}
    return {"kind": "text", "file": one.file, "lines": list(one.lines)}


def finding_object(finding: FindingInWords) -> dict[str, Any]:
    """One finding as an object."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "first_step": finding.first_step,
        "last_step": finding.last_step,
        "title": finding.title,
        "summary": finding.summary,
        "why": finding.why,
        "wrong_if": finding.wrong_if,
        "causes": list(finding.causes),
        "evidence": [evidence_object(one) for one in finding.evidence],
        "explains": list(finding.explains),
        "fixes": [
            {
                "title": fix.title,
                "safety": fix.safety,
                "edits": [
                    {"path": edit.path, "from": edit.old, "to": edit.new, **({"removed": True} if edit.removed else {})}
                    for edit in fix.edits
                ],
            }
            for fix in finding.fixes
        ],
    }


def report_object(run: Run, diagnosis: Diagnosis, lang: Lang = "en") -> dict[str, Any]:
    """The whole report as an object, strict JSON all through."""
    return plain(
        {
            "schema": SCHEMA,
            "path": str(run.path),
            "run": run.name,
            "method": run.method,
            "status": run.status.state,
            "ending": ending_of(run),
            "reason": None if run.status.reason is None else said(run.status.reason, lang),
            "step": max(run.status.step, run.last_step),
            "points": run.points,
            "findings": [finding_object(in_words(one, lang)) for one in diagnosis.findings],
            "not_checked": [{"rule": one.rule, "reason": reason_in_words(one, lang)} for one in diagnosis.not_checked],
            "missing": [MISSING[lang][part] for part in run.missing],
            "problems": [said(one, lang) for one in run.problems],
            **({"keep": keep_object(diagnosis.keep, lang)} if diagnosis.keep else {}),
            **({"against": against_object(diagnosis.against, lang)} if diagnosis.against else {}),
        }
    )


def report(run: Run, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """The report as JSON text."""
    return written(report_object(run, diagnosis, lang)) + "\n"


def part(run: Run, diagnosis: Diagnosis, lang: Lang) -> str:
    """What the report on a folder holds of one run: the same object as the report on that run alone."""
    return written(report_object(run, diagnosis, lang))


def folder(report: FolderReport, lang: Lang) -> str:
    """The report on many runs as one object. The runs are JSON already, written where they were judged."""
    head = written({"schema": SCHEMA, "path": str(report.path)}).removesuffix("\n}")
    runs = ",\n".join(row.part for row in report.rows)
    unreadable = written([{"path": one.path, "reason": said(one.reason, lang)} for one in report.unreadable])
    return f'{head},\n "runs": [\n{runs}\n],\n "unreadable": {unreadable}\n}}\n'


def written(value: Any) -> str:
    """A value as strict JSON text."""
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False)
