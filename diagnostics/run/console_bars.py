"""The steps of printed log rows, told by the progress bar beside them."""

from __future__ import annotations

import re
from collections import Counter

from diagnostics.run.console_trainings import Training, rises
from diagnostics.run.printed import Printed

# tqdm's bar over batches. `examples/s` and the like are bars of other work.
BAR = re.compile(rb"\d%\|[^|\r\n]{0,400}\|\s*(\d{1,15})/(\d{1,15}) \[[^\]\r\n]{0,80}(?:it/s|s/it)")
# How far from its row a bar may stand, in bytes: a bar, the blanks that wipe it, a line of something else.
NEAR = 2048
# Beside how many rows of a training, spread over it, bars are looked at to tell which is the training's.
MOST_LOOKED_AT = 64

# How far away a bar stands, in bytes, and the step that it shows.
Bar = tuple[int, int]


def by_bars(training: Training, data: bytes, total: int) -> list[int | None] | None:
    """The step that the bar of this length shows at each row, None where none stands near.

    None for all where it does not rise from each row of the training to the next: output that was kept back in a buffer
    stands away from its bar. tqdm draws the bar again after it lets a row through, so the nearest bar is the one at
    that row; other programs print the row first and the bar once the step is done, or the other way round.
    """
    before, after = bars_beside(training.rows, data, total)
    nearest = [min((one for one in pair if one), default=None) for pair in zip(before, after, strict=True)]
    for bars in (nearest, after, before):
        steps = [bar[1] if bar else None for bar in bars]
        anchors = [step for step, anchor in zip(steps, training.anchors, strict=True) if anchor]
        known = [step for step in anchors if step is not None]
        if known and known[0] > 0 and len(known) == len(anchors) and rises(known):
            return steps
    return None


def bars_beside(rows: list[Printed], data: bytes, total: int) -> tuple[list[Bar | None], list[Bar | None]]:
    """The last bar before each row and the first one after it, up to the neighbouring rows."""
    before: list[Bar | None] = []
    after: list[Bar | None] = []
    for place, row in enumerate(rows):
        start = max(rows[place - 1].end if place else 0, row.start - NEAR)
        end = min(rows[place + 1].start if place + 1 < len(rows) else len(data), row.end + NEAR)
        left = [bar for bar in BAR.finditer(data, start, row.start) if int(bar[2]) == total]
        right = next((bar for bar in BAR.finditer(data, row.end, end) if int(bar[2]) == total), None)
        before.append((row.start - left[-1].end(), int(left[-1][1])) if left else None)
        after.append((right.start() - row.end, int(right[1])) if right else None)
    return before, after


def bar_total(rows: list[Printed], data: bytes) -> int:
    """The length of the bar that stands near most rows of the training; 0 if none does."""
    totals: Counter[int] = Counter()
    for row in rows[:: len(rows) // MOST_LOOKED_AT + 1]:
        near = BAR.finditer(data, max(0, row.start - NEAR), min(len(data), row.end + NEAR))
        totals.update({int(bar[2]) for bar in near})
    return totals.most_common(1)[0][0] if totals else 0
