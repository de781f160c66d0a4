"""What pre-flight rules ask of a material: the prepared rows, an even sample of the raw ones, edits of the config."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from diagnostics.finding import CannotJudge, Edit, Fix, TableEvidence, TextEvidence
from diagnostics.preflight.material import Material, Prepared, Rows, Sequences, Template

SAMPLE = 10_000  # rows that a rule about texts reads; shares of 0.5 % are seen well in as many
STEP = 64  # tokens to which a limit is rounded up
ROWS = 8  # rows of a table
TAIL = 8  # tokens of a sequence's end
SHOWN = 200  # letters of a text in a table


def need_prepared(material: Material) -> Prepared:
    """The prepared rows.

    Raises:
        CannotJudge: they were not prepared.
    """
    if material.prepared is None:
        raise CannotJudge("not-prepared", why=material.unseen.get("prepared", "…"))
    return material.prepared


def need_sequences(material: Material) -> Mapping[str, Sequences]:
    """The sequences of all parts.

    Raises:
        CannotJudge: nothing was prepared, or TRL refused.
    """
    prepared = need_prepared(material)
    found = {name: one for name, one in prepared.sequences.items() if len(one.lengths)}
    if not found:
        raise CannotJudge("not-prepared", why=prepared.failed or "…")
    return found


def need_template(material: Material) -> Template:
    """What was measured of the chat template.

    Raises:
        CannotJudge: nothing was measured.
    """
    prepared = need_prepared(material)
    if prepared.template is None:
        raise CannotJudge("no-template", why=prepared.failed or "…")
    return prepared.template


def need_rows(material: Material) -> Rows:
    """The raw rows of the training split.

    Raises:
        CannotJudge: no data was looked at.
    """
    if material.train is None or not len(material.train.numbers):
        raise CannotJudge("no-data", why=material.unseen.get("data", "…"))
    return material.train


def sampled(rows: Rows) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Raw rows with their numbers: all of them, or as many as `SAMPLE` at even distances."""
    count = len(rows.numbers)
    places = np.arange(count) if count <= SAMPLE else np.linspace(0, count - 1, SAMPLE).astype(np.int64)
    for place in places:
        yield int(rows.numbers[place]), rows.rows[int(place)]


def change(material: Material, **changes: Any) -> tuple[Edit, ...]:
    """Changes of the config as edits; what already has its new value is left out."""
    config = material.asked.config
    return tuple(
        Edit(name, config.get(name), new)
        for name, new in changes.items()
        if config.get(name) != new or name not in config
    )


def longer(material: Material, lengths: np.ndarray, share: float) -> tuple[Fix, ...]:
    """A larger max_length under which a share of the sequences fit (title `longer`), or the most the model takes (`most`)."""
    prepared = need_prepared(material)
    wanted = math.ceil(float(np.quantile(lengths, share, method="higher")) / STEP) * STEP
    context = prepared.facts.get("context")
    key = "longer"
    if isinstance(context, int) and context < wanted:
        wanted, key = context, "most"
    if prepared.max_length is not None and wanted <= prepared.max_length:
        return ()
    return (Fix(key, "ask", change(material, max_length=wanted), {"new": wanted}),)


def histogram(lengths: np.ndarray, bins: int = 20) -> list[list[int]]:
    """Lengths as bars: from, up to before, how many."""
    if not len(lengths):
        return []
    top = max(int(lengths.max()) + 1, bins)
    edges = np.unique(np.linspace(0, top, bins + 1).astype(np.int64))
    counts, _ = np.histogram(lengths, edges)
    return [[int(a), int(b), int(n)] for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)]


def affected(one: Sequences, flags: np.ndarray) -> TableEvidence:
    """The first rows that a fault was seen in, with their lengths."""
    rows = np.flatnonzero(flags)[:ROWS]
    return TableEvidence(
        one.part, ("row", "tokens"), tuple((str(int(one.numbers[at])), str(int(one.lengths[at]))) for at in rows)
    )


def tails(prepared: Prepared, part: str) -> tuple[TextEvidence, ...]:
    """How pictured sequences end: each of the last tokens, and whether it is trained on."""
    found = []
    for one in prepared.picture:
        tokens = [pair for pair in zip(one.texts, one.kinds, strict=True) if pair[1] != "padding"]
        if one.part == part and not one.dropped and "truncated" not in one.kinds:
            found.append(TextEvidence(f"row {one.row}", tuple(f"{text!r}: {kind}" for text, kind in tokens[-TAIL:])))
    return tuple(found[:2])


def short(text: Any) -> str:
    """A text for a table cell."""
    text = text if isinstance(text, str) else repr(text)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def text_of(value: Any) -> str:
    """What a text or a list of messages says."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return "\n".join(said(one) for one in value if isinstance(one, Mapping))
    return ""


def said(message: Mapping[str, Any]) -> str:
    """The content of one message: its text, or the texts of its blocks; `value` in ShareGPT's form."""
    content = message.get("content", message.get("value"))
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(str(one.get("text") or "") for one in content if isinstance(one, Mapping))
    return ""
