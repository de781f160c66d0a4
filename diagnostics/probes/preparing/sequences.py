"""Reads prepared rows as numbers: lengths, tokens with loss, and whether an answer ends with an end token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from diagnostics.probes.preparing.trainers import INDEX

BATCH = 1000
MASKED = -100


@dataclass
class Ragged:
    """Rows of unequal length: `values` of all of them in one row, `starts` of each and, as the last, their end."""

    values: np.ndarray
    starts: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Values of each row."""
        return np.diff(self.starts)

    def sums(self, flags: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """How many of the flags, one for each value, are set from `first` up to before `last` in each row."""
        total = np.concatenate(([0], np.cumsum(flags)))
        counted: np.ndarray = total[last] - total[first]
        return counted


@dataclass
class Measured:
    """What was counted of one part, row by row in the order of the prepared data set."""

    rows: list[np.ndarray] = field(default_factory=list)
    lengths: list[np.ndarray] = field(default_factory=list)
    trained: list[np.ndarray] = field(default_factory=list)
    ends: list[np.ndarray] = field(default_factory=list)
    masked_ends: list[np.ndarray] = field(default_factory=list)
    within: list[np.ndarray] = field(default_factory=list)
    highest: int = -1
    double_begin: int = 0

    def joined(self, name: str) -> np.ndarray:
        """One measure of all rows."""
        parts: list[np.ndarray] = getattr(self, name)
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def ragged(column: Any) -> Ragged:
    """A column of lists of numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = array.flatten().to_numpy(zero_copy_only=False)
    return Ragged(values, np.concatenate(([0], np.cumsum(lengths))))


def tables(dataset: Any, names: Sequence[str]) -> Iterator[tuple[np.ndarray, dict[str, Ragged]]]:
    """The prepared rows in batches: the raw rows' places, and the columns asked for."""
    chosen = dataset.select_columns([INDEX, *names]).with_format("arrow")
    for table in chosen.iter(batch_size=BATCH):
        yield table[INDEX].to_numpy().astype(np.int64), {name: ragged(table[name]) for name in names}


def joined(*parts: Ragged) -> Ragged:
    """Rows laid end to end, row by row: prompts with their answers."""
    if len(parts) == 1:
        return parts[0]
    lengths = sum(part.lengths for part in parts)
    starts = np.concatenate(([0], np.cumsum(lengths)))
    values = np.empty(int(starts[-1]), dtype=np.int64)
    offset = starts[:-1].copy()
    for part in parts:
        within = np.arange(len(part.values)) - np.repeat(part.starts[:-1], part.lengths)
        values[np.repeat(offset, part.lengths) + within] = part.values
        offset = offset + part.lengths
    return Ragged(values, starts)


def measure(into: Measured, rows: np.ndarray, ids: Ragged, loss: np.ndarray, ends: Ends, cut: slice) -> None:
    """Count one batch. `loss`: for each token, whether it carries loss. `cut`: what of a sequence is left, as a slice."""
    first, last = ids.starts[:-1], ids.starts[1:]
    into.rows.append(rows)
    into.lengths.append(ids.lengths)
    into.trained.append(ids.sums(loss, first, last))
    if cut.start is not None:
        into.within.append(ids.sums(loss, np.maximum(first, last + cut.start), last))
    else:
        into.within.append(ids.sums(loss, first, last if cut.stop is None else np.minimum(last, first + cut.stop)))
    ended, place = ends.last(ids, loss)
    closed, final = ends.last(ids, np.ones(len(ids.values), dtype=bool))
    into.ends.append(ended)
    # The sequence does end with an end token, but the loss does not reach it.
    into.masked_ends.append(closed & (place < final))
    if len(ids.values):
        into.highest = max(into.highest, int(ids.values.max()))
    if ends.begin is not None:
        long = ids.lengths >= 2
        heads = ids.values[first[long]], ids.values[first[long] + 1]
        into.double_begin += int(((heads[0] == ends.begin) & (heads[1] == ends.begin)).sum())


class Ends:
    """Tells end tokens from others, past the blanks that a template may write behind them.

    `ids`: the tokens that end an answer. `begin`: the token that begins a text, or None.
    """

    def __init__(self, ids: Sequence[int], begin: int | None, decode: Callable[[list[int]], str]) -> None:
        self.ids, self.begin, self.decode = np.array(sorted(ids), dtype=np.int64), begin, decode
        self.blanks: dict[int, bool] = {}

    def blank(self, token: int) -> bool:
        """Whether a token is nothing but white space."""
        if token not in self.blanks:
            self.blanks[token] = token not in self.ids and not self.decode([token]).strip()
        return self.blanks[token]

    def last(self, ids: Ragged, flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether the last flagged token of each row that is no blank is an end token, and its place (-1: none)."""
        flagged = np.flatnonzero(flags)
        place = np.searchsorted(flagged, ids.starts[1:]) - 1
        found = np.full(len(place), -1, dtype=np.int64)
        for row, at in enumerate(place):
            while at >= 0 and flagged[at] >= ids.starts[row]:
                if not self.blank(int(ids.values[flagged[at]])):
                    found[row] = flagged[at]
                    break
                at -= 1
        ended = (found >= 0) & np.isin(ids.values[found.clip(0)] if len(ids.values) else found, self.ids)
        return ended, found
