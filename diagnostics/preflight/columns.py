"""The columns of a data set: what each method reads, and what is wrong with those that are there. Plain rows only."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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
TALKS = ("messages", "conversations")
# What chat templates and TRL's own data utilities know; ShareGPT's names are only renamed keys to TRL, see `SPEAKERS`.
ROLES = frozenset(("system", "user", "assistant", "tool", "developer", "function", "ipython", "model"))
# Who speaks in ShareGPT's and other people's conversations, by the role that chat templates have for it.
SPEAKERS = {
    **dict.fromkeys(("human", "user", "prompter", "customer", "question", "usuario"), "user"),
    **dict.fromkeys(("gpt", "assistant", "bot", "chatgpt", "bard", "bing", "ai", "agent", "answer", "model"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("tool", "observation", "function", "function_response", "ipython"), "tool"),
    **dict.fromkeys(("function_call", "tool_call"), "assistant"),
}  # fmt: skip


class WrongColumns(Exception):
    """What is wrong with the columns: a `kind` and its facts. The rule wrong-columns has the sentences."""

    def __init__(self, kind: str, **facts: Any) -> None:
        super().__init__(kind)
        self.kind = kind
        self.facts = {"kind": kind, **facts}


def renames(mapping: Any, present: Sequence[str], where: str) -> dict[str, str]:
    """What a `column_mapping` renames: the data set's names with TRL's, without those that have them already.

    Raises:
        WrongColumns: the mapping is none, names a column that is not there or one twice, or would give two the same name.
    """
    if mapping is None:
        return {}
    if not isinstance(mapping, Mapping) or not all(isinstance(one, str) for pair in mapping.items() for one in pair):
        raise WrongColumns("mapping-none", given=repr(mapping)[:200])
    for wanted, source in mapping.items():
        if source not in present:
            near = difflib.get_close_matches(source, present, n=2)
            facts = {"wanted": wanted, "where": where, "column": source, "columns": ", ".join(present)}
            if near:
                raise WrongColumns("mapping-missing-near", **facts, near=" or ".join(near), near_zh="、".join(near))
            raise WrongColumns("mapping-missing", **facts)
        if list(mapping.values()).count(source) > 1:
            raise WrongColumns("mapping-twice", column=source)
        if wanted in present and wanted not in mapping.values():
            raise WrongColumns("mapping-taken", wanted=wanted, where=where)
    return {source: wanted for wanted, source in mapping.items() if source != wanted}


def shape_for(method: str, present: Iterable[str], text_field: str = "text") -> tuple[str, ...] | None:
    """The first set of columns that `method` reads and that is there."""
    held = set(present)
    return next((one for one in shapes_of(method, text_field) if set(one) <= held), None)


def shapes_of(method: str, text_field: str = "text") -> list[tuple[str, ...]]:
    """The sets of columns that a method reads, with the name of SFT's text column as the config has it."""
    return [tuple(text_field if name == "text" else name for name in shape) for shape in SHAPES[method]]


def columns_read(
    method: str, present: Sequence[str], first: Mapping[str, Any], where: str, text_field: str = "text"
) -> list[str]:
    """The columns that `method` will read of those that are there; `first` is the first row.

    Raises:
        WrongColumns: none of the sets that it reads is whole, or a question beside the pairs would be left out.
    """
    shape = shape_for(method, present, text_field)
    if shape is None:
        shapes = shapes_of(method, text_field)
        kind, facts = hint(shapes, first)
        raise WrongColumns(
            kind,
            where=where,
            columns=", ".join(present),
            method=method,
            shapes=spoken(shapes),
            shapes_zh=spoken(shapes, " 和 ", "，或 "),
            **facts,
        )
    if {"chosen", "rejected"} <= set(shape) and "prompt" not in present and isinstance(first["chosen"], str):
        # Answers as texts: without the question that stands beside them half of each row would be lost, without a word.
        question = next((one for one in QUESTIONS if one in present), None)
        if question is not None:
            raise WrongColumns(
                "question-beside",
                where=where,
                column=question,
                method=method,
                mapping=json.dumps({"prompt": question}),
                taken={"prompt": question},
            )
    return [*shape, *(["prompt"] if "prompt" in present and "prompt" not in shape and method != "sft" else [])]


