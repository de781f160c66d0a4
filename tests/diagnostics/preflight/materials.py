"""Rows and materials of plain values for the tests of the data rules: no file, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diagnostics.finding import CannotJudge, Finding
from diagnostics.preflight.material import Asked, Material, Rows
from diagnostics.report.words import in_words


def rows_of(rows: Sequence[Mapping[str, Any]], where: str = "rows.jsonl (train)") -> Rows:
    """Rows as `open_rows` gives them, without a data set."""
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    full = [{name: row.get(name) for name in columns} for row in rows]
    return Rows(where, len(rows), columns, full, np.arange(len(rows)))


def material(
    method: str, rows: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]] | None = None, **config: Any
) -> Material:
    """A material of raw rows alone."""
    evaluation = None if held is None else rows_of(held, "rows.jsonl (test)")
    return Material(Asked(method, config), train=rows_of(rows), evaluation=evaluation)


def found(rule: Any, made: Material) -> Finding | None:
    """What a rule finds; its words are filled in both languages, so that a missing fact is seen. None if it cannot judge."""
    try:
        finding = rule.preflight(made)
    except CannotJudge:
        return None
    if finding is not None:
        for lang in ("en", "zh"):
            assert in_words(finding, lang).summary
    return finding
