"""A diagnosis as GitHub-flavoured Markdown: for a comment on a pull request, or the summary of a job.

What comes from a run cannot become markup, a link or a mention: short names stand in code spans, console lines in
fences longer than any run of backticks in them, and in sentences every character that Markdown knows is escaped.
"""

from __future__ import annotations

import re

from diagnostics.finding import Diagnosis, SeriesEvidence, TableEvidence, TextEvidence
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
from diagnostics.report.folder import FolderReport, Row, cells, columns, folder_verdict
from diagnostics.report.labels import LABELS, counted
from diagnostics.report.words import MISSING, FindingInWords, FixInWords, Lang, in_words, reason_in_words
from diagnostics.run import Run
from diagnostics.run.refusal import said

SIGNS: dict[str | None, str] = {"error": "❌", "warning": "⚠️", "info": "ℹ️", None: "✅"}
UNJUDGED = "⚪"
# GitHub drops a job summary of more than 1 MiB whole. The rest is for what else a job writes there.
LIMIT_KB = 900

MARKS = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
# A line that begins so would be a heading, a list, a quotation or a rule.
LEADING = re.compile(r"^(\d*)(?=[#+=.)-])")
ADDRESS = re.compile(r"(?i)\b(https?|ftp|mailto|xmpp):|\bwww\.")
# @name calls a person, #12 links an issue: an unseen space within keeps GitHub from it.
CALL = re.compile(r"@(?=\w)|#(?=\d)")


def escaped(text: object) -> str:
    """A text, on one line, as Markdown that shows it as it is."""
    line = one_line(text).replace("&", "&amp;")
    line = MARKS.sub(r"\\\g<0>", line.replace("<", "&lt;").replace(">", "&gt;"))
    line = ADDRESS.sub(lambda found: found[0][:-1] + "\\" + found[0][-1], line)
    line = CALL.sub(lambda found: found[0] + "\u200b", line)
    return LEADING.sub(r"\1\\", line)


