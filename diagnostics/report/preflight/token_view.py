"""Rows as tokens in HTML, coloured by what training does with each, with a legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diagnostics.report.common import visible
from diagnostics.report.markup import text
from diagnostics.report.preflight.labels import LABELS
from diagnostics.report.words import Lang

KINDS = ("trained", "masked", "truncated", "padding")
HEAD_TOKENS, TAIL_TOKENS = 320, 60  # of a long row; between them only their number is said


def rows_html(rows: Sequence[Mapping[str, Any]], lang: Lang) -> str:
    """A few rows token by token below the legend; nothing of no rows."""
    if not rows:
        return ""
    label = LABELS[lang]
    kinds = [kind for kind in KINDS if any(token[1] == kind for one in rows for token in one["tokens"])]
    signs = "".join(f'<span class="tok tok-{kind}">{text(label[kind])}</span>' for kind in kinds)
    signs += f'<span class="tok tok-special">{text(label["special"])}</span>'
    return f'<div class="tok-legend">{signs}</div>' + "".join(row_html(one, lang) for one in rows)


def row_html(one: Mapping[str, Any], lang: Lang) -> str:
    """One row: what it is, then its tokens."""
    label = LABELS[lang]
    tokens = one["tokens"]
    padding = [token for token in tokens if token[1] == "padding"]
    real = [token for token in tokens if token[1] != "padding"]
    gaps = dict(one["left_out"])
    total = label["tokens"].format(n=len(real) + sum(gaps.values()))
    head = f"{label['row'].format(n=one['row'])} · {label['part_' + one['part']]} · {total}"
    dropped = f' <span class="pill pill-error">{text(label["dropped"])}</span>' if one["dropped"] else ""
    if not gaps and len(real) > HEAD_TOKENS + TAIL_TOKENS:
        gaps = {HEAD_TOKENS: len(real) - HEAD_TOKENS - TAIL_TOKENS}
        real = real[:HEAD_TOKENS] + real[-TAIL_TOKENS:]
    shown = ""
    for place in range(len(real) + 1):
        if place in gaps:
            shown += f'<span class="tok-more">{text(label["more_tokens"].format(n=gaps[place]))}</span>'
        shown += token_html(real[place], lang) if place < len(real) else ""
    if padding:
        shown += f'<span class="tok tok-padding">{text(label["padding"])} × {len(padding)}</span>'
    return f'<div class="tok-row"><div class="label">{text(head)}{dropped}</div><div class="toks">{shown}</div></div>'


def token_html(token: Sequence[Any], lang: Lang) -> str:
    """One token: its text with line ends made visible; its id and kind in the tip."""
    says, kind, number, special = token
    shown = text(visible(says).replace("\n", "↵")) or "∅"
    # The line ends in the picture where it ends in the text.
    shown += "<br>" * min(2, says.count("\n"))
    classes = f"tok tok-{text(kind)}" + (" tok-special" if special else "")
    return f'<span class="{classes}" title="{text(f"{number} · {LABELS[lang].get(kind, kind)}")}">{shown}</span>'
