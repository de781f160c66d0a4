"""Rows of a known shape made into rows as TRL's trainers read them: by renamed columns, or written anew."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from diagnostics.preflight.cases import Case, Unconvertible, is_talk
from diagnostics.preflight.columns import (
    SYNONYMS,
    WrongColumns,
    check_rows,
    columns_read,
    hint,
    renames,
    shapes_of,
)
from diagnostics.preflight.material import Rows
from diagnostics.preflight.shapes import LOOKED_AT, Fate, Shape, recognise, typical

# TRL looks at any one of these to tell conversations from texts (`is_conversational`): of another form beside the prompt
# they would be taken for it.
READ_BY_TRL = ("prompt", "completion", "chosen", "rejected", "messages", "tools")
REASONS = {
    "en": {
        "empty-prompt": "the question is empty",
        "empty-answer": "an answer is empty",
        "no-answer": "the conversation has no answer of the assistant",
        "no-pair": "there are no two answers to compare",
        "no-label": "nothing says whether the answer is good",
        "tie": "no answer is better than the other",
        "equal": "both answers are the same",
        "middle": "the rating is in the middle of the scale",
        "bad": "the answer is labelled as bad",
        "speaker": "it is not known who speaks",
        "kind": "a value is of another kind than in the other rows",
        "turns": "it has a system prompt or several turns, which are no plain texts",
    },
    "zh": {
        "empty-prompt": "问题为空",
        "empty-answer": "回答为空",
        "no-answer": "对话里没有助手的回答",
        "no-pair": "没有两个回答可以比较",
        "no-label": "没有标明回答的好坏",
        "tie": "两个回答不分高下",
        "equal": "两个回答相同",
        "middle": "评分恰在中间",
        "bad": "该回答被标为不好",
        "speaker": "无法确定说话者",
        "kind": "值的类型与其他行不同",
        "turns": "含有系统提示或多轮对话，不能写成纯文本",
    },
}
FATES = {
    "en": {
        "becomes": "{column} becomes {target}",
        "joins": "{column} is joined to {target}",
        "decides": "{column} decides what becomes {target}",
        "stays": "{column} stays as it is",
        "left": "{column} is left out",
    },
    "zh": {
        "becomes": "{column} 变为 {target}",
        "joins": "{column} 并入 {target}",
        "decides": "{column} 决定 {target}",
        "stays": "{column} 保持不变",
        "left": "{column} 不保留",
    },
}
# Which shapes have what a method reads at all.
ABLE: dict[str, tuple[str, ...]] = {
    "sft": ("alpaca", "sharegpt", "messages", "openai", "pairs", "hh-rlhf", "choice", "ultrafeedback", "rated", "answered", "documents"),
    **dict.fromkeys(("dpo", "reward"), ("pairs", "hh-rlhf", "choice", "ultrafeedback")),
    "kto": ("pairs", "hh-rlhf", "choice", "ultrafeedback", "rated"),
    **dict.fromkeys(
        ("grpo", "rloo", "ppo"),
        ("alpaca", "sharegpt", "messages", "openai", "pairs", "hh-rlhf", "choice", "ultrafeedback", "rated", "answered", "questions"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Proposal:
    """How rows of a known shape become rows that a method reads.

    `mapping`: a `column_mapping` that suffices; None where the file has to be converted. `fates`: what happens to each
    column: (column, fate, target). `converted`: rows that will be written of the `looked_at`; `lost`: by reason (a key of
    `REASONS`), how many cannot, and the numbers of up to five.
    """

    shape: str
    method: str
    mapping: dict[str, str] | None
    fates: tuple[tuple[str, Fate, str], ...]
    looked_at: int
    converted: int
    lost: Mapping[str, tuple[int, tuple[int, ...]]]

    def said(self, lang: Literal["en", "zh"] = "en") -> tuple[str, ...]:
        """The proposal in sentences: a line for each column, and one for each reason why rows are lost."""
        lines = [FATES[lang][fate].format(column=column, target=target) for column, fate, target in self.fates]
        for reason, (count, numbers) in self.lost.items():
            shown = ", ".join(map(str, numbers)) + (" …" if count > len(numbers) else "")
            lines.append(
                f"{count} rows cannot be converted: {REASONS[lang][reason]} (rows {shown})"
                if lang == "en"
                else f"{count} 行无法转换：{REASONS[lang][reason]}（行 {shown}）"
            )
        return tuple(lines)


def rows_of(case: Case, shape: Shape, method: str) -> list[dict[str, Any]]:
    """The rows that a case becomes for a method.

    Raises:
        Unconvertible: it has not what the method reads.
    """
    tools = {} if case.tools in (None, "", []) else {"tools": case.tools}
    if case.text is not None:
        return [{"text": case.text}]
    if not case.prompt and method != "sft":
        raise Unconvertible("empty-prompt")
    if method in ("grpo", "rloo", "ppo"):
        return [{"prompt": case.prompt, **tools}]
    known = [(one, worth) for one, worth in case.answers if worth is not None]
    if method == "sft":
        if not case.answers:
            raise Unconvertible("no-answer")
        best = max(known, key=lambda one: one[1])[0] if known else case.answers[0][0]
        if shape.worth == "label" and (not known or known[0][1] <= 0):
            raise Unconvertible("bad" if known else "no-label")
        return [{"messages": [*case.prompt, *best], **tools}]
    if method in ("dpo", "reward"):
        if len(case.answers) < 2 or shape.worth != "rank":
            raise Unconvertible("no-pair")
        if len(known) < 2:
            raise Unconvertible("no-label")
        best, high = max(known, key=lambda one: one[1])
        worst, low = min(known, key=lambda one: one[1])
        if high == low:
            raise Unconvertible("tie")
        if best == worst:
            raise Unconvertible("equal")
        return [{"prompt": case.prompt, "chosen": best, "rejected": worst, **tools}]
    if not known:
        raise Unconvertible("no-label")
    middle = 0.0 if shape.worth == "label" else (max(one for _, one in known) + min(one for _, one in known)) / 2
    kept = [(one, worth > middle) for one, worth in known if worth != middle]
    if not kept:
        raise Unconvertible("middle" if shape.worth == "label" else "tie")
    return [{"prompt": case.prompt, "completion": one, "label": good, **tools} for one, good in kept]


def plain_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of one question and its answers as texts.

    Raises:
        Unconvertible: it has a system prompt or several turns, and texts beside conversations no method reads.
    """
    if "messages" in row and [one["role"] for one in row["messages"]] == ["user", "assistant"]:
        question, answer = row["messages"]
        return {
            "prompt": question["content"],
            "completion": answer["content"],
            **{key: it for key, it in row.items() if key != "messages"},
        }
    talks = [name for name, value in row.items() if is_talk(value)]
    if all(len(row[name]) == 1 for name in talks):
        return {**row, **{name: row[name][0]["content"] for name in talks}}
    raise Unconvertible("turns")


