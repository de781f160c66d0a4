"""A comparison as JSON Lines: an answer a line, with its prompt and its scores."""

from __future__ import annotations

import json

from diagnostics.compare.comparison import Comparison
from diagnostics.compare.report.as_json import plain
from diagnostics.report.words import Lang


def report(found: Comparison, lang: Lang = "en") -> str:
    """The answers, prompt by prompt."""
    return "".join(
        json.dumps(
            plain(
                {
                    "prompt": prompt.number,
                    "source": answer.source,
                    "seed": answer.seed,
                    "messages": list(prompt.messages),
                    "reference": prompt.reference,
                    "tags": list(prompt.tags),
                    "text": answer.text,
                    "tokens": answer.tokens,
                    "stop": answer.stop,
                    "seconds": answer.seconds,
                    "error": answer.error,
                    "scores": dict(answer.scores),
                }
            ),
            ensure_ascii=False,
            allow_nan=False,
        )
        + "\n"
        for prompt in found.answers.prompts
        for source in found.answers.sources
        for answer in found.given(source, prompt)
    )
