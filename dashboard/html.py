"""Small pieces of HTML. Everything that comes from a run passes through `text`: logs and answers are not to be trusted."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode


def text(value: object) -> str:
    """A value as text that the browser shows and never runs."""
    return escape(str(value), quote=True)


def pill(label: str, kind: str) -> str:
    """A coloured label."""
    return f'<span class="pill pill-{text(kind)}">{text(label)}</span>'


def bar(share: float) -> str:
    """A progress bar; `share` from 0 to 1."""
    percent = 100 * min(1.0, max(0.0, share))
    return f'<span class="bar"><span style="width:{percent:.1f}%"></span></span>'


def link(page: str, label: str, **query: str) -> str:
    """A link to another page of the dashboard. The label is HTML."""
    address = page + ("?" + urlencode(query) if query else "")
    return f'<a href="{text(address)}">{label}</a>'


def note(message: str, kind: str = "plain") -> str:
    """A line that says something to the reader."""
    return f'<div class="note note-{text(kind)}">{text(message)}</div>'
