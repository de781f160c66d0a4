"""Runs as one HTML document that needs nothing else: no script, no network, nothing of the machine it was made on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diagnostics.export.hiding import hider
from diagnostics.export.pieces import run_html, table_html, together_html
from diagnostics.export.words import WORDS
from diagnostics.finding import Diagnosis
from diagnostics.report import overlay
from diagnostics.report.as_html import page
from diagnostics.report.common import one_line
from diagnostics.report.markup import text
from diagnostics.report.words import Lang
from diagnostics.run import Run

STYLE = Path(overlay.__file__).parent / "overlay.css"


def document(runs: Sequence[Run], diagnoses: Sequence[Diagnosis], lang: Lang = "en") -> str:
    """One run with its curves and findings, or several beside each other and then each by itself, folded."""
    hide = hider([one for run in runs for one in (run.path, run.path.parent)])
    names = ", ".join(one_line(run.name) for run in runs)
    style = STYLE.read_text(encoding="utf-8")
    if len(runs) == 1:
        return hide(page(names, f"<h1>{text(names)}</h1>", run_html(runs[0], diagnoses[0], lang), lang, style))
    forms = WORDS[lang]["title"].split("|")
    head = f"<h1>{text(names)}</h1><div class='facts'><span>{text(forms[-1].format(n=len(runs)))}</span></div>"
    links = [f"#run-{number}" for number in range(len(runs))]
    each = "".join(
        f'<details class="run" id="run-{number}"><summary>{text(one_line(run.name))}</summary>{run_html(run, said, lang)}</details>'
        for number, (run, said) in enumerate(zip(runs, diagnoses, strict=True))
    )
    content = table_html(runs, diagnoses, links, lang) + together_html(runs, lang) + each
    return hide(page(names, head, content, lang, style))
