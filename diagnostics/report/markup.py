"""Small pieces of HTML. Everything that comes from a run passes through `text`: logs and answers are not to be trusted."""

from __future__ import annotations

from html import escape

from diagnostics.report.common import visible


def text(value: object) -> str:
    """A value as text that the browser shows and never runs."""
    return escape(visible(value), quote=True)


def pill(label: str, kind: str) -> str:
    """A coloured label."""
    return f'<span class="pill pill-{text(kind)}">{text(label)}</span>'


def note(message: str, kind: str = "plain") -> str:
    """A line that says something to the reader."""
    return f'<div class="note note-{text(kind)}">{text(message)}</div>'


def block(title: str, items: list[str], *, ordered: bool = False) -> str:
    """A list under a heading, its items as text; nothing if it is empty."""
    if not items:
        return ""
    tag = "ol" if ordered else "ul"
    rows = "".join(f"<li>{text(one)}</li>" for one in items)
    return f'<div class="label">{text(title)}</div><{tag}>{rows}</{tag}>'
