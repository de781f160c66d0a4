"""Answers side by side as HTML, and what the kept scores say of two checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.html import note, pill, text
from dashboard.texts import Words
from diagnostics.compare.paired import Difference
from diagnostics.compare.pane import Pane


def panes_html(panes: Sequence[Pane], prompt: str, words: Words) -> str:
    """All panes in a grid, under the prompt that was asked."""
    cards = "".join(pane_html(pane, words) for pane in panes)
    return f'<div class="asked">{text(prompt)}</div><div class="panes">{cards}</div>'


def pane_html(pane: Pane, words: Words) -> str:
    """One checkpoint's answer, with its state and measures."""
    first, _, rest = pane.source.name.partition("/")
    name = f'<div class="pane-name">{text(first)} <small>{text(rest)}</small></div>'
    if pane.state == "error":
        body = note(pane.error or "", "error")
        if pane.text:
            body = f'<div class="answer">{text(pane.text)}</div>' + body
        return f'<div class="pane pane-error">{name}{body}</div>'
    if pane.state == "waiting":
        body = f'<div class="quiet">{text(words("compare.waiting"))}…</div>'
    elif pane.state == "loading":
        body = f'<div class="quiet">{text(words("compare.loading"))}…</div>'
    elif pane.state == "writing":
        body = f'<div class="answer">{text(pane.text)}<span class="caret"></span></div>'
    else:
        answer = text(pane.text) if pane.text.strip() else f"<i>{text(words('compare.empty_answer'))}</i>"
        body = f'<div class="answer">{answer}</div>'
    return f'<div class="pane pane-{pane.state}">{name}{body}{measures(pane, words)}</div>'


def measures(pane: Pane, words: Words) -> str:
    """Length, speed and the reason of the end, once the answer is complete."""
    if pane.state != "done":
        return ""
    parts = [words("compare.tokens", tokens=pane.tokens)]
    if pane.seconds and pane.tokens:
        parts.append(words("compare.speed", speed=pane.tokens / pane.seconds))
    if pane.first_token_seconds is not None:
        parts.append(words("compare.first", first=pane.first_token_seconds))
    parts.append(words(f"compare.stop_{pane.stop}"))
    warning = "" if pane.chat_template else pill(words("compare.no_template"), "warning")
    return f'<div class="measures">{text(" · ".join(parts))} {warning}</div>'


def verdict(difference: Difference, left: str, right: str, words: Words) -> str:
    """One sentence on which of two checkpoints scores higher, honest about what the interval allows."""
    kind = "better" if difference.low > 0 else "worse" if difference.high < 0 else "open"
    sentence = words(
        f"compare.verdict_{kind}",
        left=left,
        right=right,
        difference=difference.mean,
        low=difference.low,
        high=difference.high,
        count=difference.count,
    )
    return note(sentence, {"better": "good", "worse": "error", "open": "plain"}[kind])
