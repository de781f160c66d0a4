"""A diagnosis for a terminal."""

from __future__ import annotations

import textwrap
import unicodedata

from diagnostics.finding import Diagnosis, Edit, SeriesEvidence, TableEvidence, TextEvidence
from diagnostics.report.beside import (
    AGAINST,
    against_sentences,
    config_rows,
    config_sentence,
    keep_sentences,
    parting_rows,
)
from diagnostics.report.common import config_value, grouped, number, one_line, shortened, verdict, visible
from diagnostics.report.endings import state_in_words
from diagnostics.report.folder import FolderReport, cells, columns, folder_verdict
from diagnostics.report.labels import LABELS, counted, when
from diagnostics.report.words import FindingInWords, Lang, in_words, reason_in_words
from diagnostics.run import Run
from diagnostics.run.refusal import said

WIDTH = 100


def edit_text(edit: Edit) -> str:
    """A config change on one line."""
    return f"{one_line(edit.path)}: {config_value(edit.old)} -> {config_value(edit.new)}"


def wrapped(text: str, indent: str) -> str:
    """Text folded at the width of a terminal; Chinese is left to the terminal."""
    text = one_line(text)
    if not text.isascii():
        return indent + text
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def finding_text(finding: FindingInWords, lang: Lang) -> str:
    """One finding as a block of text."""
    label = LABELS[lang]
    colon = label["colon"]
    where = when(lang, finding.first_step, finding.last_step)
    sure = label["confidence"].format(value=finding.confidence)
    lines = [
        f"{label[finding.severity].upper()} {finding.rule}  {label['brackets'].format(where + label['comma'] + sure)}",
        wrapped(f"{finding.title}{label['stop']}{finding.summary}", "  "),
    ]
    for group in grouped(finding.evidence):
        if isinstance(group, TextEvidence):
            lines += [f"      {one_line(group.file)}", *(f"      | {visible(line)[:WIDTH]}" for line in group.lines)]
        elif isinstance(group, TableEvidence):
            lines += table_text(group)
        else:
            lines += rows_text(group, lang)
    lines.append(wrapped(f"{label['why']}{colon}{finding.why}", "  "))
    for cause in finding.causes:
        lines.append(wrapped(f"{label['cause']}{colon}{cause}", "  "))
    for fix in finding.fixes:
        lines.append(wrapped(f"{label['fix']} {label['brackets'].format(label[fix.safety])}{colon}{fix.title}", "  "))
        lines += [f"      {edit_text(edit)}" for edit in fix.edits]
    lines.append(wrapped(f"{label['wrong_if']}{colon}{finding.wrong_if}", "  "))
    if finding.explains:
        lines.append(f"  {label['explains']}{colon}{', '.join(finding.explains)}")
    lines.append(f"  {label['more']}{colon}python -m diagnostics explain {finding.rule}")
    return "\n".join(lines)


def table_text(one: TableEvidence) -> list[str]:
    """A table: each row's cells below each other where they are long, else beside each other."""
    rows = [[shortened(cell) for cell in row] for row in (one.head, *one.rows)]
    if sum(max(columns_of(row[place]) for row in rows) + 2 for place in range(len(one.head))) <= WIDTH:
        return [f"      {one_line(one.title)}", *aligned(rows, "      ")]
    lines = [f"      {one_line(one.title)}"]
    for row in rows[1:]:
        lines += [f"      | {head}: {cell}" for head, cell in zip(rows[0], row, strict=True)]
        lines.append("      |")
    return lines[:-1] if one.rows else lines


def rows_text(group: list[SeriesEvidence], lang: Lang) -> list[str]:
    """The rows of series that show the same steps, below each other, the marked steps with a star."""
    steps = [f"{step}{'*' if step in group[0].marks else ''}" for step, _ in group[0].rows]
    table = [[LABELS[lang]["step"], *steps]]
    table += [[one_line(one.tag), *(number(value) for _, value in one.rows)] for one in group]
    width = 2 + max(7, *(len(cell) for row in table for cell in row[1:]))
    name = max(18, *(columns_of(row[0]) for row in table))
    return [
        "      " + " " * (name - columns_of(row[0])) + row[0] + "".join(f"{cell:>{width}}" for cell in row[1:])
        for row in table
    ]


def report(run: Run, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """The whole report as text."""
    label = LABELS[lang]
    state = state_in_words(run, lang)
    lines = [f"{one_line(run.path)}  {one_line(run.method or '?')}  {state}  {counted(lang, 'points', run.points)}"]
    if run.status.reason:
        lines.append(one_line(said(run.status.reason, lang)))
    if run.status.active:
        lines.append(label["early"])
    blocks = ["\n".join(lines)]
    if run.problems:
        blocks.append("\n".join(f"! {one_line(said(problem, lang))}" for problem in run.problems))
    blocks += [finding_text(in_words(one, lang), lang) for one in diagnosis.findings]
    if not diagnosis.findings:
        blocks.append(verdict(diagnosis, lang))
    blocks += beside(diagnosis, lang)
    if diagnosis.not_checked:
        rows = [f"  {one.rule:<20} {one_line(reason_in_words(one, lang))}" for one in diagnosis.not_checked]
        blocks.append("\n".join([label["not_checked"], *rows]))
    return "\n\n".join(blocks) + "\n"


def beside(diagnosis: Diagnosis, lang: Lang) -> list[str]:
    """Which checkpoint to keep, and where the run parted from another, a block each."""
    blocks = []
    if kept := keep_sentences(diagnosis.keep, lang):
        blocks.append("\n".join(wrapped(one, "") for one in kept))
    if (both := diagnosis.against) is not None:
        lines = [AGAINST[lang]["title"].format(right=one_line(both.right))]
        lines += [wrapped(one, "  ") for one in against_sentences(both, lang)]
        lines += aligned(parting_rows(both, lang), "    ")
        lines.append(f"  {config_sentence(both, lang)}")
        lines += aligned(config_rows(both, lang), "    ")
        blocks.append("\n".join(lines))
    return blocks


def aligned(table: list[list[str]], indent: str) -> list[str]:
    """Rows of cells as lines with aligned columns."""
    if not table:
        return []
    widths = [max(columns_of(one_line(cell)) for cell in column) for column in zip(*table, strict=True)]
    return [
        indent
        + "  ".join(
            one_line(cell) + " " * (width - columns_of(one_line(cell))) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in table
    ]


def part(run: Run, diagnosis: Diagnosis, lang: Lang) -> str:
    """What the text on a folder holds of one run besides its row: nothing."""
    return ""


def folder(report: FolderReport, lang: Lang) -> str:
    """The report on many runs: a table, worst first, and what could not be read."""
    label = LABELS[lang]
    table = [columns(lang), *(cells(row, lang) for row in report.rows)]
    lines = aligned(table, "")
    blocks = [f"{one_line(report.path)}  {folder_verdict(report, lang)}", "\n".join(lines)]
    if report.unreadable:
        rows = [f"! {one_line(said(one.reason, lang))}" for one in report.unreadable]
        blocks.append("\n".join([label["unreadables"], *rows]))
    blocks.append(f"{label['one_of_them']}{label['colon']}python -m diagnostics check {one_line(report.path)}/RUN")
    return "\n\n".join(blocks) + "\n"


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes: Chinese characters take two each, accents set on a letter none."""
    return sum(
        0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in ("W", "F")) for one in text
    )
