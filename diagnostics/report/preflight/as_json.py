"""A pre-flight as JSON."""

from __future__ import annotations

import json

from diagnostics.finding import Diagnosis
from diagnostics.preflight.material import Material
from diagnostics.report.preflight.contents import contents
from diagnostics.report.words import Lang


def report(material: Material, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """One object, strict JSON."""
    return json.dumps(contents(material, diagnosis, lang), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
