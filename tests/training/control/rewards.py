"""A reward that needs no model: how long an answer is, in tokens."""

from __future__ import annotations

from typing import Any


def length(completion_ids: list[list[int]], **columns: Any) -> list[float]:
    return [float(len(ids)) for ids in completion_ids]
