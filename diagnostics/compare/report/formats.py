"""The formats of a comparison, in one explicit table. One format is one file."""

from __future__ import annotations

from collections.abc import Callable

from diagnostics.compare.comparison import Comparison
from diagnostics.compare.report import as_csv, as_html, as_json, as_jsonl, as_markdown, as_text
from diagnostics.report.words import Lang

FORMATS: dict[str, Callable[[Comparison, Lang], str]] = {
    "text": as_text.report,
    "json": as_json.report,
    "html": as_html.report,
    "jsonl": as_jsonl.report,
    "csv": as_csv.report,
    "markdown": as_markdown.report,
}
