"""A pre-flight as one HTML document that needs nothing else."""

from __future__ import annotations

from pathlib import Path

from diagnostics.finding import Diagnosis
from diagnostics.preflight.material import Material
from diagnostics.report.as_html import page, rule_pages
from diagnostics.report.card import finding_card
from diagnostics.report.common import one_line
from diagnostics.report.markup import text
from diagnostics.report.preflight import sections
from diagnostics.report.preflight.contents import contents, findings_of
from diagnostics.report.preflight.labels import LABELS
from diagnostics.report.words import Lang

STYLE = Path(__file__).parent / "preflight.css"


def report(material: Material, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """The whole pre-flight: the verdict and the findings first, then what was seen."""
    whole = contents(material, diagnosis, lang)
    title = f"{LABELS[lang]['title']} · {whole['path'] or whole['method'] or ''}"
    head = f"<h1>{text(one_line(title))}</h1>{sections.facts_html(whole, lang)}{sections.verdict_html(whole, lang)}"
    found = findings_of(whole)
    cards = [f'<article class="finding-row">{finding_card(one, lang)}</article>' for one in found]
    parts = [
        *cards,
        sections.lengths_html(whole, lang),
        sections.seen_html(whole, lang),
        sections.template_html(whole, lang),
        sections.rewards_html(whole, lang),
        sections.script_html(whole, lang),
        sections.unseen_html(whole, lang),
        rule_pages((one.rule for one in found), lang),
    ]
    # The dashboard has a class for its dark page; a document of its own follows the system.
    style = "\n".join(
        f"@media screen and (prefers-color-scheme: dark) {{ {line.replace('.dark', ':root', 1)} }}"
        if line.startswith(".dark")
        else line
        for line in STYLE.read_text(encoding="utf-8").splitlines()
    )
    return page(title, head, "\n".join(part for part in parts if part), lang, style)
