"""The trainings in a console log: its rows parted where one began, with what the log says of its length."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from diagnostics.run.printed import Printed
from diagnostics.run.rows import number

# The Trainer's words at its beginning, if its log level is `info`; with thousands separators since transformers 4.
BEGIN = re.compile(rb"\*{5} Running training \*{5}")
TOTAL = re.compile(rb"Total optimization steps\s*=\s*([\d,]{1,18})")
PER_EPOCH = re.compile(rb"Num update steps per epoch\s*=\s*([\d,]{1,18})")
EPOCHS = re.compile(rb"Num Epochs\s*=\s*([\d,]{1,18})")
EXAMPLES = re.compile(rb"Num examples\s*=\s*([\d,]{1,18})")
BATCH = re.compile(rb"Total train batch size[^=\r\n]*=\s*([\d,]{1,18})")


@dataclass(frozen=True)
class Training:
    """The rows of one training, or of one attempt at it. `total`: its steps, `per_epoch`: those of an epoch; 0 if unknown.

    `anchors` says of each row whether steps are told by it: the rows with the loss, of which there is one a step at most.
    Evaluations, the summary and what callbacks log besides stand between them. Where no loss is logged (PPO), it is every
    row that is no evaluation.
    """

    rows: list[Printed]
    total: int = 0
    per_epoch: float = 0.0

    @cached_property
    def anchors(self) -> list[bool]:
        """For each row whether it is an anchor."""
        losses = ["loss" in row.values for row in self.rows]
        return losses if any(losses) else [is_training(row) for row in self.rows]

    def anchored(self) -> list[Printed]:
        """The anchors."""
        return [row for row, anchor in zip(self.rows, self.anchors, strict=True) if anchor]


def is_training(row: Printed) -> bool:
    """Whether a row was logged in training: it is no evaluation, and not the summary at the end."""
    return any(
        key not in ("epoch", "step") and not key.startswith(("eval_", "test_", "train_")) and number(value) is not None
        for key, value in row.values.items()
    )


def epoch_of(row: Printed) -> float | None:
    """The epoch of a row, if it says one."""
    return number(row.values.get("epoch"))


def rises(steps: Sequence[int]) -> bool:
    """Whether each step is later than the one before."""
    return all(earlier < later for earlier, later in pairwise(steps))


def trainings_in(rows: Sequence[Printed], data: bytes) -> list[Training]:
    """The rows parted where the log says that a training began, and where the epoch went back to an earlier one."""
    begins = [found.start() for found in BEGIN.finditer(data)]
    parts: list[list[Printed]] = []
    begun, last = -1, -1.0
    for row in rows:
        epoch = epoch_of(row) if is_training(row) else None
        now = bisect_left(begins, row.start)
        if now != begun or (epoch is not None and epoch < last):
            parts.append([])
            last = -1.0
        begun, last = now, last if epoch is None else epoch
        parts[-1].append(row)
    made = []
    for part in parts:
        began = bisect_left(begins, part[0].start)
        head = data[begins[began - 1] if began else 0 : part[0].start]
        made.append(Training(part, *lengths(head, part)))
    return made


def lengths(head: bytes, rows: list[Printed]) -> tuple[int, float]:
    """The steps of a training and of its epochs, by the words before its rows and by its summary; 0 where neither tells."""

    def told(pattern: re.Pattern[bytes]) -> int:
        found = pattern.findall(head)
        return int(found[-1].replace(b",", b"") or b"0") if found else 0

    total, epochs, batch = told(TOTAL), told(EPOCHS), told(BATCH)
    if per_epoch := told(PER_EPOCH):
        return total, float(per_epoch)
    summary = next((row for row in rows if "train_runtime" in row.values), None)
    end = epoch_of(summary) if summary is not None else None
    if total and end is not None and end > 0:
        return total, total / end
    # Epochs tell the length of one only where they, not max_steps, end the training.
    if total and epochs and batch and abs(told(EXAMPLES) / batch - total / epochs) <= 1:
        return total, total / epochs
    return total, 0.0
