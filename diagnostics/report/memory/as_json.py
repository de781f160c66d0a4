"""A memory answer as JSON."""

from __future__ import annotations

import json

from diagnostics.memory.answer import Answer
from diagnostics.report.memory.contents import contents
from diagnostics.report.words import Lang


def report(answer: Answer, lang: Lang = "en") -> str:
    """One object, strict JSON."""
    return json.dumps(contents(answer, lang), ensure_ascii=False, indent=1, allow_nan=False) + "\n"
