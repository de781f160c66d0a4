"""A few rows as tokens, as a real batch of the trainer holds them, with what was cut off put back for the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from diagnostics.preflight.material import Kind, Sequences, Tokens

SHOWN = 1200  # tokens of one sequence; more would be read by nobody
HEAD, AROUND, TAIL = 600, 150, 300
PADDING = 48


def texts_of(tokenizer: Any, ids: Sequence[int]) -> tuple[str, ...]:
    """The text that each token adds; a character of several tokens stands at the token that completes it.

    A window of tokens is decoded at a time: to decode all from the start anew for each token would take the square of
    their number.
    """
    made: list[str] = []
    begin = read = 0
    for place in range(len(ids)):
        before = tokenizer.decode(ids[begin:read], skip_special_tokens=False)
        now = tokenizer.decode(ids[begin : place + 1], skip_special_tokens=False)
        if now.endswith("\ufffd") and place + 1 < len(ids):
            made.append("")
            continue
        made.append(now[len(before) :])
        begin, read = read, place + 1
    return tuple(made)


def chosen_rows(parts: Mapping[str, Sequences]) -> list[int]:
    """The rows to show: the first, the shortest, the median, the longest, one that is cut, one that is dropped."""
    first = next(iter(parts.values()))
    order = np.argsort(first.lengths, kind="stable")
    kept = [place for place in order if not first.dropped[place]]
    places = [0, *(kept[at] for at in (0, len(kept) // 2, -1) if kept)]
    cut = np.flatnonzero((first.kept < first.lengths) & ~first.dropped)
    gone = np.flatnonzero(first.dropped)
    places += [*cut[:1], *gone[:1]]
    return list(dict.fromkeys(int(first.numbers[place]) for place in places)) if len(order) else []


def shown(
    tokenizer: Any, row: int, part: str, ids: Sequence[int], kinds: Sequence[Kind], dropped: bool = False
) -> Tokens:
    """One sequence for the picture; the middle of a long one is left out."""
    ids, kinds = list(ids), list(kinds)
    real = sum(kind != "padding" for kind in kinds)
    wanted = np.ones(len(ids), dtype=bool)
    if real > SHOWN:
        places = np.flatnonzero(np.array(kinds) != "padding")
        changes = [at for at in places[1:] if kinds[at] != kinds[at - 1]]
        keep = {*places[:HEAD], *places[-TAIL:]}
        for at in changes[-2:]:
            keep |= set(range(max(0, at - AROUND), min(len(ids), at + AROUND)))
        wanted = np.array([at in keep or kinds[at] == "padding" for at in range(len(ids))])
    padding = np.flatnonzero(np.array(kinds) == "padding")
    wanted[padding[PADDING:]] = False
    left_out, count, place = [], 0, 0
    for flag in wanted:
        if flag:
            if count:
                left_out.append((place, count))
            count, place = 0, place + 1
        else:
            count += 1
    if count:
        left_out.append((place, count))
    special = set(tokenizer.all_special_ids) | set(tokenizer.get_added_vocab().values())
    kept = [int(one) for one, flag in zip(ids, wanted, strict=True) if flag]
    return Tokens(
        row=row,
        part=part,
        ids=tuple(kept),
        texts=texts_of(tokenizer, kept),
        kinds=tuple(kind for kind, flag in zip(kinds, wanted, strict=True) if flag),
        special=tuple(one in special for one in kept),
        dropped=dropped,
        left_out=tuple(left_out),
    )


def batch_kinds(batch: Mapping[str, Any], place: int) -> list[Kind]:
    """What a real batch does with each token of one of its sequences."""
    ids = batch["input_ids"][place].tolist()
    attended = batch["attention_mask"][place].tolist() if "attention_mask" in batch else [1] * len(ids)
    if "labels" in batch:
        loss = [one != -100 for one in batch["labels"][place].tolist()]
    elif "completion_mask" in batch:
        loss = [bool(one) for one in batch["completion_mask"][place].tolist()]
    else:  # a reward model: the score stands for the whole sequence
        loss = [True] * len(ids)
    return [
        "padding" if not real else "trained" if counts else "masked"
        for real, counts in zip(attended, loss, strict=True)
    ]


def with_cut(
    batch: Mapping[str, Any], place: int, whole: Sequence[int], from_end: bool
) -> tuple[list[int], list[Kind]]:
    """A sequence of a batch, with the tokens that `max_length` took from it put back at their side."""
    kinds = batch_kinds(batch, place)
    ids = batch["input_ids"][place].tolist()
    real = [(one, kind) for one, kind in zip(ids, kinds, strict=True) if kind != "padding"]
    padding = [(one, kind) for one, kind in zip(ids, kinds, strict=True) if kind == "padding"]
    gone = len(whole) - len(real)
    lost: list[tuple[int, Kind]] = []
    if gone > 0:
        lost = [(one, "truncated") for one in (whole[:gone] if from_end else whole[len(real) :])]
    joined = [*lost, *real, *padding] if from_end else [*real, *lost, *padding]
    return [one for one, _ in joined], [kind for _, kind in joined]
