"""A comparison as plain text: the verdict in sentences, then the table."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from diagnostics.compare.comparison import Comparison
from diagnostics.compare.report.words import (
    HEADINGS,
    cells,
    columns,
    effect_sentences,
    missing_sentences,
    part_name,
    settings_line,
    source_names,
    verdict_sentences,
)
from diagnostics.report.common import one_line
from diagnostics.report.words import Lang


def report(found: Comparison, lang: Lang = "en") -> str:
    """The comparison as text."""
    heading = HEADINGS[lang]
    parts = [f"{heading['comparison']}: {', '.join(source_names(found, lang))}", settings_line(found, lang), ""]
    parts += verdict_sentences(found, lang)
    parts += ["", heading["effects"], *(f"  {one}" for one in effect_sentences(found, lang))]
    if missing := missing_sentences(found, lang):
        parts += ["", heading["missing"], *(f"  {one}" for one in missing)]
    if pairs := found.pairs():
        rows = [cells(score, pair, lang) for score, pair in pairs]
        parts += ["", heading["pairs"].format(base=one_line(found.base)), *table([columns(lang), *rows])]
    rows = [
        (one_line(part_name(part.kind, part.value, lang)), *cells(one.score, pair, lang))
        for one in found.verdicts
        for part in one.slices
        for pair in part.pairs
    ]
    if rows:
        parts += ["", heading["slices"], *table([(heading["slice"], *columns(lang)), *rows])]
    return "\n".join(parts) + "\n"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows with their columns under each other."""
    widths = [max(width(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  " + "  ".join(one + " " * (wide - width(one)) for one, wide in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def width(text: str) -> int:
    """How many columns a terminal gives a text: two for a Chinese character."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
