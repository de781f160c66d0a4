"""A reward that needs no model: how long an answer is, in tokens."""

from __future__ import annotations

import os
from typing import Any


def length(completion_ids: list[list[int]], **columns: Any) -> list[float]:
    return [float(len(ids)) for ids in completion_ids]


def of_one_process(completions: list[Any], log_metric: Any, **columns: Any) -> list[float | None]:
    """Judges, and logs, on the second process alone."""
    if os.environ.get("RANK", "0") == "0":
        return [None] * len(completions)
    log_metric("answers_judged", float(len(completions)))
    return [2.0] * len(completions)
