"""The columns of a data set: renamed as asked, and checked against what the method reads, before any model is loaded."""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from training.request import BadRequest
from training.worker.kinds import written

if TYPE_CHECKING:
    from datasets import Dataset

# What each trainer of TRL 1.16 reads: one of these sets of columns (`_prepare_dataset` of each; docs: dataset_formats).
# Further columns are left alone; those of GRPO, RLOO and PPO are passed to the reward functions.
SHAPES: dict[str, tuple[tuple[str, ...], ...]] = {
    "sft": (("text",), ("messages",), ("prompt", "completion"), ("input_ids",), ("conversations",)),
    "reward": (("chosen", "rejected"), ("chosen_ids", "rejected_ids")),
    "dpo": (("chosen", "rejected"),),
    "kto": (("prompt", "completion", "label"), ("chosen", "rejected")),
    "grpo": (("prompt",),),
    "rloo": (("prompt",),),
    "ppo": (("prompt",),),
}
# Names under which other data sets keep the same thing, the likeliest first.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "prompt": ("question", "instruction", "query", "problem", "input", "user"),
    "completion": ("answer", "output", "response", "reply", "solution", "assistant"),
    "chosen": ("preferred", "chosen_response", "response_chosen", "winner", "better", "accepted", "positive"),
    "rejected": ("dispreferred", "rejected_response", "response_rejected", "loser", "worse", "negative"),
    "label": ("labels", "desirable", "is_good", "good", "thumbs_up"),
    "text": ("content", "document", "body"),
    "messages": ("conversation", "dialogue", "dialog", "chat"),
}
QUESTIONS = SYNONYMS["prompt"][:4]  # those that can be nothing else; `user` may be a number
TEXTS = ("text", "prompt", "completion", "chosen", "rejected")
CHECKED_ROWS = 100  # values of as many rows are looked at; empty values are counted in all


def map_columns(dataset: Dataset, mapping: Any, where: str) -> Dataset:
    """The data set with its columns renamed: `mapping` has TRL's names as keys and the data set's as values.

    Raises:
        BadRequest: the mapping is none, names a column that is not there or one twice, or would give two the same name.
    """
    if mapping is None:
        return dataset
    if not isinstance(mapping, dict) or not all(isinstance(one, str) for pair in mapping.items() for one in pair):
        raise BadRequest(
            f'column_mapping: {mapping!r} is none; expected TRL\'s names with yours: {{"prompt": "question"}}.'
        )
    present = column_names(dataset)
    for wanted, source in mapping.items():
        if source not in present:
            near = difflib.get_close_matches(source, present, n=2)
            hint = f"; did you mean {' or '.join(near)}?" if near else "."
            raise BadRequest(
                f"column_mapping: {wanted}: {where} has no column {source!r}, only {', '.join(present)}{hint}"
            )
        if list(mapping.values()).count(source) > 1:
            raise BadRequest(f"column_mapping: the column {source!r} is named twice; each can be only one of TRL's.")
        if wanted in present and wanted not in mapping.values():
            raise BadRequest(
                f"column_mapping: {wanted}: {where} has a column of that name already; map that one to another name too."
            )
    return dataset.rename_columns({source: wanted for wanted, source in mapping.items() if source != wanted})


def column_names(dataset: Dataset) -> list[str]:
    """The names of the columns; of a stream that does not know them, those of its first row."""
    return list(dataset.column_names or next(iter(dataset), {}))


