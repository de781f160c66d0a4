"""A memory answer as Markdown, for a comment or a summary of a pipeline."""

from __future__ import annotations

from diagnostics.memory.answer import Answer
from diagnostics.report.as_markdown import cell, code, escaped, fenced, table
from diagnostics.report.common import config_value, one_line, shortened
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

SIGNS = {"fits": "✅", "tight": "⚠️", "too-large": "❌", "unknown": "⚪"}
BLOCKS = 10


def report(answer: Answer, lang: Lang = "en") -> str:
    """The whole answer: the verdict and the bill first."""
    whole = contents(answer, lang)
    label, common = LABELS[lang], COMMON[lang]
    colon = common["colon"]
    parts = [f"## {SIGNS[whole['verdict']]} {label['title']}{colon}{whole['method']} · {code(whole['model']['name'])}"]
    parts += [f"**{escaped(verdict(whole, lang))}**", escaped(peak_sentence(whole, lang))]
    parts.append(" · ".join(escaped(one) for one in asked_facts(whole, lang)))
    if whole["fallback"]:
        parts.append(f"> {escaped(label['fallback'].format(why=whole['fallback'].rstrip('.。')))}")
    if whole["crash"]:
        parts.append(f"### {label['crash']}")
        parts.append("\n".join(f"- {escaped(one)}" for one in crash_sentences(whole, lang)))
        parts.append(table([[label["crash_bill"], label["size"], "%"], *bill_table(whole["crash"]["bill"], lang)]))
    parts.append(table([[label["bill"], label["size"], "%"], *bill_table(whole["bill"], lang)]))
    if len(whole["phases"]) > 1:
        rows = [[phase_name(lang, phase), sized(size)] for phase, size in whole["phases"].items()]
        parts.append(table([[label["phases"], label["size"]], *rows]))
    if whole["largest"]:
        rows = [[cell(shortened(one)) for one in row] for row in block_table(whole, lang, BLOCKS)[1:]]
        parts += [f"### {label['largest']}", table([block_table(whole, lang, 0)[0], *rows])]
    if whole["shares"]:
        parts += [f"### {label['shares'].format(n=whole['processes'])}", table(shares_table(whole, lang))]
    parts += [f"### {label['host']}", table([["", label["size"], ""], *host_rows(whole, lang)])]
    if whole["fit"]:
        parts.append(f"### {label['fit']}")
        if says := fit_sentence(whole, lang):
            parts.append(escaped(says))
        for number, option in enumerate(whole["fit"]["options"], 1):
            parts.append(f"**{escaped(option_sentence(option, number, lang))}**")
            for step in option["steps"]:
                price = common["comma"].join([saving(step, lang), time_words(step["time"], lang)])
                parts.append(f"{escaped(step['title'])} {escaped(common['brackets'].format(price))}")
                lines = []
                for edit in step["edits"]:
                    path = one_line(edit["path"])
                    lines += [f"-{path}: {config_value(edit['from'])}"] if edit["from"] is not None else []
                    lines.append(f"+{path}: {config_value(edit['to'])}")
                parts.append(fenced(lines, "diff"))
        parts.append(escaped(searched(whole, lang)))
    if whole["notes"]:
        parts.append(f"**{label['assumed']}**\n\n" + "\n".join(f"- {escaped(one)}" for one in whole["notes"]))
    return "\n\n".join(parts) + "\n"
