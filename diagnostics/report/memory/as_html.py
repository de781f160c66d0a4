"""A memory answer as one HTML document that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from diagnostics.memory.answer import Answer
from diagnostics.report.as_html import page
from diagnostics.report.common import one_line
from diagnostics.report.markup import text
from diagnostics.report.memory import sections
from diagnostics.report.memory.contents import contents
from diagnostics.report.memory.labels import LABELS
from diagnostics.report.words import Lang

STYLE = Path(__file__).parent / "memory.css"


def report(answer: Answer, lang: Lang = "en") -> str:
    """The whole answer: the verdict and the bill first."""
    whole = contents(answer, lang)
    title = f"{LABELS[lang]['title']} · {whole['method']} · {whole['model']['name']}"
    head = f"<h1>{text(one_line(title))}</h1>{sections.facts_html(whole, lang)}{sections.verdict_html(whole, lang)}"
    parts = [
        sections.crash_html(whole, lang),
        sections.bill_html(whole, lang),
        sections.fit_html(whole, lang),
        sections.shares_html(whole, lang),
        sections.host_html(whole, lang),
        sections.largest_html(whole, lang),
        sections.notes_html(whole, lang),
    ]
    return page(title, head, "\n".join(part for part in parts if part), lang, style())


def style() -> str:
    """The style sheet; the dashboard has a class for its dark page, a document of its own follows the system."""
    return "\n".join(
        f"@media screen and (prefers-color-scheme: dark) {{ {line.replace('.dark', ':root', 1)} }}"
        if line.startswith(".dark")
        else line
        for line in STYLE.read_text(encoding="utf-8").splitlines()
    )
