"""A diagnosis as HTML: what was found, why, and what to change."""

from __future__ import annotations

import json
import math
import shlex
from typing import Any

from dashboard.html import note, pill, text
from dashboard.texts import Words
from diagnostics.finding import Diagnosis, Edit, SeriesEvidence
from diagnostics.report.page import explain
from diagnostics.report.words import MISSING, FindingInWords, FixInWords, in_words, reason_in_words
from diagnostics.rules import RULES
from diagnostics.run import Run


def summary_html(run: Run, diagnosis: Diagnosis, words: Words) -> str:
    """The run's state, and whether anything was found."""
    status = run.status
    head = (
        f'<div class="run-head"><b>{text(run.name)}</b> {text(run.method or "")} '
        f"{pill(words(f'state.{status.state}'), status.state)} "
        f'<span class="quiet">{text(words("runs.progress"))} {max(status.step, run.last_step)}'
        f"{f' / {status.max_steps}' if status.max_steps else ''}</span></div>"
    )
    parts = [head]
    if status.reason:
        parts.append(note(status.reason, "error" if status.state == "failed" else "plain"))
    if not diagnosis.findings:
        judged = len(RULES) - len(diagnosis.not_checked)
        parts.append(note(words("diagnose.healthy", count=judged), "good"))
    if status.active:
        parts.append(note(words("diagnose.early")))
    if run.problems:
        parts.append(block(words("diagnose.problems"), "".join(f"<li>{text(one)}</li>" for one in run.problems)))
    return "".join(parts)


def finding_html(run: Run, finding: FindingInWords, words: Words) -> str:
    """One finding as a card; its curves are drawn beside it."""
    head = (
        f"{pill(words(f'diagnose.{finding.severity}'), finding.severity)} <b>{text(finding.title)}</b> "
        f'<code>{text(finding.rule)}</code> <span class="quiet">'
        f"{text(words('diagnose.steps', first=finding.first_step, last=finding.last_step))} · "
        f"{text(words('diagnose.confidence', value=finding.confidence))}</span>"
    )
    causes = "".join(f"<li>{text(cause)}</li>" for cause in finding.causes)
    fixes = "".join(fix_html(run, fix, words) for fix in finding.fixes)
    parts = [
        f'<div class="finding-head">{head}</div>',
        f'<p class="finding-summary">{text(finding.summary)}</p>',
        f'<p><span class="label">{text(words("diagnose.why"))}</span> {text(finding.why)}</p>',
        block(words("diagnose.causes"), causes, ordered=True),
        f'<div class="label">{text(words("diagnose.fixes"))}</div>{fixes}',
        "".join(evidence_html(one) for one in finding.evidence),
        f'<p class="quiet"><span class="label">{text(words("diagnose.wrong_if"))}</span> {text(finding.wrong_if)}</p>',
    ]
    if finding.explains:
        folded = " ".join(pill(rule, "unknown") for rule in finding.explains)
        parts.append(f'<p><span class="label">{text(words("diagnose.explains"))}</span> {folded}</p>')
    about = text(explain(finding.rule, words.lang))
    parts.append(f"<details><summary>{text(words('diagnose.about'))}</summary><pre>{about}</pre></details>")
    return f'<div class="finding finding-{text(finding.severity)}">{"".join(parts)}</div>'


def findings_in_words(diagnosis: Diagnosis, words: Words) -> list[FindingInWords]:
    """The findings in the page's language."""
    return [in_words(one, words.lang) for one in diagnosis.findings]


def fix_html(run: Run, fix: FixInWords, words: Words) -> str:
    """One fix: what it does, the change as a diff, and the command that trains a child run with it."""
    rows = "".join(
        f'<div class="edit"><span class="path">{text(edit.path)}</span> <del>{text(shown(edit.old))}</del> → '
        f"<ins>{text(shown(edit.new))}</ins></div>"
        for edit in fix.edits
    )
    command = child_command(run, fix.edits)
    shell = (
        f'<details><summary>{text(words("diagnose.command"))}</summary><pre class="command">{text(command)}</pre></details>'
        if command
        else ""
    )
    return (
        f'<div class="fix">{text(fix.title)} <span class="quiet">({text(words(f"diagnose.{fix.safety}"))})</span>'
        f"{rows}{shell}</div>"
    )


def child_command(run: Run, edits: tuple[Edit, ...]) -> str | None:
    """The command line that trains a child run with the edits; None if there are none, or the run is not of ours."""
    if not edits or run.method is None or not (run.path / "run.json").exists():
        return None
    config = {**run.asked, **{edit.path: edit.new for edit in edits}}
    settings = " ".join(shlex.quote(f"{key}={json.dumps(value, ensure_ascii=False)}") for key, value in config.items())
    return f"python -m training start --method {run.method} --parent {shlex.quote(run.name)} --set {settings}"


def evidence_html(one: Any) -> str:
    """Text evidence as a quotation, rows of a series as a small table."""
    if isinstance(one, SeriesEvidence):
        steps = "".join(f"<th{mark(step, one)}>{step}</th>" for step, _ in one.rows)
        values = "".join(f"<td{mark(step, one)}>{text(value_text(value))}</td>" for step, value in one.rows)
        return (
            f'<div class="scroll"><table class="rows"><tr><th>{text(one.tag)}</th>{steps}</tr>'
            f"<tr><td></td>{values}</tr></table></div>"
        )
    lines = text("\n".join(one.lines))
    return f'<div class="label">{text(one.file)}</div><pre class="console">{lines}</pre>'


def mark(step: int, one: SeriesEvidence) -> str:
    """The class of a table cell at a marked step."""
    return ' class="marked"' if step in one.marks else ""


def value_text(value: float) -> str:
    """A value of a row."""
    return f"{value:.4g}" if math.isfinite(value) else str(value)


def shown(value: Any) -> str:
    """A config value; a dash for one that was not set."""
    return "–" if value is None else str(value)


def not_checked_html(diagnosis: Diagnosis, run: Run, words: Words) -> str:
    """The rules that could not judge, and why; and what the run's folder does not hold."""
    missing = block(
        words("diagnose.missing"), "".join(f"<li>{text(MISSING[words.lang][part])}</li>" for part in run.missing)
    )
    rows = "".join(
        f"<tr><td><code>{text(one.rule)}</code></td><td>{text(reason_in_words(one, words.lang))}</td></tr>"
        for one in diagnosis.not_checked
    )
    if not rows:
        return missing
    return (
        missing
        + f'<div class="label">{text(words("diagnose.not_checked"))}</div><table class="not-checked">{rows}</table>'
    )


def block(title: str, items: str, ordered: bool = False) -> str:
    """A list under a heading; nothing if it is empty."""
    if not items:
        return ""
    tag = "ol" if ordered else "ul"
    return f'<div class="label">{text(title)}</div><{tag}>{items}</{tag}>'
