"""What changed from one answer to another, as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.compare.panes_view import grid, name_html
from dashboard.html import note, pill, text
from dashboard.texts import Words
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.texts.differ import Span, differ

TAGS = {"same": "span", "removed": "del", "added": "ins"}


def diff_html(spans: Sequence[Span]) -> str:
    """Spans of text with what went struck out and what came underlined: told apart without colour."""
    return "".join(f"<{TAGS[one.kind]}>{text(one.text)}</{TAGS[one.kind]}>" for one in spans)


def share_kept(spans: Sequence[Span]) -> float:
    """The share of both texts' characters that stand in both, 0 to 1 (twice the kept over all, Dice 1945)."""
    kept = 2 * sum(len(one.text) for one in spans if one.kind == "same")
    changed = sum(len(one.text) for one in spans if one.kind != "same")
    return kept / (kept + changed) if kept + changed else 1.0


def changes_html(panes: Sequence[Pane], base: str | None, words: Words) -> str:
    """Each answer against the base's. Answers that failed have none."""
    before = next((one for one in panes if one.source.name == base and one.state == "done"), None)
    if before is None:
        return note(words("diff.no_base"))
    others = [one for one in panes if one is not before and one.state == "done"]
    if not others:
        return note(words("diff.alone"))
    cards = []
    for one in others:
        spans = differ(before.text, one.text)
        same = before.text == one.text
        told = words("diff.same") if same else words("diff.kept", share=100 * share_kept(spans))
        head = f'<div class="pane-name">{name_html(one.source.name)} {pill(told, "warning" if same else "plain")}</div>'
        cards.append(f'<div class="pane">{head}<div class="answer diff">{diff_html(spans)}</div></div>')
    legend = words("diff.legend", base=before.source.name)
    return f'<div class="quiet">{text(legend)}</div>{grid("".join(cards), len(cards))}'
