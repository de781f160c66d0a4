"""Log rows, as `trainer_state.json` keeps them, turned into points under TensorBoard tags."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from diagnostics.run.events import Point
from diagnostics.run.llamafactory import is_llamafactory, trainer_row

STEP_KEYS = ("step", "current_steps", "global_step", "train/global_step")
# Steps beyond it are none: they do not fit into an int64 with room to count on.
MOST_STEPS = 2**62
# A row with one of these is a log row, whoever wrote it; not `learning_rate`, which configs hold as well.
LOG_KEYS = {"loss", "eval_loss", "train_loss", "train_runtime", "eval_runtime", "epoch", "reward", "grad_norm"}
LOG_PREFIXES = ("train/", "eval/", "ppo/", "objective/", "rewards/", "completions/")
# A row with one of these is a sample of a data set, or a set of arguments, whatever else it holds.
OTHER_KEYS = {"prompt", "completion", "messages", "text", "output_dir", "num_train_epochs", "model_name_or_path"}


def tag_of(key: str) -> str:
    """The TensorBoard tag of a log key, as transformers' `rewrite_logs` makes it. A key that is one already is kept."""
    if key.startswith(("train/", "eval/", "test/")):
        return key
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
            return math.inf if value > 0 else -math.inf
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def whole(value: Any) -> int | None:
    """A log value as a step: numbers, also with a point or quoted; None for everything else, NaN and absurd ones."""
    found = number(value)
    return int(found) if found is not None and abs(found) < MOST_STEPS else None


def step_of(row: Mapping[str, Any]) -> int | None:
    """The optimizer step a row was logged at; None if it does not say."""
    return next((step for key in STEP_KEYS if (step := whole(row.get(key))) is not None), None)


def is_log_row(row: Any) -> bool:
    """Whether a value is a row of a training log: a mapping with a number that trainers log, or with one at a step."""
    if not isinstance(row, dict) or OTHER_KEYS & row.keys():
        return False
    numbers = {key for key, value in row.items() if isinstance(key, str) and number(value) is not None}
    if numbers & LOG_KEYS or any(key.startswith(LOG_PREFIXES) for key in numbers):
        return True
    if any(key.startswith("eval_") and key.endswith(("_loss", "_runtime")) for key in numbers):
        return True  # a named evaluation set
    return step_of(row) is not None and len(numbers) > 1


def points_of(rows: Iterable[Any]) -> list[Point]:
    """The points of log rows. Rows that are no mapping are passed over, and so are values that are no number.

    A row without a step takes that of the row before it; where none had one yet, its place counted from 1.
    TRL's first PPO logged under raw tags (`ppo/loss/total`, `env/reward_mean`): its rows keep them.
    """
    points: list[Point] = []
    known: int | None = None
    for place, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            continue
        written = step_of(row)
        known = known if written is None else written
        step = place if known is None else known
        raw = any(isinstance(key, str) and key.startswith("ppo/") for key in row)
        for key, value in (trainer_row(row) if is_llamafactory(row) else row).items():
            scalar = number(value)
            if scalar is not None and key not in STEP_KEYS:
                points.append(Point(str(key) if raw else tag_of(str(key)), step, scalar, 0.0))
    return points
