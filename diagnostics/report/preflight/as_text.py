"""A pre-flight for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostics.finding import Diagnosis
from diagnostics.preflight.material import Material
from diagnostics.report.as_text import aligned, finding_text, wrapped
from diagnostics.report.common import one_line, visible
from diagnostics.report.labels import LABELS as COMMON
from diagnostics.report.preflight.contents import contents, findings_of
from diagnostics.report.preflight.labels import LABELS, counted
from diagnostics.report.preflight.sentences import (
    change_cells,
    data_sentence,
    length_sentences,
    reward_cells,
    verdict,
)
from diagnostics.report.words import Lang

BAR = 40  # characters of the longest bar
BARS = 12
SHOWN_TOKENS = 60
# How a token's kind is written round its text where there are no colours; what is trained on stands in brackets.
SIGNS = {"trained": ("[", "]"), "masked": ("", ""), "truncated": ("~", "~"), "padding": ("", "")}


def report(material: Material, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """The whole pre-flight as text: findings first, then what was seen."""
    whole = contents(material, diagnosis, lang)
    label, common = LABELS[lang], COMMON[lang]
    asked = [whole["method"] or "?", whole["model"] or "", whole["path"]]
    blocks = ["  ".join([label["title"], *(one_line(one) for one in asked if one)])]
    blocks.append(wrapped(verdict(whole, lang), ""))
    blocks += [finding_text(one, lang) for one in findings_of(whole)]
    blocks += data_blocks(whole, lang)
    if whole["rows"]:
        blocks.append("\n".join([label["seen"] + common["colon"] + legend(lang), *rows_text(whole, lang)]))
    if whole["rewards"]:
        says = label["rewards_help"].format(n=max(one["rows"] for one in whole["rewards"]))
        blocks.append(
            "\n".join([label["rewards"], wrapped(says, "  "), *aligned(reward_cells(whole["rewards"], lang), "  ")])
        )
    if whole["script"]:
        blocks.append(script_text(whole["script"], lang))
    unseen = [f"  {part:<20} {one_line(why)}" for part, why in whole["unseen"].items()]
    unseen += [f"  {one['rule']:<20} {one_line(one['reason'])}" for one in whole["not_checked"]]
    if unseen:
        blocks.append("\n".join([common["not_checked"], *unseen]))
    return "\n\n".join(blocks) + "\n"


def data_blocks(whole: Mapping[str, Any], lang: Lang) -> list[str]:
    """The data: its rows, and the lengths of each part as bars."""
    if not whole["data"]:
        return []
    label, colon = LABELS[lang], COMMON[lang]["colon"]
    lines = [f"{one_line(whole['data']['where'])}{colon}{data_sentence(whole['data'], lang)}"]
    if whole["evaluation"]:
        lines.append(f"{one_line(whole['evaluation']['where'])}{colon}{data_sentence(whole['evaluation'], lang)}")
    lines.append(f"{label['columns']}{colon}{one_line(', '.join(whole['data']['columns']))}")
    blocks = ["\n".join(wrapped(line, "") for line in lines)]
    for one in whole["lengths"]:
        head = f"{label['lengths']}{colon}{label['part_' + one['part']]}"
        said = [f"  {says}" for says in length_sentences(one, whole["max_length"], lang)]
        blocks.append("\n".join([head, *said, *bars(one)]))
    return blocks


def bars(one: Mapping[str, Any]) -> list[str]:
    """A histogram in characters: neighbouring bars of the picture are put together."""
    join = max(1, -(-len(one["counts"]) // BARS))
    counts = [sum(one["counts"][place : place + join]) for place in range(0, len(one["counts"]), join)]
    edges = one["edges"][::join]
    most = max(counts) or 1
    return [
        f"  {edge:>8,.0f} {'█' * round(BAR * count / most) or ('▏' if count else '')} {count:,}"
        for edge, count in zip(edges, counts, strict=False)
    ]


def legend(lang: Lang) -> str:
    """How the kinds of tokens are told apart in the rows below."""
    label = LABELS[lang]
    return COMMON[lang]["comma"].join([f"[{label['trained']}]", label["masked"], f"~{label['truncated']}~"])


def rows_text(whole: Mapping[str, Any], lang: Lang) -> list[str]:
    """A few rows as tokens, neighbours of one kind under one sign; padding is counted, not written."""
    label = LABELS[lang]
    lines = []
    for one in whole["rows"]:
        name = label["part_" + one["part"]]
        real = [token for token in one["tokens"] if token[1] != "padding"]
        head = f"  {label['row'].format(n=one['row'])} · {name} · {label['tokens'].format(n=len(real) + sum(count for _, count in one['left_out']))}"
        lines.append(head + (f" · {label['dropped']}" if one["dropped"] else ""))
        padding = sum(kind == "padding" for _, kind, _, _ in one["tokens"])
        parts: list[str] = []
        last = None
        for says, kind, _, _ in real[:SHOWN_TOKENS]:
            if kind != last:
                parts += [SIGNS[last][1] if last else "", SIGNS[kind][0]]
                last = kind
            parts.append(visible(says).replace("\n", "↵"))
        parts.append(SIGNS[last][1] if last else "")
        more = f" {label['more_tokens'].format(n=len(real) - SHOWN_TOKENS)}" if len(real) > SHOWN_TOKENS else ""
        pads = f" + {padding} {label['padding']}" if padding else ""
        lines.append("    " + "".join(parts) + more + pads)
    return lines


def script_text(script: Mapping[str, Any], lang: Lang) -> str:
    """The places of a script to change, and the diff."""
    label = LABELS[lang]
    era = f" ({label['script_era'].format(era=script['era'])})" if script["era"] else ""
    if not script["changes"]:
        return f"{label['script']} {one_line(script['path'])}{era}\n  {label['script_fine']}"
    lines = [f"{label['script']} {one_line(script['path'])}{era}{COMMON[lang]['colon']}"]
    lines[0] += counted(lang, "script_changes", len(script["changes"]))
    lines += aligned(change_cells(script, lang), "  ")
    lines += [f"  {visible(line)}" for line in script["diff"].splitlines()]
    lines += [f"  ! {one_line(one)}" for one in script["unread"]]
    return "\n".join(lines)