def check_columns(method: str, dataset: Dataset, where: str, text_field: str = "text") -> Dataset:
    """The data set, if `method` can read it. Labels of 0 and 1 become false and true.

    `where` names it in messages; `text_field` is the column that SFT reads texts from (`dataset_text_field`).

    Raises:
        BadRequest: it has no rows, lacks columns, or a value is empty or of the wrong kind.
    """
    rows = list(itertools.islice(dataset, CHECKED_ROWS))
    if not rows:
        raise BadRequest(f"{where}: holds no rows.")
    present = column_names(dataset)
    shapes = [tuple(text_field if name == "text" else name for name in shape) for shape in SHAPES[method]]
    shape = next((one for one in shapes if set(one) <= set(present)), None)
    if shape is None:
        raise BadRequest(
            f"{where}: has the columns {', '.join(present)}; {method} reads {spoken(shapes)}{hint(shapes, rows[0])}"
        )
    if {"chosen", "rejected"} <= set(shape) and "prompt" not in present and isinstance(rows[0]["chosen"], str):
        # Answers as texts: without the question that stands beside them half of each row would be lost, without a word.
        question = next((one for one in QUESTIONS if one in present), None)
        if question is not None:
            mapping = json.dumps({"prompt": question})
            raise BadRequest(
                f"{where}: has the column {question!r}, which {method} would not read; column_mapping={mapping} makes it "
                f"the prompt; if the answers begin with it already, remove the column."
            )
    read = [*shape, *(["prompt"] if "prompt" in present and "prompt" not in shape and method != "sft" else [])]
    check_empty(dataset, rows, read, where)
    for number, row in enumerate(rows):
        check_row({name: row[name] for name in read}, f"{where}, row {number}", text_field)
    if "label" in read and not isinstance(rows[0]["label"], bool):
        from datasets import Value

        return dataset.cast_column("label", Value("bool"))
    return dataset


def spoken(shapes: Sequence[Sequence[str]]) -> str:
    """Sets of columns in words."""
    return ", or ".join(" and ".join(one) for one in shapes)


def hint(shapes: Sequence[Sequence[str]], row: Mapping[str, Any]) -> str:
    """How the columns that are there could be made those that are read; a full stop where nothing is known."""
    for shape in shapes:
        taken: dict[str, str] = {}
        # Pairs may do without a prompt; where a column looks like one, leaving it out would train on half the data.
        for name in (*shape, *(("prompt",) if "chosen" in shape else ())):
            found = next((one for one in SYNONYMS.get(name, ()) if one in row and one not in taken.values()), None)
            if name not in row and found:
                taken[name] = found
        if taken and all(name in row or name in taken for name in shape):
            beside = " (Alpaca's shape; join its column input to the instruction first where it is not empty)"
            alpaca = {"instruction", "input"} <= row.keys()
            return f". column_mapping={json.dumps(taken)} would do it{beside if alpaca else ''}."
    talk = next((one for one in ("messages", "conversations") if one in row), None)
    if talk and ("prompt",) in shapes:
        return f". The column {talk} holds whole conversations: without their last answer they are prompts."
    if talk:
        return f". The column {talk} holds whole conversations, which SFT reads."
    return "."


def check_empty(dataset: Dataset, rows: Sequence[Mapping[str, Any]], read: Sequence[str], where: str) -> None:
    """Refuse empty values: of all rows where the data set is at hand, of the first ones of a stream.

    Raises:
        BadRequest: a value is empty (null).
    """
    table = getattr(dataset, "data", None)
    for name in read:
        count = table.column(name).null_count if table is not None else sum(row[name] is None for row in rows)
        if count:
            raise BadRequest(f"{where}: the column {name!r} is empty in {count} rows; expected a value in each.")


def check_row(row: Mapping[str, Any], where: str, text_field: str) -> None:
    """Refuse a row whose values are of the wrong kind.

    Raises:
        BadRequest: see `check_columns`.
    """
    kinds = {}
    for name, value in row.items():
        if name in (*TEXTS, text_field):
            kinds[name] = kind_of(value)
            if kinds[name] is None or (name == text_field and kinds[name] != "a text"):
                or_talk = "" if name == text_field else ", or a list of messages with role and content"
                raise BadRequest(f"{where}: {name!r} is {written(value)}; expected a text{or_talk}.")
        elif name in ("messages", "conversations") and kind_of(value) != "a conversation":
            if not is_sharegpt(value):
                raise BadRequest(
                    f"{where}: {name!r} is {written(value)}; expected a list of messages with role and content."
                )
        elif name == "label" and value not in (0, 1):
            raise BadRequest(f"{where}: 'label' is {written(value)}; expected true or false.")
    if len(set(kinds.values())) > 1:
        mixed = ", ".join(f"{name!r} is {one}" for name, one in kinds.items())
        raise BadRequest(f"{where}: {mixed}; expected all of one kind.")


def kind_of(value: Any) -> str | None:
    """`a text`, `a conversation`, or None for neither."""
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list) and value and all(isinstance(one, dict) and "role" in one for one in value):
        return "a conversation"
    return None


def is_sharegpt(value: Any) -> bool:
    """Whether a value is a conversation in ShareGPT's form, which TRL's SFT converts."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "from" in one for one in value)
