"""Log rows, as `trainer_state.json` keeps them, turned into points under TensorBoard tags."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from diagnostics.run.events import Point


def tag_of(key: str) -> str:
    """The TensorBoard tag of a log key, as transformers' `rewrite_logs` makes it."""
    for prefix in ("eval_", "test_"):
        if key.startswith(prefix):
            return prefix[:-1] + "/" + key[len(prefix) :]
    return "train/" + key


def number(value: Any) -> float | None:
    """A log value as a float: numbers, and numbers quoted as text; None for everything else."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def points_of(rows: Iterable[Any]) -> list[Point]:
    """The points of log rows. Rows that are no mapping are passed over; a row without a step takes the row's place.

    Keys that are already tags (`train/loss`) are kept.
    """
    points: list[Point] = []
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            continue
        step_number = number(row.get("step", row.get("current_steps", row.get("global_step"))))
        step = int(step_number) if step_number is not None and abs(step_number) < 2**62 else place
        for key, value in row.items():
            if key in ("step", "current_steps", "global_step"):
                continue
            scalar = number(value)
            if scalar is not None:
                points.append(
                    Point(
                        key if "/" in key and key.split("/")[0] in ("train", "eval", "test") else tag_of(key),
                        step,
                        scalar,
                        0.0,
                    )
                )
    return points
