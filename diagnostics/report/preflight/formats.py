"""The formats of a pre-flight's report, in one explicit table. One format is one file."""

from __future__ import annotations

from typing import Protocol

from diagnostics.finding import Diagnosis
from diagnostics.preflight.material import Material
from diagnostics.report.preflight import as_html, as_json, as_markdown, as_sarif, as_text
from diagnostics.report.words import Lang


class Format(Protocol):
    """What a format's module offers."""

    def report(self, material: Material, diagnosis: Diagnosis, lang: Lang = "en") -> str:
        """The report on one pre-flight."""


FORMATS: dict[str, Format] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "markdown": as_markdown,
    "html": as_html,
}
