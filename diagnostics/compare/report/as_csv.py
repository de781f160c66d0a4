"""A comparison as CSV: a row for each prompt, source and seed; safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io

from diagnostics.compare.comparison import Comparison
from diagnostics.report.words import Lang

# What a spreadsheet takes for a formula, which could send the table elsewhere (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = ("prompt", "language", "tags", "question", "reference", "source", "seed", "answer", "tokens", "stop", "error")


def report(found: Comparison, lang: Lang = "en") -> str:
    """The answers as a table, with a column for each score. The columns' names are the same in every language."""
    names = found.answers.score_names()
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow([*COLUMNS, *(harmless(f"score {name}") for name in names)])
    for prompt in found.answers.prompts:
        for source in found.answers.sources:
            for answer in found.given(source, prompt):
                texts = (" ".join(prompt.tags), prompt.text, prompt.reference or "", answer.source)
                tags, question, reference, name = (harmless(one) for one in texts)
                write.writerow(
                    [
                        prompt.number + 1, prompt.lang, tags, question, reference, name, answer.seed,
                        harmless(answer.text), answer.tokens, answer.stop, harmless(answer.error or ""),
                        *(answer.scores.get(one, "") for one in names),
                    ]
                )  # fmt: skip
    return out.getvalue()


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula: one that could be is led by an apostrophe. No NUL."""
    text = text.replace("\0", "\N{SYMBOL FOR NULL}")
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text
