"""Answers side by side as HTML, and what the kept scores say of two checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboard.html import note, pill, text
from dashboard.texts import Words
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.prompts import Message
from diagnostics.compare.statistics.paired import Difference
from diagnostics.compare.texts.traits import repeated_share
from diagnostics.run.refusal import said

# Panes in a row of a wide page: six in two rows of three are read more easily than five and one.
COLUMNS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 3, 6: 3}
MOST_COLUMNS = 4


def panes_html(
    panes: Sequence[Pane],
    prompt: str,
    words: Words,
    base: str | None = None,
    talk: Mapping[str, Sequence[Message]] | None = None,
) -> str:
    """All panes in a grid, under the prompt that was asked. `talk`: what was said before, by source."""
    before = talk or {}
    cards = "".join(
        pane_html(pane, words, base=pane.source.name == base, turns=before.get(pane.source.name, ())) for pane in panes
    )
    return f'<div class="asked">{text(prompt)}</div>{grid(cards, len(panes))}'


def grid(cards: str, count: int) -> str:
    """Cards side by side, as many in a row as are read well; one below the other on a phone."""
    return f'<div class="panes" style="--columns:{COLUMNS.get(count, MOST_COLUMNS)}">{cards}</div>'


def name_html(name: str) -> str:
    """A source's name: the run large, its checkpoint small."""
    first, _, rest = name.partition("/")
    return f"{text(first)} <small>{text(rest)}</small>"


def pane_html(pane: Pane, words: Words, *, base: bool = False, turns: Sequence[Message] = ()) -> str:
    """One source's answer, with its state and measures, below what was said before."""
    badge = pill(words("compare.base_badge"), "info") if base else ""
    name = f'<div class="pane-name">{name_html(pane.source.name)} {badge}</div>'
    before = "".join(f'<div class="turn turn-{text(one["role"])}">{text(one["content"])}</div>' for one in turns)
    notes = "".join(f'<div class="quiet">{text(said(one, words.lang))}</div>' for one in pane.notes)
    if pane.state == "error":
        body = note(said(pane.error or "", words.lang), "error")
        if pane.text:
            body = f'<div class="answer">{text(pane.text)}</div>' + body
        return f'<div class="pane pane-error">{name}{before}{body}{notes}</div>'
    return f'<div class="pane pane-{pane.state}">{name}{before}{body_html(pane, words)}{notes}{measures(pane, words)}</div>'


def body_html(pane: Pane, words: Words) -> str:
    """A pane's answer, or what it waits for."""
    if pane.state == "waiting":
        return f'<div class="quiet">{text(words("compare.waiting"))}…</div>'
    if pane.state == "loading":
        return f'<div class="quiet">{text(words("compare.loading"))}…</div>'
    if pane.state == "writing":
        return f'<div class="answer">{text(pane.text)}<span class="caret"></span></div>'
    return f'<div class="answer">{answer_html(pane.text, words)}</div>'


def answer_html(answer: str, words: Words) -> str:
    """A whole answer; an empty one says that it is."""
    return text(answer) if answer.strip() else f"<i>{text(words('compare.empty_answer'))}</i>"


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
    repeated = repeated_share(pane.text)
    if repeated > 0:
        parts.append(words("compare.repeated", share=100 * repeated))
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
