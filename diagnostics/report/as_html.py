"""A diagnosis as one HTML file that needs nothing else: no script, no network, curves as inline SVG."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from diagnostics.finding import Diagnosis, Finding, SeriesEvidence
from diagnostics.measure import curve_of
from diagnostics.report.card import beside_html, finding_card, unknown_html
from diagnostics.report.common import one_line, verdict
from diagnostics.report.endings import state_in_words
from diagnostics.report.folder import FolderReport, Row, cells, columns, folder_verdict
from diagnostics.report.labels import LABELS, counted
from diagnostics.report.markup import block, note, pill, text
from diagnostics.report.page import explain
from diagnostics.report.svg import MOST_POINTS, plot
from diagnostics.report.words import Lang, in_words
from diagnostics.run import Run
from diagnostics.run.refusal import said
from diagnostics.version import version

STYLE = Path(__file__).parent / "report.css"
# Escaping is the defence; this is the second one, should a piece of a run ever slip through it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
# A folder's report holds the curves of every run that has a finding: fewer points each keep a thousand runs readable.
POINTS_IN_FOLDER = 160


def page(title: str, head: str, content: str, lang: Lang, more_style: str = "") -> str:
    """A whole document around its header and content; `more_style` goes behind the reports' own style sheet."""
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(one_line(title))} · {text(LABELS[lang]['report'])} · TRL Clinic</title>\n"
        f"<style>\n{STYLE.read_text(encoding='utf-8')}{more_style}</style>\n</head>\n<body>\n<header>{head}</header>\n"
        f"<main>\n{content}\n</main>\n<footer>TRL Clinic {text(version())}</footer>\n</body>\n</html>\n"
    )


def facts(run: Run, lang: Lang) -> str:
    """What run this is: method, state, how much of it there is, and where it lies."""
    state = state_in_words(run, lang)
    return (
        f'<div class="facts"><span>{text(run.method or "?")}</span>{pill(state, run.status.state)}'
        f"<span>{text(counted(lang, 'points', run.points))}</span>"
        f"<span>{text(counted(lang, 'at_step', max(run.status.step, run.last_step)))}</span>"
        f'<code class="quiet">{text(run.path)}</code></div>'
    )


def verdict_html(diagnosis: Diagnosis, lang: Lang) -> str:
    """The verdict, set off where it is good."""
    says = verdict(diagnosis, lang)
    if diagnosis.findings or not diagnosis.judged:
        return f'<div class="verdict">{text(says)}</div>'
    return note(says, "good")


def section(run: Run, diagnosis: Diagnosis, lang: Lang, points: int) -> str:
    """What is said of a run below its name: its end, its findings with their curves, what was not looked at."""
    parts = []
    if run.status.reason:
        parts.append(note(said(run.status.reason, lang), "error" if run.status.state == "failed" else "plain"))
    if run.status.active:
        parts.append(note(LABELS[lang]["early"]))
    parts.append(block(LABELS[lang]["problems"], [said(one, lang) for one in run.problems]))
    parts += [finding_row(run, one, lang, points) for one in diagnosis.findings]
    parts.append(beside_html(diagnosis, lang))
    parts.append(unknown_html(run, diagnosis, lang))
    return "\n".join(part for part in parts if part)


def finding_row(run: Run, finding: Finding, lang: Lang, points: int) -> str:
    """One finding as a card, the whole curves that show it beside it."""
    curves = [
        plot(series, one.marks, lang, points)
        for one in finding.evidence
        if isinstance(one, SeriesEvidence) and (series := curve_of(run, one.tag)) is not None
    ]
    more = f'<p><a href="#rule-{text(finding.rule)}">{text(LABELS[lang]["about"])}</a></p>'
    card = finding_card(in_words(finding, lang), lang, foot=more)
    plots = f'<div class="plots">{"".join(curves)}</div>' if curves else ""
    return f'<article class="finding-row">{card}{plots}</article>'


def rule_pages(rules: Iterable[str], lang: Lang) -> str:
    """The pages of the rules that found something, once each."""
    pages = "".join(
        f'<details id="rule-{text(rule)}"><summary><code>{text(rule)}</code></summary><pre>{text(explain(rule, lang))}</pre></details>'
        for rule in dict.fromkeys(rules)
    )
    return f"<h2>{text(LABELS[lang]['rules'])}</h2>{pages}" if pages else ""


def report(run: Run, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """The report on one run as an HTML document."""
    head = f"<h1>{text(one_line(run.name))}</h1>{facts(run, lang)}{verdict_html(diagnosis, lang)}"
    content = section(run, diagnosis, lang, MOST_POINTS) + rule_pages((one.rule for one in diagnosis.findings), lang)
    return page(run.name, head, content, lang)


def part(run: Run, diagnosis: Diagnosis, lang: Lang) -> str:
    """What the report on a folder holds of one run: its section."""
    head = facts(run, lang) + verdict_html(diagnosis, lang)
    return head + section(run, diagnosis, lang, POINTS_IN_FOLDER)


def folder(report: FolderReport, lang: Lang) -> str:
    """The report on many runs: a table, worst first, then each run's section, folded."""
    head = (
        f"<h1>{text(one_line(report.path.name or report.path))}</h1>"
        f'<div class="facts"><code class="quiet">{text(report.path)}</code></div>'
        f'<div class="verdict">{text(folder_verdict(report, lang))}</div>'
    )
    titles = "".join(f"<th>{text(one)}</th>" for one in columns(lang))
    rows = "".join(table_row(row, n, lang) for n, row in enumerate(report.rows))
    sections = "\n".join(
        f'<details class="run" id="run-{n}"><summary>{text(one_line(row.name))} {worst_pill(row, lang)}</summary>{row.part}</details>'
        for n, row in enumerate(report.rows)
    )
    content = (
        f'<div class="scroll"><table class="runs"><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table></div>'
        f"{block(LABELS[lang]['unreadables'], [said(one.reason, lang) for one in report.unreadable])}\n{sections}\n"
        f"{rule_pages((rule for row in report.rows for rule, _ in row.findings), lang)}"
    )
    return page(report.path.name or str(report.path), head, content, lang)


def table_row(row: Row, n: int, lang: Lang) -> str:
    """One run as a row of the table, its name leading to its section."""
    name, method, state, points, _, _ = cells(row, lang)
    found = " ".join(pill(rule, severity) for rule, severity in row.findings)
    shown = (
        f'<a href="#run-{n}">{text(name)}</a>',
        text(method),
        pill(state, row.state),
        text(points),
        worst_pill(row, lang),
        found,
    )
    return "<tr>" + "".join(f"<td>{one}</td>" for one in shown) + "</tr>"


def worst_pill(row: Row, lang: Lang) -> str:
    """The gravest severity of a run as a label."""
    return pill(LABELS[lang][row.worst or "none"], row.worst or "none")
