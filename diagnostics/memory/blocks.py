"""Which block of memory a failed request was: by its size, among those of the estimate and those that every training makes."""

from __future__ import annotations

import math
from dataclasses import replace

from diagnostics.memory.records import Estimate, Storage
from diagnostics.memory.resolve import Question
from diagnostics.memory.sizes import CHUNK, PAIRS

MIB, GIB = 1 << 20, 1 << 30


def matching(question: Question, wanted: float | None, estimate: Estimate) -> Storage | None:
    """The block whose size is that of the failed request, to the two decimals that the message prints."""
    if not wanted:
        return None
    close = 0.006 * (GIB if wanted >= GIB else MIB if wanted >= MIB else 1024)
    made = next((one for one in estimate.largest if abs(one.bytes - wanted) <= close), None)
    return made or next((one for one in usual_blocks(question) if abs(one.bytes - wanted) <= close), None)


def shorter_block(question: Question, wanted: float | None) -> Storage | None:
    """The block of a batch shorter than the longest, from a request told to the byte as torch does on a CPU; None if not one."""
    found: dict[tuple[int, ...], Storage] = {}
    if not wanted:
        return None
    for one in usual_blocks(question):
        if len(one.shape) == 3:
            length = wanted * one.shape[1] / one.bytes
            if length.is_integer() and 0 < length < question.asked.length:
                shape = (one.shape[0], int(length), one.shape[2])
                found[shape] = replace(one, bytes=int(wanted), shape=shape)
    return next(iter(found.values())) if len(found) == 1 else None


def usual_blocks(question: Question) -> list[Storage]:
    """The blocks that every training of a language model makes, in both widths: where an estimate kept none of this size."""
    asked, model = question.asked, question.architecture
    rows = asked.batch * (2 if asked.method in PAIRS else 1)
    tile = (min(rows * asked.length, CHUNK[0]), CHUNK[1])
    blocks: list[tuple[str, str, tuple[int, ...]]] = [
        ("", "logits", (rows, asked.length, model.vocabulary)),
        ("", "logits", tile),
        ("embedding", "gradients", (model.vocabulary, model.hidden)),
        ("mlp", "activations", (rows, asked.length, model.inner)),
        ("", "activations", (rows, asked.length, model.hidden)),
        ("self_attn", "activations", (rows, model.heads, asked.length, asked.length)),
        ("mlp", "gradients", (model.inner, model.hidden)),
    ]
    return [
        Storage(math.prod(shape) * size, shape, dtype, "", name, line)
        for name, line, shape in blocks
        for dtype, size in (("float32", 4), ("bfloat16", 2))
    ]
