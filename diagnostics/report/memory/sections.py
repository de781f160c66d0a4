"""The sections of a memory report as HTML, from its object: the report and the dashboard's page show the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostics.finding import Edit
from diagnostics.report.card import cells_html, fix_html
from diagnostics.report.common import shortened
from diagnostics.report.labels import LABELS as COMMON
from diagnostics.report.markup import block, note, pill, text
from diagnostics.report.memory.contents import sized
from diagnostics.report.memory.labels import LABELS, phase_name
from diagnostics.report.memory.pictures import bill_bar, timeline
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
from diagnostics.report.words import FixInWords, Lang

KINDS = {"fits": "good", "tight": "warning", "too-large": "error", "unknown": "plain"}
BLOCKS = 25


def facts_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """What was asked: method, model, batch, length."""
    parts = [pill(whole["method"], "info"), f"<code>{text(whole['model']['name'])}</code>"]
    parts.append(f"<span>{whole['model']['parameters'] / 1e9:.2f}B</span>")
    parts += [f'<span class="quiet">{text(one)}</span>' for one in asked_facts(whole, lang)]
    return f'<div class="facts">{"".join(parts)}</div>'


def verdict_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """Whether it fits, set off by how grave it is, and how sure that is."""
    parts = [note(verdict(whole, lang), KINDS[whole["verdict"]])]
    parts.append(f'<p class="quiet">{text(peak_sentence(whole, lang))}</p>')
    if whole["fallback"]:
        parts.append(note(LABELS[lang]["fallback"].format(why=whole["fallback"].rstrip(".。")), "warning"))
    return f'<div class="memory-verdict">{"".join(parts)}</div>'


def crash_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """What happened to a run that ran out of memory; nothing for one that did not."""
    if not whole["crash"]:
        return ""
    label, crash = LABELS[lang], whole["crash"]
    said = "".join(f"<p>{text(one)}</p>" for one in crash_sentences(whole, lang))
    device = crash["sizes"].get("total")
    return (
        f"<h2>{text(label['crash'])}</h2>{said}"
        f'<div class="label">{text(label["crash_bill"])}</div>{bill_picture(crash["bill"], device, lang)}'
    )


def bill_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """The bill as a bar and as a table, and the timeline beside it."""
    label = LABELS[lang]
    device = whole["device"]["bytes"] if whole["device"] else None
    bill = f"<div><h2>{text(label['bill'])}</h2>{bill_picture(whole['bill'], device, lang)}</div>"
    beside = timeline(whole, lang)
    if len(whole["phases"]) > 1:
        rows = [[phase_name(lang, phase), sized(size)] for phase, size in whole["phases"].items()]
        beside += f'<div class="label">{text(label["phases"])}</div>{plain_table(rows)}'
    return f'<div class="memory-bill">{bill}<div>{beside}</div></div>'


def bill_picture(rows: list[Mapping[str, Any]], device: float | None, lang: Lang) -> str:
    """A bill as a bar with its lines named below."""
    lines = "".join(
        f'<tr><td><span class="key bill-{text(row["line"])}"></span>{text(cells[0])}</td>'
        f"<td>{text(cells[1])}</td><td>{text(cells[2])}</td></tr>"
        for row, cells in zip(rows, bill_table(rows, lang), strict=True)
    )
    return f'{bill_bar(rows, int(device) if device else None, lang)}<table class="bill">{lines}</table>'


def plain_table(rows: list[list[str]]) -> str:
    """Rows of cells without a head."""
    body = "".join(f"<tr>{''.join(f'<td>{text(one)}</td>' for one in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table class="bill">{body}</table></div>'


def largest_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """The largest blocks at the peak, folded."""
    if not whole["largest"]:
        return ""
    rows = [[shortened(one) for one in row] for row in block_table(whole, lang, BLOCKS)]
    title = text(LABELS[lang]["largest"])
    return f"<details><summary>{title}</summary>{cells_html(rows)}</details>"


def shares_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """One device's share under each strategy; nothing for one device."""
    if not whole["shares"]:
        return ""
    title = LABELS[lang]["shares"].format(n=whole["processes"])
    return f"<h2>{text(title)}</h2>{cells_html(shares_table(whole, lang))}"


def host_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """The host's side."""
    return f"<h2>{text(LABELS[lang]['host'])}</h2>{plain_table(host_rows(whole, lang))}"


def fit_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """The ways to fit, each with its steps; nothing where no device was named."""
    if not whole["fit"]:
        return ""
    label, comma = LABELS[lang], COMMON[lang]["comma"]
    parts = [f"<h2>{text(label['fit'])}</h2>"]
    if says := fit_sentence(whole, lang):
        parts.append(note(says, "good" if whole["verdict"] == "fits" else "error"))
    for number, option in enumerate(whole["fit"]["options"], 1):
        steps = ""
        for step in option["steps"]:
            edits = tuple(Edit(edit["path"], edit["from"], edit["to"]) for edit in step["edits"])
            price = comma.join([saving(step, lang), time_words(step["time"], lang)])
            below = f'<div class="quiet">{text(price)}</div>'
            steps += fix_html(FixInWords(step["title"], step["safety"], edits), lang, below)
        head = f'<div class="label">{text(option_sentence(option, number, lang))}</div>'
        parts.append(f'<article class="option">{head}{steps}</article>')
    parts.append(f'<p class="quiet">{text(searched(whole, lang))}</p>')
    return "".join(parts)


def notes_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """What was assumed."""
    return block(LABELS[lang]["assumed"], list(whole["notes"]))
