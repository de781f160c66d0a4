"""The formats of a report, in one explicit table. One format is one file."""

from __future__ import annotations

from typing import Protocol

from diagnostics.finding import Diagnosis
from diagnostics.report import as_html, as_json, as_markdown, as_sarif, as_text
from diagnostics.report.folder import FolderReport
from diagnostics.report.words import Lang
from diagnostics.run import Run


class Format(Protocol):
    """What a format's module offers."""

    def report(self, run: Run, diagnosis: Diagnosis, lang: Lang = "en") -> str:
        """The report on one run."""

    def part(self, run: Run, diagnosis: Diagnosis, lang: Lang) -> str:
        """What the report on a folder holds of one run besides its row, made in the process that judged the run."""

    def folder(self, report: FolderReport, lang: Lang) -> str:
        """The report on many runs."""


FORMATS: dict[str, Format] = {
    "text": as_text,
    "json": as_json,
    "sarif": as_sarif,
    "markdown": as_markdown,
    "html": as_html,
}
