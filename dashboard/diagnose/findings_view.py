"""A diagnosis as HTML: what was found, why, and what to change."""

from __future__ import annotations

import json
import shlex

from dashboard.html import note, pill, text
from dashboard.texts import Words
from diagnostics.finding import Diagnosis, Edit
from diagnostics.fixing import applied
from diagnostics.report.card import finding_card, unknown_html
from diagnostics.report.common import verdict
from diagnostics.report.labels import LABELS
from diagnostics.report.markup import block
from diagnostics.report.page import explain
from diagnostics.report.words import FindingInWords, FixInWords, in_words
from diagnostics.run import Run
from diagnostics.run.refusal import said


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
        parts.append(note(said(status.reason, words.lang), "error" if status.state == "failed" else "plain"))
    if not diagnosis.findings:
        parts.append(note(verdict(diagnosis, words.lang), "good" if diagnosis.judged else "plain"))
    if status.active:
        parts.append(note(LABELS[words.lang]["early"]))
    parts.append(block(LABELS[words.lang]["problems"], [said(one, words.lang) for one in run.problems]))
    return "".join(parts)


def finding_html(run: Run, finding: FindingInWords, words: Words) -> str:
    """One finding as the card of the HTML report, with a child run's command; its curves are drawn beside it."""
    about = text(explain(finding.rule, words.lang))
    return finding_card(
        finding,
        words.lang,
        under_fix=lambda fix: command_html(run, fix, words),
        foot=f"<details><summary>{text(LABELS[words.lang]['about'])}</summary><pre>{about}</pre></details>",
    )


def findings_in_words(diagnosis: Diagnosis, words: Words) -> list[FindingInWords]:
    """The findings in the page's language."""
    return [in_words(one, words.lang) for one in diagnosis.findings]


def command_html(run: Run, fix: FixInWords, words: Words) -> str:
    """The command that trains a child run with a fix, folded; nothing if there is none."""
    command = child_command(run, fix.edits)
    if command is None:
        return ""
    return f'<details><summary>{text(words("diagnose.command"))}</summary><pre class="command">{text(command)}</pre></details>'


def child_command(run: Run, edits: tuple[Edit, ...]) -> str | None:
    """The command line that trains a child run with the edits; None if there are none, or the run is not of ours."""
    if not edits or run.method is None or not (run.path / "run.json").exists():
        return None
    config = applied(run.asked, edits)
    settings = " ".join(shlex.quote(f"{key}={json.dumps(value, ensure_ascii=False)}") for key, value in config.items())
    return f"python -m training start --method {run.method} --parent {shlex.quote(run.name)} --set {settings}"


def not_checked_html(diagnosis: Diagnosis, run: Run, words: Words) -> str:
    """The rules that could not judge, and why; and what the run's folder does not hold."""
    return unknown_html(run, diagnosis, words.lang)
