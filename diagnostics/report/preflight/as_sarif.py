"""A pre-flight as SARIF 2.1.0: its findings at the data, the script or the config that they are about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diagnostics.finding import Diagnosis, Finding, TextEvidence
from diagnostics.preflight.material import Material
from diagnostics.report.as_sarif import location, log, notification, result_at
from diagnostics.report.places import Place, line_place
from diagnostics.report.words import Lang, in_words, reason_in_words


def report(material: Material, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """The pre-flight as SARIF text."""
    name = str(material.asked.config.get("dataset_name") or material.asked.script or material.method or "")
    found = [
        result_at(name, [location(one) for one in places(material, finding)], finding, in_words(finding, lang), lang)
        for finding in diagnosis.findings
    ]
    notes: list[dict[str, Any]] = [
        notification("not-checked", reason_in_words(one, lang), level="note", rule=one.rule)
        for one in diagnosis.not_checked
    ]
    return log(found, notes, lang)


def places(material: Material, finding: Finding) -> list[Place]:
    """Where a finding can be looked up: lines of a file that it quotes, else the data, the script or the config."""
    script = material.asked.script
    files = [Path(str(one)) for one in (material.asked.config.get("dataset_name"), material.facts.get("config")) if one]
    files = [*([script] if script else []), *(one for one in files if one.is_file())]
    found = [
        line_place(file, one.lines)
        for one in finding.evidence
        if isinstance(one, TextEvidence)
        for file in files
        if file.name == Path(one.file).name
    ]
    return found or [Place(files[0] if files else Path("preflight"))]
