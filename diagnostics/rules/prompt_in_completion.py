"""prompt-in-completion: the answers begin with their prompt, which training sees twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostics.finding import Finding, Fix, Limit, TableEvidence, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.need import need_rows, sampled, short

NAME = "prompt-in-completion"
METHODS = ("sft", "reward", "dpo", "kto")
EXPLAINS = ("duplicate-rows",)

SOME = Limit(0.01, "share of the rows", "ours: an answer may begin by repeating its question")
MOST = Limit(0.5, "share of the rows", "ours: by then it is how the column was made")
LONG = Limit(16, "letters", "ours: a short prompt may be the first word of its answer by chance")


def preflight(material: Material) -> Finding | None:
    """Count the rows of which an answer begins with the whole prompt."""
    rows = need_rows(material)
    if "prompt" not in rows.columns:
        return None
    counts: dict[str, int] = {}
    shown: list[tuple[str, str, str]] = []
    looked = 0
    for number, row in sampled(rows):
        looked += 1
        for column in ("completion", "chosen", "rejected"):
            if column in row and begins_with(row[column], row["prompt"]):
                counts[column] = counts.get(column, 0) + 1
                if len(shown) < 6:
                    shown.append((str(number), short(row["prompt"]), short(row[column])))
    if not counts:
        return None
    column = max(counts, key=lambda name: counts[name])
    share = counts[column] / looked
    if share < SOME:
        return None
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.95 if share >= MOST else 0.75,
        first_step=0,
        last_step=0,
        facts={"share": share, "rows": round(share * len(rows.numbers)), "column": column},
        evidence=(TableEvidence("repeated", ("row", "prompt", column), tuple(shown)),),
        causes=("whole", "echo"),
        fixes=(Fix("strip", "show", facts={"column": column}),),
    )


def begins_with(answer: Any, prompt: Any) -> bool:
    """Whether an answer begins with the whole prompt: as a text, or message by message."""
    if isinstance(answer, str) and isinstance(prompt, str):
        question = prompt.strip()
        return len(question) >= LONG and answer.lstrip().startswith(question)
    if not isinstance(answer, list) or not isinstance(prompt, list) or not prompt or not answer:
        return False
    if len(answer) > len(prompt) and all(same(a, p) for a, p in zip(answer, prompt, strict=False)):
        return True
    content, question = answer[0].get("content"), prompt[-1].get("content")
    if not isinstance(content, str) or not isinstance(question, str):
        return False
    question = question.strip()
    return len(question) >= LONG and content.lstrip().startswith(question)


def same(one: Any, other: Any) -> bool:
    """Whether two messages have the same role and content."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return False
    return bool(one.get("role") == other.get("role") and one.get("content") == other.get("content"))


WORDS = {
    "en": Words(
        title="The prompt is repeated inside the answer",
        summary="In {rows} rows ({share:.0%}) {column} begins with the whole prompt.",
        why="Training sees the prompt twice and teaches the model to repeat it; in a preference both sides share the text.",
        wrong_if="the answers are meant to repeat the question",
        causes={
            "whole": "The column holds whole texts, prompt and answer, beside a prompt column of its own.",
            "echo": "The answers were sampled from a model with its prompt left in the output.",
        },
        fixes={"strip": "Cut the prompt off the beginning of {column}, or remove the prompt column"},
        about="""Compares each answer's beginning with its whole prompt, as text or message by message. Prompts below 16 letters are
not judged. 1 % of the rows is a warning.

For pairs without a prompt column TRL takes the common beginning of both answers as the prompt, which is right: the rule
looks only where a prompt column stands beside. Source: huggingface/trl#6433.""",
    ),
    "zh": Words(
        title="回答里重复了提示",
        summary="{rows} 行（{share:.0%}）的 {column} 以完整的提示开头。",
        why="训练会看到两遍提示，并教模型去复述它；在偏好数据里，两侧会共有这段文本。",
        wrong_if="回答本来就要复述问题",
        causes={
            "whole": "该列存放的是“提示加回答”的全文，旁边又另有提示列。",
            "echo": "回答由模型采样得到，输出里保留了提示。",
        },
        fixes={"strip": "去掉 {column} 开头的提示，或删除提示列"},
        about="""把每个回答的开头与完整的提示比较（按文本或逐条消息）。少于 16 个字符的提示不判断。达到 1% 的行为警告。

没有提示列的成对数据，TRL 会把两个回答的共同开头当作提示，这是正确的：本规则只看另有提示列的数据。来源：
huggingface/trl#6433。""",
    ),
}