def targets(shape: Shape, method: str, columns: Sequence[str]) -> tuple[tuple[str, Fate, str], ...]:
    """What happens to each column for a method."""
    parts = {
        "sft": {"prompt": "messages", "answer": "messages", "chosen": "messages", "rejected": ""},
        "kto": {"answer": "completion", "chosen": "completion (label true)", "rejected": "completion (label false)"},
        "dpo": {"answer": "chosen, rejected"},
        "reward": {"answer": "chosen, rejected"},
    }.get(method, {"answer": "", "chosen": "", "rejected": "", "label": "", "messages": "prompt"})
    used: dict[str, tuple[Fate, str]] = {}
    for name, fate, part in shape.uses:
        target = parts.get(part, part)
        used[name] = (
            (fate, target) if target else (("stays", "") if method in ("grpo", "rloo", "ppo") else ("left", ""))
        )
        if shape.worth == "rank" and fate == "decides" and method == "kto":
            used[name] = (fate, "label")
        if shape.name == "rated" and method == "sft" and part == "label":
            used[name] = ("decides", "messages")
    rest: Fate = "stays" if method in ("grpo", "rloo", "ppo") else "left"
    told = ((name, *used.get(name, (rest, ""))) for name in columns)
    return tuple(
        (name, "left" if fate == "stays" and name in READ_BY_TRL else fate, target) for name, fate, target in told
    )


