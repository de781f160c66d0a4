"""A comparison as one JSON object: the verdicts, not the answers."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from diagnostics.compare.comparison import Comparison
from diagnostics.compare.report.words import effect_sentences, missing_sentences, verdict_sentences
from diagnostics.report.words import Lang

SCHEMA = 1


def report(found: Comparison, lang: Lang = "en") -> str:
    """The comparison as JSON; numbers that JSON cannot hold are null."""
    answers = found.answers
    told = {
        "schema": SCHEMA,
        "base": found.base,
        "sources": [asdict(one) for one in found.sources],
        "prompts": len(answers.prompts),
        "seeds": list(answers.seeds),
        "sampling": {name: value for name, value in asdict(found.sampling).items() if name != "seed"},
        "system": found.system,
        "answers": {one: len(answers.of(one)) for one in answers.sources},
        "said": verdict_sentences(found, lang),
        "verdicts": [asdict(one) for one in found.verdicts],
        "judge": [
            {
                **asdict(orders),
                "pair": asdict(pair),
                "judged": len(judged.verdicts),
                "unreadable": judged.unreadable,
            }
            for judged, orders, pair in zip(found.judged, found.orders, found.judge_pairs, strict=True)
        ],
        "null_baseline": [asdict(one) for one in found.changed],
        "side_effects": [asdict(one) for one in found.effects],
        "side_effects_said": effect_sentences(found, lang),
        "missing": missing_sentences(found, lang),
    }
    return json.dumps(plain(told), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """The same with null for what is not finite, and text for keys."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value
