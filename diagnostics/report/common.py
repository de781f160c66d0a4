"""What all reports write alike: numbers, config values, the verdict, text of a run made harmless to look at."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from diagnostics.finding import SEVERITIES, Diagnosis, Evidence, SeriesEvidence, Severity, TableEvidence, TextEvidence
from diagnostics.report.labels import LABELS, counted
from diagnostics.report.words import Lang

DASH = "–"  # what was not set
CELL = 160  # characters of a cell that are shown
# Colours and cursor movements of a terminal: noise in a report, and in a terminal they could rewrite it.
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# Control characters but tab and newline; the bidirectional ones, with which a line can show something else than it
# says; line separators; halves of surrogate pairs, which no file can hold.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def visible(value: object) -> str:
    """Text of a run with nothing hidden in it: terminal colours dropped, other unseen characters written as escapes."""
    return UNSEEN.sub(
        lambda found: found[0].encode("unicode_escape", "surrogatepass").decode("ascii"), ANSI.sub("", str(value))
    )


def one_line(value: object) -> str:
    """Text of a run on one line, with nothing hidden in it."""
    return " ".join(visible(value).split())


def number(value: float) -> str:
    """A logged value as a short column entry; NaN and infinity by name."""
    return f"{value:.4g}"


def config_value(value: Any) -> str:
    """A value of a config as JSON, which YAML reads too; a text as it is, a dash for one that was not set."""
    if value is None:
        return DASH
    return one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def grouped(evidence: Iterable[Evidence]) -> list[list[SeriesEvidence] | TextEvidence | TableEvidence]:
    """Evidence in its order, neighbouring series that show the same steps put together: they read as one table."""
    groups: list[list[SeriesEvidence] | TextEvidence | TableEvidence] = []
    for one in evidence:
        if not isinstance(one, SeriesEvidence):
            groups.append(one)
            continue
        last = groups[-1] if groups else None
        if isinstance(last, list) and shown_steps(last[0]) == shown_steps(one):
            last.append(one)
        elif one.rows:
            groups.append([one])
    return groups


def shortened(cell: str) -> str:
    """A cell of a table on one line, its end left out where it is long."""
    line = one_line(cell)
    return line if len(line) <= CELL else line[: CELL - 1] + "…"


def shown_steps(one: SeriesEvidence) -> tuple[list[int], tuple[int, ...]]:
    """The steps of the rows of a series, and those of them that are marked."""
    return [step for step, _ in one.rows], one.marks


def worst(severities: Iterable[Severity]) -> Severity | None:
    """The gravest of some severities, None of none."""
    return min(severities, key=SEVERITIES.index, default=None)


def verdict(diagnosis: Diagnosis, lang: Lang) -> str:
    """The diagnosis in a few words: how many findings of each severity, or by how many rules nothing was found."""
    if not diagnosis.findings:
        count = diagnosis.judged
        return counted(lang, "nothing", count) if count else LABELS[lang]["unjudged"]
    return tally(Counter(one.severity for one in diagnosis.findings), lang)


def tally(counts: Counter[Severity], lang: Lang) -> str:
    """Numbers of findings by severity, gravest first."""
    return LABELS[lang]["comma"].join(counted(lang, f"{one}s", counts[one]) for one in SEVERITIES if counts[one])
