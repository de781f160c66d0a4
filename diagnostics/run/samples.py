"""The answers that a run kept of its model, from `samples.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from diagnostics.run.files import read_json_lines
from diagnostics.run.record import Sample


def read_samples(path: Path) -> Iterable[Sample]:
    """The lines of `samples.jsonl` that are whole samples."""
    known = {"step", "prompt", "completion", "rewards"}
    for row in read_json_lines(path):
        if isinstance(row, dict) and isinstance(row.get("step"), int) and "completion" in row:
            rewards = row.get("rewards")
            yield Sample(
                step=row["step"],
                prompt=str(row.get("prompt", "")),
                completion=str(row["completion"]),
                rewards=rewards if isinstance(rewards, dict) else {},
                columns={key: value for key, value in row.items() if key not in known},
            )