def code(text: object) -> str:
    """A text, on one line, as a code span."""
    line = one_line(text) or " "
    fence = "`" * (longest(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(text: object) -> str:
    """A text as a code span in a table, which is cut at pipes before code spans are seen: each takes a backslash."""
    return code(text).replace("|", "\\|")


def fenced(lines: list[str], language: str = "") -> str:
    """Lines as a code block."""
    shown = [visible(line) for line in lines]
    fence = "`" * max(3, longest("\n".join(shown)) + 1)
    return "\n".join([fence + language, *shown, fence])


def longest(text: str) -> int:
    """The length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)


def table(rows: list[list[str]]) -> str:
    """Rows of cells as a table, the first its head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{'---|' * len(rows[0])}", *lines[1:]])


def folded(summary: str, body: str) -> str:
    """A part that opens at a click. The summary is HTML."""
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def finding_section(finding: FindingInWords, lang: Lang, *, heading: bool = True) -> str:
    """One finding: what, how it is seen, why it matters, the causes, what to change, when it may be wrong."""
    label = LABELS[lang]
    colon = label["colon"]
    parts = [f"### {SIGNS[finding.severity]} {escaped(finding.title)} ({code(finding.rule)})"] if heading else []
    parts.append(escaped(finding.summary))
    for group in grouped(finding.evidence):
        if isinstance(group, TextEvidence):
            parts += [code(group.file), fenced(list(group.lines), "text")]
        elif isinstance(group, TableEvidence):
            rows = [[cell(shortened(one)) for one in row] for row in (group.head, *group.rows)]
            parts += [escaped(group.title), table(rows)]
        else:
            parts.append(rows_table(group, lang))
    parts.append(f"**{label['why']}**{colon}{escaped(finding.why)}")
    if finding.causes:
        parts.append(f"**{label['causes']}**")
        parts.append("\n".join(f"{n}. {escaped(cause)}" for n, cause in enumerate(finding.causes, 1)))
    if finding.fixes:
        parts.append(f"**{label['fixes']}**")
        parts += [fix_section(fix, lang) for fix in finding.fixes]
    parts.append(f"**{label['wrong_if']}**{colon}{escaped(finding.wrong_if)}")
    if finding.explains:
        parts.append(f"**{label['explains']}**{colon}{', '.join(code(rule) for rule in finding.explains)}")
    return "\n\n".join(parts)


def rows_table(group: list[SeriesEvidence], lang: Lang) -> str:
    """The rows of series that show the same steps, the marked ones bold."""
    marks = group[0].marks

    def bold(step: int, says: str) -> str:
        return f"**{says}**" if step in marks else says

    head = [LABELS[lang]["step"], *(bold(step, str(step)) for step, _ in group[0].rows)]
    return table([head, *([cell(one.tag), *(bold(step, number(value)) for step, value in one.rows)] for one in group)])


def fix_section(fix: FixInWords, lang: Lang) -> str:
    """One fix, its changes of the config as a diff."""
    label = LABELS[lang]
    title = f"{escaped(fix.title)} {label['brackets'].format(label[fix.safety])}"
    if not fix.edits:
        return title
    lines = []
    for edit in fix.edits:
        path = one_line(edit.path)
        lines += [f"-{path}: {config_value(edit.old)}"] if edit.old is not None else []
        lines.append(f"+{path}: {config_value(edit.new)}")
    return f"{title}\n\n{fenced(lines, 'diff')}"


def body(run: Run, diagnosis: Diagnosis, lang: Lang) -> list[str]:
    """What is said of a run below its headline."""
    label = LABELS[lang]
    colon = label["colon"]
    state = state_in_words(run, lang)
    facts = [escaped(run.method or "?"), escaped(state), counted(lang, "points", run.points)]
    parts = [" · ".join([*facts, code(run.path)])]
    if run.status.reason:
        parts.append(f"> {escaped(said(run.status.reason, lang))}")
    if run.status.active:
        parts.append(f"> {label['early']}")
    if run.problems:
        problems = "\n".join(f"- {escaped(said(problem, lang))}" for problem in run.problems)
        parts.append(f"**{label['problems']}**\n\n{problems}")
    findings = [in_words(one, lang) for one in diagnosis.findings]
    if findings:
        head = [label["severity"], label["finding"], label["rule"], label["since"], label["confidence_name"]]
        rows = [
            [
                f"{SIGNS[one.severity]} {label[one.severity]}",
                escaped(one.title),
                cell(one.rule),
                str(one.first_step),
                f"{one.confidence:.0%}",
            ]
            for one in findings
        ]
        parts.append(table([head, *rows]))
    parts += [finding_section(one, lang) for one in findings]
    parts += beside(diagnosis, lang)
    unknown = [f"- {code(one.rule)}{colon}{escaped(reason_in_words(one, lang))}" for one in diagnosis.not_checked]
    if unknown:
        parts.append(folded(f"{label['not_checked']}{colon}{len(unknown)}", "\n".join(unknown)))
    if run.missing:
        missing = "\n".join(f"- {escaped(MISSING[lang][part])}" for part in run.missing)
        parts.append(folded(label["missing"], missing))
    return parts


def celled(rows: list[list[str]]) -> list[str]:
    """Rows as a table whose cells come from a run; nothing of no rows."""
    return [table([rows[0], *([cell(one) for one in row] for row in rows[1:])])] if rows else []


def beside(diagnosis: Diagnosis, lang: Lang) -> list[str]:
    """Which checkpoint to keep, and where the run parted from another."""
    parts = [escaped(one) for one in keep_sentences(diagnosis.keep, lang)]
    if (both := diagnosis.against) is not None:
        parts.append(f"### {escaped(AGAINST[lang]['title'].format(right=both.right))}")
        parts += [escaped(one) for one in against_sentences(both, lang)]
        parts += celled(parting_rows(both, lang))
        parts.append(f"**{escaped(config_sentence(both, lang))}**")
        parts += celled(config_rows(both, lang))
    return parts


def report(run: Run, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """The report on one run as Markdown."""
    worst = diagnosis.findings[0].severity if diagnosis.findings else None
    sign = SIGNS[worst] if worst or diagnosis.judged else UNJUDGED
    headline = f"## {sign} {code(run.name)}{LABELS[lang]['colon']}{verdict(diagnosis, lang)}"
    return "\n\n".join([headline, *body(run, diagnosis, lang)]) + "\n"


def part(run: Run, diagnosis: Diagnosis, lang: Lang) -> str:
    """What the report on a folder holds of one run: its section."""
    return "\n\n".join(body(run, diagnosis, lang))


def folder(report: FolderReport, lang: Lang) -> str:
    """The report on many runs: a table, worst first, then a section a run, as far as GitHub will show them."""
    label = LABELS[lang]
    worst = report.rows[0].worst if report.rows else None
    parts = [f"## {SIGNS[worst]} {code(report.path)}{label['colon']}{folder_verdict(report, lang)}"]
    parts.append(table([columns(lang), *(table_row(row, lang) for row in report.rows)]))
    if report.unreadable:
        parts.append(f"**{label['unreadables']}**")
        parts.append("\n".join(f"- {escaped(said(one.reason, lang))}" for one in report.unreadable))
    size = sum(len(part.encode("utf-8", "replace")) for part in parts)
    for place, row in enumerate(report.rows):
        section = folded(summary(row, lang), row.part)
        size += len(section.encode("utf-8", "replace")) + 2
        if size > LIMIT_KB * 1024:
            parts.append(f"**{counted(lang, 'left_out', len(report.rows) - place, limit=LIMIT_KB)}**")
            break
        parts.append(section)
    return "\n\n".join(parts) + "\n"


def table_row(row: Row, lang: Lang) -> list[str]:
    """One run as a row of the table."""
    _, method, state, points, worst, _ = cells(row, lang)
    rules = ", ".join(cell(rule) for rule, _ in row.findings)
    return [cell(row.name), escaped(method), escaped(state), points, f"{SIGNS[row.worst]} {worst}", rules]


def summary(row: Row, lang: Lang) -> str:
    """The line of a folded section. In HTML, where Markdown does not look at what stands in it as code."""
    name = re.sub(r"[^\w /.-]", lambda found: f"&#{ord(found[0])};", one_line(row.name))
    return f"{SIGNS[row.worst]} <code>{name}</code>"
