"""Rows as LLaMA-Factory writes them, in the words of the HF Trainer.

Its `trainer_log.jsonl` holds a row a log call: `current_steps` and `total_steps`, chosen metrics under names of its own,
and how far it is. Source: `LogCallback` in LLaMA-Factory's train/callbacks.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# Always the preference accuracy there: no other number of the Trainer is written as `accuracy`.
NAMES = {
    "current_steps": "step",
    "lr": "learning_rate",
    "accuracy": "rewards/accuracies",
    "total_tokens": "num_input_tokens_seen",
}
PROGRESS = ("total_steps", "percentage", "elapsed_time", "remaining_time", "throughput")


def is_llamafactory(row: Mapping[str, Any]) -> bool:
    """Whether only LLaMA-Factory writes such a row. On its console the rows carry no step, but a `throughput`."""
    return "current_steps" in row or "throughput" in row


def trainer_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row under the Trainer's names, without what tells of progress only."""
    return {NAMES.get(key, key): value for key, value in row.items() if key not in PROGRESS}


def is_training(row: Mapping[str, Any]) -> bool:
    """Whether a row counts optimizer steps. An evaluation or prediction of its own counts its batches instead."""
    return "epoch" in row or "loss" in row


def progress_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Any, bool]:
    """The `total_steps` of the training, as written (None if unknown), and whether it logged its summary.

    The summary of a whole training has no loss of its own: a last row at the last step with the epoch alone.
    """
    most, finished = None, False
    for row in rows:
        if not is_training(row):
            continue
        most = row.get("total_steps", most)
        metrics = row.keys() - {"current_steps", "epoch", "total_tokens", *PROGRESS}
        finished = not metrics and most is not None and row.get("current_steps") == most
    return most, finished
