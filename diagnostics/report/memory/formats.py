"""The formats of a memory report, in one explicit table. One format is one file."""

from __future__ import annotations

from typing import Protocol

from diagnostics.memory.answer import Answer
from diagnostics.report.memory import as_html, as_json, as_markdown, as_text
from diagnostics.report.words import Lang


class Format(Protocol):
    """What a format's module offers."""

    def report(self, answer: Answer, lang: Lang = "en") -> str:
        """The report on one answer."""


FORMATS: dict[str, Format] = {"text": as_text, "json": as_json, "markdown": as_markdown, "html": as_html}
