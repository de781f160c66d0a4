"""A pre-flight as HTML: how far it is, and what it found."""

from __future__ import annotations

from typing import Any

from dashboard.html import bar, note, text
from dashboard.preflight.job import STEPS, State
from dashboard.texts import Words
from diagnostics.report.card import finding_card
from diagnostics.report.labels import LABELS
from diagnostics.report.page import explain
from diagnostics.report.preflight import sections
from diagnostics.report.preflight.contents import findings_of


def progress_html(state: State, words: Words) -> str:
    """What is being done and how much of it, or why it ended without a report; nothing once the report is there."""
    if state.error is not None:
        return note(state.error, "error")
    if state.report is not None:
        return ""
    says = words("pre.starting") if state.what == "starting" else words(STEPS.get(state.what, "pre.other"))
    share = state.done / state.of if state.of else 0.0
    counts = f" {state.done:,} / {state.of:,}" if state.of > 1 else ""
    return note_html(f"{bar(share)} {text(says + counts)} · {text(words('pre.seconds', seconds=state.seconds))}")


def note_html(content: str) -> str:
    """A line for the reader whose content is HTML already."""
    return f'<div class="note note-plain" role="status">{content}</div>'


def findings_html(report: dict[str, Any], words: Words) -> str:
    """The verdict, what was looked at, and each finding as a card."""
    lang = words.lang
    cards = []
    for one in findings_of(report):
        about = text(explain(one.rule, lang))
        foot = f"<details><summary>{text(LABELS[lang]['about'])}</summary><pre>{about}</pre></details>"
        cards.append(finding_card(one, lang, foot=foot))
    return f"{sections.verdict_html(report, lang)}{sections.facts_html(report, lang)}{''.join(cards)}"


def seen_html(report: dict[str, Any], words: Words) -> str:
    """What training will see: lengths, rows as tokens, template, rewards, script; and what was not looked at."""
    lang = words.lang
    parts = (
        sections.lengths_html,
        sections.seen_html,
        sections.template_html,
        sections.rewards_html,
        sections.script_html,
        sections.unseen_html,
    )
    return "".join(part(report, lang) for part in parts)
