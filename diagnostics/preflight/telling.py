"""What the data rules share in telling what they saw: shares with their certainty, and rows as a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from diagnostics.finding import TableEvidence
from diagnostics.preflight.material import Rows
from diagnostics.preflight.texts import Texts

SHOWN = 8  # rows in a table
CELL = 300  # signs in a cell


def cell(value: Any) -> str:
    """A value for a table: on one line and shortened."""
    text = " ".join(str(value).split())
    return text if len(text) <= CELL else text[: CELL - 1] + "…"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> TableEvidence:
    """Some rows as evidence; the first eight are shown."""
    shown = [tuple(cell(one) for one in row) for _, row in zip(range(SHOWN), rows, strict=False)]
    return TableEvidence(title, tuple(head), tuple(shown))


def rows_table(
    texts: Texts, places: Iterable[int], parts: Sequence[str] | None = None, **more: Sequence[Any]
) -> TableEvidence:
    """Rows of a split, part by part; `more`: further columns, as long as the split."""
    names = [one for one in (parts or texts.parts) if one in texts.parts]
    rows = (
        (int(texts.numbers[at]), *(texts.parts[name][at] for name in names), *(values[at] for values in more.values()))
        for at in places
    )
    return table(texts.where, ("row", *names, *more), rows)


def spread(places: np.ndarray) -> np.ndarray:
    """Some places of many, from the first to the last: so that a table does not show the first rows only."""
    if len(places) <= SHOWN:
        return places
    return places[np.linspace(0, len(places) - 1, SHOWN).astype(int)]


def interval(count: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """Between what two shares the true one lies with 95 % confidence (Wilson 1927)."""
    if not of:
        return 0.0, 1.0
    share = count / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def unseen(rows: Rows | Texts) -> float | None:
    """The largest share of rows with a fault that a look at these would miss once in twenty; None if all were looked at.

    The rule of three: if none of n rows shows it, at most 3 / n of all rows do, with 95 % confidence (Hanley and
    Lippman-Hand 1983).
    """
    return 3 / max(len(rows.numbers), 3) if rows.sampled else None
