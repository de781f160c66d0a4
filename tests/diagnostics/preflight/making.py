"""Makes materials for the tests of preparation and of the rules that judge it: rows, tokenizers, prepared rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset
from transformers import AutoTokenizer

from diagnostics.preflight.material import Asked, Material, Prepared, Rows, Sequences, Template

# What a chat template writes as tokens of their own.
SPECIAL = re.compile(
    r"<[|｜][^<>\s|｜]{1,40}[|｜]>|<\|?[a-z_]+\|?>|</?s>|\[/?INST\]|<\|?(?:turn|channel|tool|think|image|audio|video)\|?>"
)


def rows_of(rows: Sequence[Mapping[str, Any]], where: str = "rows.jsonl (train)") -> Rows:
    """Raw rows as the loading makes them."""
    dataset = Dataset.from_list([dict(row) for row in rows])
    return Rows(where, len(rows), tuple(dataset.column_names), dataset, np.arange(len(rows)), dataset)


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def tokenizer_for(base: Path, template: str, end: str | None = None) -> Any:
    """The kept base's tokenizer with the special tokens that a template names, and the template."""
    tokenizer = with_tokens(base, template, end)
    tokenizer.chat_template = template
    return tokenizer


@cache
def with_tokens(base: Path, template: str, end: str | None) -> Any:
    """The tokenizer, one for all who ask: whoever does sets its template."""
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    tokenizer.model_max_length = 100_000
    found = sorted({*SPECIAL.findall(template), "<bos>", "<eos>"})
    tokenizer.add_special_tokens({"additional_special_tokens": found})
    tokenizer.bos_token, tokenizer.eos_token = "<bos>", end or "<eos>"
    return tokenizer


def sequences(part: str, lengths: Sequence[int], **changes: Any) -> Sequences:
    """Sequences of which everything is trained on and nothing is cut, but for the changes."""
    count = np.array(lengths)
    flags = np.zeros(len(count), dtype=bool)
    values = {
        "numbers": np.arange(len(count)),
        "lengths": count,
        "trained": count,
        "kept": count,
        "kept_trained": count,
        "ends": ~flags,
        "dropped": flags,
        "masked_ends": flags,
    }
    return Sequences(part=part, **{**values, **{name: np.array(value) for name, value in changes.items()}})


def material(
    method: str = "sft",
    config: Mapping[str, Any] | None = None,
    rows: Rows | None = None,
    parts: Sequence[Sequences] = (),
    template: Template | None = None,
    **changes: Any,
) -> Material:
    """A material whose prepared rows are given."""
    values: dict[str, Any] = {
        "format": "conversational",
        "sequences": {one.part: one for one in parts},
        "picture": (),
        "max_length": 1024,
        "template": template,
        "vocabulary": 100,
        "embedding": 128,
        "facts": {"highest_id": 99, "double_begin": 0, "context": None, "eos_token": "<eos>"},
    }
    asked = Asked(method, {"model_name_or_path": "model", **(config or {})})
    return Material(asked=asked, train=rows, prepared=Prepared(**{**values, **changes}))
