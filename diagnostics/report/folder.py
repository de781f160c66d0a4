"""The report on a folder of many runs before it is put into a format: a row a run, worst first."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from diagnostics.finding import SEVERITIES, Diagnosis, Severity
from diagnostics.report.common import one_line, worst
from diagnostics.report.labels import LABELS, STATES, counted
from diagnostics.report.words import Lang
from diagnostics.run import Run


@dataclass(frozen=True)
class Row:
    """What a table says of one run. `part` is what the format shows of it besides, already in words.

    Made where the run was judged, often in another process: the run with its curves stays there.
    """

    name: str
    method: str | None
    state: str
    points: int
    findings: tuple[tuple[str, Severity], ...]
    part: str = ""

    @property
    def worst(self) -> Severity | None:
        """The gravest severity found, None if nothing was."""
        return worst(severity for _, severity in self.findings)


@dataclass(frozen=True)
class Unreadable:
    """A run that could not be read, and the sentence that says why."""

    path: str
    reason: str


@dataclass(frozen=True)
class FolderReport:
    """All runs of a folder, worst first, and those that could not be read."""

    path: Path
    rows: tuple[Row, ...]
    unreadable: tuple[Unreadable, ...] = ()


def row_of(run: Run, diagnosis: Diagnosis, part: str) -> Row:
    """The row of one run."""
    return Row(
        run.name,
        run.method,
        run.status.state,
        run.points,
        tuple((one.rule, one.severity) for one in diagnosis.findings),
        part,
    )


def natural(name: str) -> list[tuple[int, int | str]]:
    """A key that sorts `run-2` before `run-10`."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name) if part]


def worst_first(row: Row) -> tuple:
    """A key: the gravest severity first, then how many findings of it, then the name."""
    severity = row.worst
    if severity is None:
        return (len(SEVERITIES), 0, natural(row.name))
    return (SEVERITIES.index(severity), -sum(one == severity for _, one in row.findings), natural(row.name))


def folder_verdict(report: FolderReport, lang: Lang) -> str:
    """The whole folder in a line: how many runs, and the worst that was found in how many of them."""
    label = LABELS[lang]
    counts = Counter(row.worst for row in report.rows)
    parts = [label[f"with_{one}s"].format(n=f"{counts[one]:,}") for one in SEVERITIES if counts[one]]
    if counts[None]:
        parts.append(label["with_none"].format(n=f"{counts[None]:,}"))
    if report.unreadable:
        parts.append(label["unreadable"].format(n=f"{len(report.unreadable):,}"))
    whole = counted(lang, "runs", len(report.rows) + len(report.unreadable))
    return whole + label["colon"] + label["comma"].join(parts)


def columns(lang: Lang) -> list[str]:
    """The headings of the table."""
    return [LABELS[lang][key] for key in ("run", "method", "state", "rows", "worst", "findings")]


def cells(row: Row, lang: Lang) -> list[str]:
    """One row of the table as plain text."""
    return [
        one_line(row.name),
        one_line(row.method or "?"),
        STATES[lang].get(row.state, row.state),
        str(row.points),
        LABELS[lang][row.worst or "none"],
        ", ".join(rule for rule, _ in row.findings),
    ]
