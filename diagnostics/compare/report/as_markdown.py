"""A comparison as Markdown, for a pull request or a model card."""

from __future__ import annotations

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
from diagnostics.report.as_markdown import escaped, table
from diagnostics.report.common import one_line
from diagnostics.report.words import Lang


def report(found: Comparison, lang: Lang = "en") -> str:
    """The comparison as Markdown."""
    heading = HEADINGS[lang]
    names = ", ".join(escaped(one) for one in source_names(found, lang))
    parts = [
        f"# {heading['comparison']}: {names}",
        escaped(settings_line(found, lang)),
        listed(verdict_sentences(found, lang)),
    ]
    parts += [f"## {heading['effects']}", listed(effect_sentences(found, lang))]
    if missing := missing_sentences(found, lang):
        parts += [f"## {heading['missing']}", listed(missing)]
    if pairs := found.pairs():
        rows = [row_of(cells(score, pair, lang)) for score, pair in pairs]
        parts += [
            f"## {heading['pairs'].format(base=escaped(one_line(found.base)))}",
            table([list(columns(lang)), *rows]),
        ]
    rows = [
        row_of([part_name(part.kind, part.value, lang), *cells(one.score, pair, lang)])
        for one in found.verdicts
        for part in one.slices
        for pair in part.pairs
    ]
    if rows:
        parts += [f"## {heading['slices']}", table([[heading["slice"], *columns(lang)], *rows])]
    return "\n\n".join(parts) + "\n"


def listed(sentences: Sequence[str]) -> str:
    """Sentences as a list."""
    return "\n".join(f"- {escaped(one)}" for one in sentences)


def row_of(texts: Sequence[str]) -> list[str]:
    """Texts as the cells of a table."""
    return [escaped(one) for one in texts]
