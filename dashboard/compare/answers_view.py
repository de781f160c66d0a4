"""The answers to a prompt set as a list that can be narrowed to what differs, a page at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from dashboard.compare.diff_view import diff_html
from dashboard.compare.panes_view import answer_html, grid, name_html
from dashboard.html import note, pill, text
from dashboard.texts import Words
from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.texts.differ import differ
from diagnostics.run.refusal import said

Filter = Literal["all", "different", "worse", "better"]
FILTERS: tuple[Filter, ...] = ("all", "different", "worse", "better")
PAGE = 10
SUMMARY = 110  # characters of a prompt in its row


def kept_rows(answers: AnswerSet, base: str | None, score: str | None, kind: Filter) -> list[tuple[Prompt, int]]:
    """The (prompt, seed) pairs that a filter keeps. `worse`, `better`: any source against the base by the score."""
    return [
        (prompt, seed)
        for prompt in answers.prompts
        for seed in answers.seeds
        if any((one, prompt.number, seed) in answers.answers for one in answers.sources)
        and keeps(answers, prompt, seed, base, score, kind)
    ]


def keeps(answers: AnswerSet, prompt: Prompt, seed: int, base: str | None, score: str | None, kind: Filter) -> bool:
    """Whether a row passes a filter."""
    if kind == "all":
        return True
    row = [found for one in answers.sources if (found := answers.answers.get((one, prompt.number, seed))) is not None]
    if kind == "different":
        return len({one.text for one in row if one.stop != "error"}) > 1
    before = answers.answers.get((base or "", prompt.number, seed))
    if before is None or score is None or score not in before.scores:
        return False
    moves = [one.scores[score] - before.scores[score] for one in row if score in one.scores]
    return any(move < 0 if kind == "worse" else move > 0 for move in moves)


def pages(rows: Sequence[object]) -> int:
    """How many pages so many rows fill."""
    return max(1, math.ceil(len(rows) / PAGE))


def answers_html(answers: AnswerSet, base: str | None, score: str | None, kind: Filter, page: int, words: Words) -> str:
    """A page of rows, counted from 1, each opening to the answers side by side."""
    rows = kept_rows(answers, base, score, kind)
    if not rows:
        return note(words("answers.none"))
    shown = "".join(
        row_html(answers, prompt, seed, base, score, words) for prompt, seed in rows[(page - 1) * PAGE : page * PAGE]
    )
    return (
        f'<div class="quiet">{text(words("answers.count", count=len(rows)))}</div><div class="rows-list">{shown}</div>'
    )


def row_html(answers: AnswerSet, prompt: Prompt, seed: int, base: str | None, score: str | None, words: Words) -> str:
    """One prompt: its beginning, how each source scored; opened, the answers against the base's."""
    before = answers.answers.get((base or "", prompt.number, seed))
    found = [answers.answers.get((one, prompt.number, seed)) for one in answers.sources]
    chips = "".join(chip(one, before, score) for one in found if one is not None)
    seed_told = f" <small>{text(words('compare.seed'))} {seed}</small>" if len(answers.seeds) > 1 else ""
    cards = "".join(card(one, before, words) for one in found if one is not None)
    reference = (
        f'<div class="quiet">{text(words("answers.reference", text=prompt.reference))}</div>'
        if prompt.reference
        else ""
    )
    start = prompt.text if len(prompt.text) <= SUMMARY else prompt.text[:SUMMARY] + "…"
    return (
        f'<details class="row"><summary><span class="row-prompt">{prompt.number + 1}. {text(start)}{seed_told}</span>'
        f'<span class="row-chips">{chips}</span></summary><div class="asked">{text(prompt.text)}</div>{reference}'
        f"{grid(cards, len([one for one in found if one is not None]))}</details>"
    )


def chip(one: Answer, before: Answer | None, score: str | None) -> str:
    """A source's score in the row's head; the arrow tells which way it moved against the base."""
    value = one.scores.get(score) if score else None
    if one.stop == "error":
        return f'<span title="{text(one.source)}">{pill("!", "error")}</span>'
    if value is None:
        return ""
    old = before.scores.get(score or "") if before is not None and before is not one else None
    kind, arrow = "plain", ""
    if old is not None and value != old:
        kind, arrow = ("good", "▲ ") if value > old else ("error", "▼ ")
    return f'<span title="{text(one.source)}">{pill(f"{arrow}{value:.3g}", kind)}</span>'


def card(one: Answer, before: Answer | None, words: Words) -> str:
    """One source's answer to the row's prompt, against the base's."""
    if one.stop == "error":
        body = note(said(one.error or "", words.lang), "error")
    elif before is None or before is one or before.stop == "error" or before.text == one.text:
        body = f'<div class="answer">{answer_html(one.text, words)}</div>'
    else:
        body = f'<div class="answer diff">{diff_html(differ(before.text, one.text))}</div>'
    badge = pill(words("compare.base_badge"), "info") if before is one else ""
    scores = " · ".join(f"{name} {value:.3g}" for name, value in one.scores.items())
    told = words("compare.tokens", tokens=one.tokens) + (f" · {scores}" if scores else "")
    return (
        f'<div class="pane"><div class="pane-name">{name_html(one.source)} {badge}</div>{body}'
        f'<div class="measures">{text(told)}</div></div>'
    )
