"""completions-empty: answers to be learned that say nothing, so that the model learns to end at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diagnostics.finding import Finding, Fix, Limit, TableEvidence, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import need_rows, said, sampled, short, text_of

NAME = "completions-empty"
METHODS = ("sft", "reward", "dpo", "kto")
EXPLAINS = ("length-collapse",)

SOME = Limit(0.005, "share of the rows", "ours: an empty cell in two hundred is no accident of one")
MOST = Limit(0.5, "share of the rows", "ours: a column that is mostly empty is the wrong column")


def preflight(material: Material) -> Finding | None:
    """Count the rows with an answer of nothing but blanks."""
    rows = need_rows(material)
    text_field = material.value("dataset_text_field") or "text"
    counts: dict[str, int] = {}
    shown: list[tuple[str, str, str]] = []
    looked = 0
    for number, row in sampled(rows):
        looked += 1
        for column, answer in answers(row, text_field):
            if answer.strip():
                continue
            counts[column] = counts.get(column, 0) + 1
            if len(shown) < 8:
                shown.append((str(number), column, short(text_of(row.get("prompt")) or answer)))
    if not counts:
        return None
    column = max(counts, key=lambda name: counts[name])
    share = counts[column] / looked
    if share < SOME:
        return None
    return Finding(
        rule=NAME,
        severity="error" if share >= MOST and column != "rejected" else "warning",
        confidence=0.95,
        first_step=0,
        last_step=0,
        facts={"share": share, "rows": round(share * len(rows.numbers)), "column": column},
        evidence=(TableEvidence("empty", ("row", "column", "prompt"), tuple(shown)),),
        causes=("column", "export"),
        fixes=(Fix("filter", "show", facts={"column": column}),),
    )


def answers(row: Mapping[str, Any], text_field: str) -> list[tuple[str, str]]:
    """The answers of a row by the column they stand in."""
    found = [(one, last_answer(row[one])) for one in ("completion", "chosen", "rejected") if one in row]
    if found:
        return found
    for column in ("messages", "conversations"):
        value = row.get(column)
        if isinstance(value, Sequence) and not isinstance(value, str) and value:
            return [(column, last_answer(value))]
    return [(text_field, row[text_field] or "")] if isinstance(row.get(text_field), str) else []


def last_answer(value: Any) -> str:
    """What the last message says, or the text itself; a call of a tool says something."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, Sequence):
        return str(value)  # wrong-columns speaks of its kind
    last = value[-1] if len(value) else {}
    if not isinstance(last, Mapping):
        return str(last)
    return "tool" if last.get("tool_calls") else said(last)


WORDS = {
    "en": Words(
        title="Answers are empty",
        summary="{rows} rows ({share:.1%}) have nothing but blanks as their answer (column {column}).",
        why="Nothing fails: the model learns that ending at once is an answer, and a preference for it shifts whole runs.",
        wrong_if="no answer is the right answer to these prompts",
        causes={
            "column": "The column that holds the answers is another one.",
            "export": "The rows were exported before their answers were written, or refusals were stripped.",
        },
        fixes={"filter": "Filter out the rows whose {column} is blank"},
        about="""Counts rows whose completion, chosen or rejected answer, last message or text is empty or blank. 0.5 % is a warning;
half of the rows is an error, unless only the rejected answers are empty. A message that calls a tool is not empty.

What training does with them: SFT trains on the end token alone; in DPO an empty answer's log-probability is that of one
token, far above any real answer's. Source: huggingface/trl#3719, #2093.""",
    ),
    "zh": Words(
        title="回答为空",
        summary="{rows} 行（{share:.1%}）的回答只有空白（列 {column}）。",
        why="不会报错：模型会学到“立刻结束”也是一种回答，对它的偏好足以带偏整个训练。",
        wrong_if="对这些提示来说，不作答就是正确的回答",
        causes={
            "column": "真正存放回答的是另一列。",
            "export": "导出时回答尚未写入，或拒答内容被清除了。",
        },
        fixes={"filter": "过滤掉 {column} 为空白的行"},
        about="""统计 completion、chosen、rejected、最后一条消息或文本为空或只有空白的行。0.5% 为警告；达到一半为错误（若只有
rejected 为空则仍为警告）。调用工具的消息不算空。

训练会怎样处理它们：SFT 只在结束词元上训练；DPO 里空回答的对数概率只有一个词元，远高于任何真正的回答。来源：
huggingface/trl#3719、#2093。""",
    ),
}