def kept_columns(shape: Shape, method: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that stay beside the prompt for the reward functions."""
    if method not in ("grpo", "rloo", "ppo"):
        return {}
    gone = {name for name, _, part in shape.uses if part in ("prompt", "messages", "tools")}
    return {name: value for name, value in row.items() if name not in gone and name not in READ_BY_TRL}


def convert(
    rows: Iterable[Mapping[str, Any]],
    method: str,
    shape: Shape,
    *,
    texts: bool = False,
    lost: Callable[[int, str], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows as TRL reads them for a method: conversations, which keep who says what; `texts`: texts.

    `lost` is told the number and the reason (a key of `REASONS`) of each row that cannot be converted.
    """
    for at, row in enumerate(rows):
        try:
            made = rows_of(shape.read(row), shape, method)
            if texts:
                made = [plain_row(one) for one in made]
        except Unconvertible as problem:
            if lost:
                lost(at, problem.reason)
            continue
        except (TypeError, KeyError, AttributeError, IndexError):  # a row of another build than those looked at
            if lost:
                lost(at, "kind")
            continue
        beside = kept_columns(shape, method, row)
        for one in made:
            yield {**one, **beside}


def propose(rows: Rows, method: str, mapping: Any = None, text_field: str = "text") -> Proposal | None:
    """How the rows of a split can be made those that a method reads; None if their shape is not known, or has not what it needs.

    A `column_mapping` that the config has already is not heeded: what is proposed takes its place.
    """
    held = rows.rows
    if not len(held) or method not in ABLE:
        return None
    first = [held[at] for at in range(min(len(held), LOOKED_AT))]
    shape = recognise(held)
    found = mapping_for(rows, method, text_field)
    if found is not None:
        taken = {source: wanted for wanted, source in found.items()}
        fates: tuple[tuple[str, Fate, str], ...] = tuple(
            (one, "becomes", taken[one]) if one in taken else (one, "stays", "") for one in rows.columns
        )
        return Proposal(shape.name if shape else "renamed", method, found, fates, len(first), len(first), {})
    if shape is None or shape.name not in ABLE[method]:
        return None
    reasons: Counter[str] = Counter()
    numbers: dict[str, list[int]] = {}

    def lost(at: int, reason: str) -> None:
        reasons[reason] += 1
        if len(numbers.setdefault(reason, [])) < 5:
            numbers[reason].append(int(rows.numbers[at]))

    made = sum(1 for _ in convert((held[at] for at in range(len(held))), method, shape, lost=lost))
    if not made:
        return None
    told = {reason: (count, tuple(numbers[reason])) for reason, count in reasons.most_common()}
    return Proposal(shape.name, method, None, targets(shape, method, rows.columns), len(held), made, told)


def mapping_for(rows: Rows, method: str, text_field: str = "text") -> dict[str, str] | None:
    """A `column_mapping` that makes the rows looked at those that a method reads; None if renaming does not suffice."""
    first = [rows.rows[at] for at in range(min(len(rows.rows), LOOKED_AT))]
    _, facts = hint(shapes_of(method, text_field), typical(first))
    taken = facts.get("taken")
    if not taken:
        question = next((one for one in SYNONYMS["prompt"] if one in rows.columns), None)
        if question is None or not {"chosen", "rejected"} <= set(rows.columns) or "prompt" in rows.columns:
            return None
        taken = {"prompt": question}
    try:
        named = renames(taken, rows.columns, rows.where)
        renamed = [{named.get(name, name): value for name, value in row.items()} for row in first]
        read = columns_read(method, list(renamed[0]), renamed[0], rows.where, text_field)
        check_rows(enumerate(renamed), read, rows.where, text_field)
    except WrongColumns:
        return None
    if any(row.get(name) in (None, "") for row in renamed for name in read):
        return None
    about = "input" if "instruction" in taken.values() else None
    if about and any(isinstance(row.get(about), str) and row[about].strip() for row in first):
        return None  # Alpaca: what the instruction is about would be lost
    return dict(taken)


def write_converted(
    rows: Rows, method: str, path: Path, *, texts: bool = False, progress: Callable[[int], None] | None = None
) -> tuple[int, dict[str, int]]:
    """Write the rows, all of them where they are at hand, as JSON Lines that a method reads; how many, and the lost by reason.

    The file is put in its place whole.

    Raises:
        WrongColumns: the shape of the rows is not known, or they have not what the method reads.
    """
    held = rows.rows if rows.every is None else rows.every
    shape = recognise(held)
    if shape is None or shape.name not in ABLE.get(method, ()):
        raise WrongColumns("no-conversion", where=rows.where, columns=", ".join(rows.columns), method=method)
    reasons: Counter[str] = Counter()
    made = convert(
        (held[at] for at in range(len(held))),
        method,
        shape,
        texts=texts,
        lost=lambda _, reason: reasons.update([reason]),
    )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    count = 0
    try:
        with temporary.open("w", encoding="utf-8") as file:
            for row in made:
                file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
                count += 1
                if progress and count % 1000 == 0:
                    progress(count)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count, dict(reasons)
