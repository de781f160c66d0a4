"""A memory answer for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostics.memory.answer import Answer
from diagnostics.report.as_text import aligned, columns_of, wrapped
from diagnostics.report.common import config_value, one_line
from diagnostics.report.labels import LABELS as COMMON
from diagnostics.report.memory.contents import contents, sized
from diagnostics.report.memory.labels import LABELS, phase_name
from diagnostics.report.memory.sentences import (
    asked_facts,
    bill_table,
    block_table,
    crash_sentences,
    fit_sentence,
    host_rows,
    option_sentence,
    peak_sentence,
    saving,
    searched,
    shares_table,
    time_words,
    verdict,
)
from diagnostics.report.words import Lang

BAR = 40  # characters of the longest bar
BLOCKS = 6


def report(answer: Answer, lang: Lang = "en") -> str:
    """The whole answer as text: the verdict, the bill, then the rest."""
    whole = contents(answer, lang)
    label, common = LABELS[lang], COMMON[lang]
    parameters = f"{whole['model']['parameters'] / 1e9:.2f}B"
    head = "  ".join([label["title"], whole["method"], f"{one_line(whole['model']['name'])} {parameters}"])
    blocks = [f"{head}\n{common['comma'].join(asked_facts(whole, lang))}"]
    blocks.append("\n".join([wrapped(verdict(whole, lang), ""), wrapped(peak_sentence(whole, lang), "  ")]))
    if whole["fallback"]:
        blocks.append(wrapped(label["fallback"].format(why=whole["fallback"].rstrip(".。")), ""))
    if whole["crash"]:
        lines = [label["crash"], *(wrapped(one, "  ") for one in crash_sentences(whole, lang))]
        lines += bars(whole["crash"]["bill"], lang)
        blocks.append("\n".join(lines))
    blocks.append("\n".join([label["bill"], *bars(whole["bill"], lang)]))
    if len(whole["phases"]) > 1:
        rows = [[phase_name(lang, phase), sized(size)] for phase, size in whole["phases"].items()]
        blocks.append("\n".join([label["phases"], *aligned(rows, "  ")]))
    if whole["largest"]:
        blocks.append("\n".join([label["largest"], *aligned(block_table(whole, lang, BLOCKS), "  ")]))
    if whole["shares"]:
        said = label["shares"].format(n=whole["processes"])
        blocks.append("\n".join([said, *aligned(shares_table(whole, lang), "  ")]))
    blocks.append("\n".join([label["host"], *aligned(host_rows(whole, lang), "  ")]))
    if whole["fit"]:
        blocks.append(fit_text(whole, lang))
    if whole["notes"]:
        blocks.append("\n".join([label["assumed"], *(wrapped(one_line(one), "  ") for one in whole["notes"])]))
    return "\n\n".join(blocks) + "\n"


def bars(rows: list[Mapping[str, Any]], lang: Lang) -> list[str]:
    """A bill as bars."""
    most = max((row["bytes"] for row in rows), default=1) or 1
    cells = bill_table(rows, lang)
    wide = max((columns_of(row[0]) for row in cells), default=0)
    return [
        f"  {name}{' ' * (wide - columns_of(name))} {size:>11} {share:>5} {'█' * round(BAR * row['bytes'] / most) or '▏'}"
        for (name, size, share), row in zip(cells, rows, strict=True)
    ]


def fit_text(whole: Mapping[str, Any], lang: Lang) -> str:
    """The ways to fit, each with its steps and their edits."""
    label, common = LABELS[lang], COMMON[lang]
    lines = [label["fit"]]
    if says := fit_sentence(whole, lang):
        lines.append(wrapped(says, "  "))
    for number, option in enumerate(whole["fit"]["options"], 1):
        lines.append(wrapped(option_sentence(option, number, lang), "  "))
        for step in option["steps"]:
            price = common["comma"].join([saving(step, lang), time_words(step["time"], lang)])
            lines.append(wrapped(f"{step['title']} {common['brackets'].format(price)}", "    "))
            lines += [
                f"      {edit['path']}: {config_value(edit['from'])} -> {config_value(edit['to'])}"
                for edit in step["edits"]
            ]
    lines.append(f"  {searched(whole, lang)}")
    return "\n".join(lines)
