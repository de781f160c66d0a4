"""The sections of a pre-flight as HTML, from its object: the report and the dashboard's page show the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostics.report.card import cells_html
from diagnostics.report.common import visible
from diagnostics.report.labels import LABELS as COMMON
from diagnostics.report.markup import block, note, pill, text
from diagnostics.report.preflight.histogram import histogram
from diagnostics.report.preflight.labels import LABELS, counted
from diagnostics.report.preflight.sentences import (
    change_cells,
    data_sentence,
    length_sentences,
    reward_cells,
    verdict,
)
from diagnostics.report.preflight.token_view import rows_html
from diagnostics.report.words import Lang


def verdict_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """Whether to start, set off by how grave it is."""
    severities = {one["severity"] for one in whole["findings"]}
    kind = "error" if "error" in severities else "warning" if "warning" in severities else "good"
    return f'<div class="preflight-verdict">{note(verdict(whole, lang), kind)}</div>'


def facts_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """What was looked at: method, model, data."""
    label, colon = LABELS[lang], COMMON[lang]["colon"]
    parts = [pill(whole["method"], "info")] if whole["method"] else []
    parts += [f"<code>{text(whole['model'])}</code>"] if whole["model"] else []
    for name in ("data", "evaluation"):
        if one := whole[name]:
            parts.append(f"<span><code>{text(one['where'])}</code> {text(data_sentence(one, lang))}</span>")
    if whole["data"]:
        columns = COMMON[lang]["comma"].join(whole["data"]["columns"])
        parts.append(f'<span class="quiet">{text(label["columns"])}{text(colon)}{text(columns)}</span>')
    return f'<div class="facts">{"".join(parts)}</div>'


def lengths_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """The histogram of each part's lengths, and in words what `max_length` does."""
    shown = []
    for one in whole["lengths"]:
        said = " ".join(f"<span>{text(says)}</span>" for says in length_sentences(one, whole["max_length"], lang))
        shown.append(f'<div>{histogram(one, whole["max_length"], lang)}<p class="quiet facts">{said}</p></div>')
    return f'<div class="histograms">{"".join(shown)}</div>' if shown else ""


def seen_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """The rows as tokens, with their heading; nothing where nothing was prepared."""
    if not whole["rows"]:
        return ""
    label = LABELS[lang]
    return (
        f"<h2>{text(label['seen'])}</h2><p class='quiet'>{text(label['seen_help'])}</p>{rows_html(whole['rows'], lang)}"
    )


def rewards_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """Reward by probe as a table; where junk scores as well as the reference the cell stands out."""
    rewards = whole["rewards"]
    if not rewards:
        return ""
    label = LABELS[lang]
    head, *rows = reward_cells(rewards, lang)
    says = label["rewards_help"].format(n=max(one["rows"] for one in rewards))
    cells = "".join(f"<th>{text(one)}</th>" for one in head)
    body = ""
    for one, row in zip(rewards, rows, strict=True):
        if one["failed"]:
            body += f'<tr><th>{text(row[0])}</th><td class="failed" colspan="{len(head) - 1}">{text(row[1])}</td></tr>'
            continue
        shown = "".join(
            f'<td class="{"beaten" if says.endswith("*") else ""}">{text(says.removesuffix("*"))}</td>'
            for says in row[1:]
        )
        body += f"<tr><th>{text(row[0])}</th>{shown}</tr>"
    return (
        f'<h2>{text(label["rewards"])}</h2><p class="quiet">{text(says)}</p>'
        f'<div class="scroll"><table class="rewards"><tr>{cells}</tr>{body}</table></div>'
    )


def template_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """Where the chat template comes from, and whether a server would send the prompt that training sees."""
    one = whole["template"]
    if not one:
        return ""
    label, colon = LABELS[lang], COMMON[lang]["colon"]
    source = one["known"] or one["source"] or label["template_none"]
    parts = [f"<h2>{text(label['template'])}</h2><p><code>{text(source)}</code></p>"]
    if one["parity"]:
        parts.append(f"<p>{text(label['parity'])}</p>")
        for pair in one["parity"]:
            parts.append(f'<div class="label">{text(label["row"].format(n=pair["row"]))}</div>')
            for side, other in (("training", "server"), ("server", "training")):
                parts.append(
                    f'<div class="toks"><span class="quiet">{text(label[side + "_side"])}{text(colon)}</span>'
                    f"{against(pair[side], pair[other])}</div>"
                )
    elif one["source"]:
        parts.append(f"<p class='quiet'>{text(label['parity_same'])}</p>")
    return "".join(parts)


def against(own: list[str], other: list[str]) -> str:
    """Tokens of one side, those set off that the other side does not have at their place: common ends are left plain."""
    start = next(
        (place for place, pair in enumerate(zip(own, other, strict=False)) if pair[0] != pair[1]),
        min(len(own), len(other)),
    )
    tail = 0
    while tail < min(len(own), len(other)) - start and own[-1 - tail] == other[-1 - tail]:
        tail += 1
    shown = []
    for place, says in enumerate(own):
        differs = start <= place < len(own) - tail
        shown.append(
            f'<span class="tok{" tok-differs" if differs else ""}">{text(visible(says).replace(chr(10), "↵")) or "∅"}</span>'
        )
    return "".join(shown)


def script_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """The places of the script to change, and the diff with its lines coloured."""
    script = whole["script"]
    if not script:
        return ""
    label = LABELS[lang]
    era = f' <span class="quiet">{text(label["script_era"].format(era=script["era"]))}</span>' if script["era"] else ""
    parts = [f"<h2>{text(label['script'])}</h2><p><code>{text(script['path'])}</code>{era}</p>"]
    if not script["changes"]:
        return "".join([*parts, f"<p>{text(label['script_fine'])}</p>", block("", script["unread"])])
    parts.append(f"<p>{text(counted(lang, 'script_changes', len(script['changes'])))}</p>")
    parts.append(cells_html(change_cells(script, lang)))
    parts.append(diff_html(script["diff"]))
    parts.append(block("", script["unread"]))
    return "".join(parts)


def diff_html(diff: str) -> str:
    """A unified diff, its added and removed lines coloured."""
    kinds = {"+": "ins", "-": "del"}
    lines = []
    for line in diff.splitlines():
        tag = kinds.get(line[:1]) if not line.startswith(("+++", "---")) else None
        lines.append(f"<{tag}>{text(line)}</{tag}>" if tag else text(line))
    return f'<pre class="diff">{chr(10).join(lines)}</pre>' if diff else ""


def unseen_html(whole: Mapping[str, Any], lang: Lang) -> str:
    """What was not looked at, and which rules could not judge, each with why."""
    rows = [[part, why] for part, why in whole["unseen"].items()]
    rows += [[one["rule"], one["reason"]] for one in whole["not_checked"]]
    if not rows:
        return ""
    body = "".join(f"<tr><td><code>{text(name)}</code></td><td>{text(why)}</td></tr>" for name, why in rows)
    return f'<details><summary>{text(COMMON[lang]["not_checked"])}</summary><table class="not-checked">{body}</table></details>'
