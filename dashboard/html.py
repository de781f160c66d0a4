"""Small pieces of HTML. Everything that comes from a run passes through `text`: logs and answers are not to be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from diagnostics.report.markup import note, pill, text

__all__ = ["bar", "link", "note", "pill", "text"]


def bar(share: float) -> str:
    """A progress bar; `share` from 0 to 1."""
    percent = 100 * min(1.0, max(0.0, share))
    return f'<span class="bar"><span style="width:{percent:.1f}%"></span></span>'


def link(page: str, label: str, **query: str | Sequence[str]) -> str:
    """A link to another page of the dashboard, a name with several values repeated. The label is HTML."""
    address = page + ("?" + urlencode(query, doseq=True) if query else "")
    return f'<a href="{text(address)}">{label}</a>'
