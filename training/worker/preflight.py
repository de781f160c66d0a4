"""The worker's first act: the training is looked at before it starts, and not started where that would cost the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diagnostics.finding import Diagnosis
from diagnostics.preflight.asking import AskedWrong
from diagnostics.preflight.judge import judge
from diagnostics.preflight.material import Asked
from diagnostics.probes.preflight import measure
from diagnostics.report.preflight.contents import contents
from diagnostics.report.words import in_words
from diagnostics.run.files import read_json, write_json
from training.request import RUN_FILE, BadRequest, Request

PREFLIGHT_FILE = "preflight.json"
# Rows looked at token by token before a run: a fault in 0.2 % of the rows or more is seen with 95 % confidence, within
# seconds. `python -m diagnostics preflight` and the page look at more.
ROWS = 1500


def look_first(request: Request) -> None:
    """Look at the training that is asked for; keep what was found in `preflight.json` and say it on the console.

    Raises:
        BadRequest: a finding is an error, and the run was not asked to start all the same (`--force`); or what is asked
            for cannot be looked at.
    """
    forced = is_forced(request.folder)
    try:
        material = measure(Asked(request.method, request.config), limit=ROWS)
    except AskedWrong as error:
        if forced:
            print(f"pre-flight: {error}", flush=True)
            return
        raise BadRequest(str(error)) from error
    diagnosis = judge(material)
    kept: Mapping[str, Any] = contents(material, diagnosis)
    write_json(request.folder / PREFLIGHT_FILE, kept)
    for line in said(diagnosis):
        print(f"pre-flight: {line}", flush=True)
    errors = [in_words(one) for one in diagnosis.findings if one.severity == "error"]
    if errors and not forced:
        raise BadRequest(
            f"{' '.join(f'{one.title}. {one.summary}' for one in errors)} (--force starts it all the same)"
        )


def said(diagnosis: Diagnosis) -> list[str]:
    """Each finding as a line, notes left out."""
    found = [in_words(one) for one in diagnosis.findings if one.severity != "info"]
    return [f"{one.severity} {one.rule}: {one.title}. {one.summary}" for one in found]


def is_forced(folder: Path) -> bool:
    """Whether the run was asked to start in spite of findings."""
    try:
        return bool(read_json(folder / RUN_FILE).get("force"))
    except (OSError, ValueError, AttributeError):
        return False
