"""One finding as an HTML card: what was found, why it matters, what to change. The dashboard shows the same card."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from diagnostics.finding import Diagnosis, Evidence, SeriesEvidence, TableEvidence, TextEvidence
from diagnostics.report.beside import (
    AGAINST,
    against_sentences,
    config_rows,
    config_sentence,
    keep_sentences,
    parting_rows,
)
from diagnostics.report.common import config_value, grouped, number, shortened
from diagnostics.report.labels import LABELS, when
from diagnostics.report.markup import block, note, pill, text
from diagnostics.report.words import MISSING, FindingInWords, FixInWords, Lang, reason_in_words
from diagnostics.run import Run


def finding_card(
    finding: FindingInWords, lang: Lang, *, under_fix: Callable[[FixInWords], str] = lambda fix: "", foot: str = ""
) -> str:
    """One finding. `under_fix` gives HTML to stand below a fix, `foot` is HTML at the card's end."""
    label = LABELS[lang]
    parts = [
        f'<div class="finding-head">{head(finding, lang)}</div>',
        f'<p class="finding-summary">{text(finding.summary)}</p>',
        f'<p><span class="label">{text(label["why"])}</span> {text(finding.why)}</p>',
        block(label["causes"], list(finding.causes), ordered=True),
    ]
    if finding.fixes:
        fixes = "".join(fix_html(fix, lang, under_fix(fix)) for fix in finding.fixes)
        parts.append(f'<div class="label">{text(label["fixes"])}</div>{fixes}')
    parts += evidence_html(finding.evidence, lang)
    parts.append(f'<p class="quiet"><span class="label">{text(label["wrong_if"])}</span> {text(finding.wrong_if)}</p>')
    if finding.explains:
        folded = " ".join(pill(rule, "unknown") for rule in finding.explains)
        parts.append(f'<p><span class="label">{text(label["explains"])}</span> {folded}</p>')
    return f'<div class="finding finding-{text(finding.severity)}">{"".join(parts)}{foot}</div>'


def head(finding: FindingInWords, lang: Lang) -> str:
    """The first line of a card: severity, title, rule, steps, confidence."""
    label = LABELS[lang]
    steps = when(lang, finding.first_step, finding.last_step)
    confidence = label["confidence"].format(value=finding.confidence)
    return (
        f"{pill(label[finding.severity], finding.severity)} <b>{text(finding.title)}</b> "
        f'<code>{text(finding.rule)}</code> <span class="quiet">{text(steps)} · {text(confidence)}</span>'
    )


def fix_html(fix: FixInWords, lang: Lang, below: str = "") -> str:
    """One fix: what it does, and each change of the config as old and new value."""
    rows = "".join(
        f'<div class="edit"><span class="path">{text(edit.path)}</span> <del>{text(config_value(edit.old))}</del> → '
        f"<ins>{text(config_value(edit.new))}</ins></div>"
        for edit in fix.edits
    )
    safety = LABELS[lang]["brackets"].format(LABELS[lang][fix.safety])
    return f'<div class="fix">{text(fix.title)} <span class="quiet">{text(safety)}</span>{rows}{below}</div>'


def evidence_html(evidence: Iterable[Evidence], lang: Lang) -> list[str]:
    """Each piece of evidence, series of the same steps as one table."""
    made = []
    for group in grouped(evidence):
        if isinstance(group, TextEvidence):
            made.append(text_html(group))
        elif isinstance(group, TableEvidence):
            rows = [[shortened(one) for one in row] for row in (group.head, *group.rows)]
            made.append(f'<div class="label">{text(group.title)}</div>{cells_html(rows)}')
        else:
            made.append(rows_html(group, lang))
    return made


def text_html(one: TextEvidence) -> str:
    """Text evidence as a quotation."""
    lines = "\n".join(one.lines)
    return f'<div class="label">{text(one.file)}</div><pre class="console">{text(lines)}</pre>'


def rows_html(group: list[SeriesEvidence], lang: Lang) -> str:
    """The rows of series that show the same steps as a small table, the marked steps set off."""
    marks = group[0].marks

    def cells(tag: str, row: Iterable[tuple[int, str]]) -> str:
        marked = ' class="marked"'
        return "".join(f"<{tag}{marked if step in marks else ''}>{text(says)}</{tag}>" for step, says in row)

    steps = cells("th", ((step, str(step)) for step, _ in group[0].rows))
    rows = "".join(
        f"<tr><th>{text(one.tag)}</th>{cells('td', ((step, number(value)) for step, value in one.rows))}</tr>"
        for one in group
    )
    return f'<div class="scroll"><table class="rows"><tr><th>{text(LABELS[lang]["step"])}</th>{steps}</tr>{rows}</table></div>'


def beside_html(diagnosis: Diagnosis, lang: Lang) -> str:
    """Which checkpoint to keep, and where the run parted from another; nothing where neither was asked for."""
    parts = []
    if kept := keep_sentences(diagnosis.keep, lang):
        parts.append(note(" ".join(kept)))
    if (both := diagnosis.against) is not None:
        parts.append(block(AGAINST[lang]["title"].format(right=both.right), against_sentences(both, lang)))
        parts.append(cells_html(parting_rows(both, lang)))
        parts.append(f'<div class="label">{text(config_sentence(both, lang))}</div>')
        parts.append(cells_html(config_rows(both, lang)))
    return "".join(parts)


def cells_html(rows: list[list[str]]) -> str:
    """Rows of cells as a small table; nothing of no rows."""
    if not rows:
        return ""
    head = "".join(f"<th>{text(one)}</th>" for one in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{text(one)}</td>" for one in row) + "</tr>" for row in rows[1:])
    return f'<div class="scroll"><table class="not-checked"><tr>{head}</tr>{body}</table></div>'


def unknown_html(run: Run, diagnosis: Diagnosis, lang: Lang) -> str:
    """What was not looked at: parts that the run's folder does not hold, and rules that could not judge, with why."""
    label = LABELS[lang]
    missing = block(label["missing"], [MISSING[lang][part] for part in run.missing])
    rows = "".join(
        f"<tr><td><code>{text(one.rule)}</code></td><td>{text(reason_in_words(one, lang))}</td></tr>"
        for one in diagnosis.not_checked
    )
    if not rows:
        return missing
    return f'{missing}<div class="label">{text(label["not_checked"])}</div><table class="not-checked">{rows}</table>'