def spoken(shapes: Sequence[Sequence[str]], both: str = " and ", either: str = ", or ") -> str:
    """Sets of columns in words."""
    return either.join(both.join(one) for one in shapes)


def hint(shapes: Sequence[Sequence[str]], row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """How the columns that are there could be made those that are read: the kind of the sentence, and its facts."""
    for shape in shapes:
        taken: dict[str, str] = {}
        # Pairs may do without a prompt; where a column looks like one, leaving it out would train on half the data.
        for name in (*shape, *(("prompt",) if "chosen" in shape else ())):
            found = next((one for one in SYNONYMS.get(name, ()) if one in row and one not in taken.values()), None)
            if name not in row and found:
                taken[name] = found
        if taken and all(name in row or name in taken for name in shape):
            alpaca = {"instruction", "input"} <= row.keys()
            kind = "missing-alpaca" if alpaca else "missing-mapping"
            return kind, {"mapping": json.dumps(taken), "taken": taken}
    talk = next((one for one in TALKS if one in row), None)
    if talk and ("prompt",) in shapes:
        return "missing-talk-prompts", {"talk": talk}
    if talk:
        return "missing-talk", {"talk": talk}
    return "missing", {}


def check_row(row: Mapping[str, Any], where: str, number: int, text_field: str = "text") -> None:
    """Refuse a row whose values are of the wrong kind.

    Raises:
        WrongColumns: a value is no text, no conversation or no label, or the kinds of a row's columns differ.
    """
    kinds = {}
    for name, value in row.items():
        facts = {"where": where, "row": number, "column": name}
        if name in (*TEXTS, text_field):
            kinds[name] = kind_of(value)
            if name == text_field and kinds[name] != "text":
                raise WrongColumns("value-text", **facts, value=written(value))
            if kinds[name] is None:
                raise WrongColumns("value-either", **facts, value=written(value))
        elif name in TALKS and kind_of(value) != "talk":
            if not is_sharegpt(value):
                raise WrongColumns("value-talk", **facts, value=written(value))
        elif name == "label" and not is_label(value):
            raise WrongColumns("value-label", **facts, value=written(value))
    if len(set(kinds.values())) > 1:
        words = {"text": ("a text", "文本"), "talk": ("a conversation", "对话")}
        said = [
            [f"'{name}' is {words[str(one)][0]}", f"'{name}' 是{words[str(one)][1]}"] for name, one in kinds.items()
        ]
        raise WrongColumns(
            "kinds-differ",
            where=where,
            row=number,
            kinds=", ".join(one for one, _ in said),
            kinds_zh="，".join(one for _, one in said),
        )


def check_rows(
    rows: Iterable[tuple[int, Mapping[str, Any]]], read: Sequence[str], where: str, text_field: str = "text"
) -> None:
    """Refuse rows whose values are of the wrong kind: the first of them is named.

    Raises:
        WrongColumns: see `check_row`.
    """
    first: dict[str, str | None] = {}
    for number, row in rows:
        check_row({name: row.get(name) for name in read}, where, number, text_field)
        for name in read:
            if name in TEXTS and first.setdefault(name, kind_of(row.get(name))) != kind_of(row.get(name)):
                raise mixed(where, number, name, row.get(name))


def mixed(where: str, number: int, name: str, value: Any) -> WrongColumns:
    """A column that holds texts in some rows and conversations in others; `value` is the first that is not as the first row's."""
    kind = "kinds-mixed-talk" if kind_of(value) == "talk" else "kinds-mixed-text"
    return WrongColumns(kind, where=where, row=number, column=name, value=written(value))


def is_label(value: Any) -> bool:
    """Whether a value says good or bad as TRL takes it."""
    return isinstance(value, bool | int | float) and value in (0, 1)


def kind_of(value: Any) -> str | None:
    """`text`, `talk` (a list of messages with roles), or None for neither."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, list) and value and all(isinstance(one, dict) and "role" in one for one in value):
        return "talk"
    return None


def is_sharegpt(value: Any) -> bool:
    """Whether a value is a conversation in ShareGPT's form, which TRL's SFT converts."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "from" in one for one in value)


def written(value: Any) -> str:
    """A value as JSON, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
