"""Format: whether the answer has the form that was asked for, and whole markup where none was.

Measures: form alone, nothing of the content.
How: where the row has a `format` column, 1 if the answer has that form and else 0: `json` (the whole answer parses),
`list` (two lines or more begin with a bullet or a number), `code` (a closed code block), `sentence` (one line, ended by a
sentence mark), or anything else, which is read as a regular expression that the whole answer must match. Without the
column, or where it is empty: 1 less 0.5 for each kind of broken markup: a code block that is not closed, bold marks
without their pair, a control token or role marker of a chat template, a HTML tag that is not closed, empty lines at the
start or three and more in the middle.
Range: 0 to 1, higher is better; 0 for an empty answer.
Columns: `format`, where the data has it.
Can be gamed by: an empty shell of the form: `{}` is JSON. A pattern should ask for content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from diagnostics.compare.texts.traits import leaked
from training.rewards.texts import question_of, text_of

FAULT = 0.5  # what each kind of broken markup costs. Ours
ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)、])\s*\S", re.MULTILINE)
CODE_BLOCK = re.compile(r"```[^\n`]*\n.*?\n```", re.DOTALL)
SENTENCE = re.compile(r"[^\n]+[.!?。！？]")
EMPTY_LINES = re.compile(r"\A\s*\n|\n\s*\n\s*\n\s*\n")
TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)\b[^<>]*?(/?)>")
SINGLE_TAGS = frozenset(("br", "hr", "img"))


def format_reward(
    prompts: list[Any],
    completions: list[Any],
    format: list[str | None] | None = None,  # noqa: A002 - it is the column's name
    **columns: Any,
) -> list[float]:
    """How well the form of each answer fits, 0 to 1."""
    wanted = format or [None] * len(completions)
    return [
        form(text_of(completion), question_of(prompt), one)
        for prompt, completion, one in zip(prompts, completions, wanted, strict=True)
    ]


def form(answer: str, question: str, wanted: str | None) -> float:
    """Whether the answer has the `wanted` form; without one, how whole its markup is."""
    if not answer.strip():
        return 0.0
    if not wanted:
        return max(0.0, 1.0 - FAULT * len(faults(answer, question)))
    has_form = FORMS.get(wanted)
    return float(has_form(answer) if has_form else re.fullmatch(wanted, answer.strip(), re.DOTALL) is not None)


def is_json(answer: str) -> bool:
    """Whether the whole answer is one JSON value, an object or a list."""
    try:
        return isinstance(json.loads(answer), dict | list)
    except ValueError:
        return False


FORMS: dict[str, Callable[[str], bool]] = {
    "json": is_json,
    "list": lambda answer: len(ITEM.findall(answer)) >= 2,
    "code": lambda answer: CODE_BLOCK.search(answer) is not None,
    "sentence": lambda answer: SENTENCE.fullmatch(answer.strip()) is not None,
}


def faults(answer: str, question: str) -> list[str]:
    """The kinds of broken markup in an answer."""
    outside = CODE_BLOCK.sub("", answer)
    seen = {
        "open code block": answer.count("```") % 2 == 1,
        "open bold": outside.count("**") % 2 == 1,
        "control token": bool(leaked(answer, question)),
        "open tag": open_tags(outside),
        "empty lines": EMPTY_LINES.search(outside) is not None,
    }
    return [name for name, found in seen.items() if found]


def open_tags(text: str) -> bool:
    """Whether a tag is not closed, or closed without having been opened."""
    opened: list[str] = []
    for closing, name, single in TAG.findall(text):
        if single or name in SINGLE_TAGS:
            continue
        if not closing:
            opened.append(name)
        elif not opened or opened.pop() != name:
            return True
    return bool(opened)


# The page of this reward in Chinese, for docs/zh/rewards.md: as the docstring on top.
CHINESE = """回答是否有所要求的形式；没有要求时，标记是否完整。

衡量：只看形式，与内容无关。
做法：该行有 `format` 列时，回答符合该形式得 1，否则得 0：`json`（整个回答可以解析）、`list`（至少两行以项目符号或编号开头）、
`code`（一个闭合的代码块）、`sentence`（一行，以句末标点结束），其他写法视为整个回答必须匹配的正则表达式。没有该列或为空时：
满分 1，每一类破损的标记扣 0.5：没有闭合的代码块、不成对的粗体标记、对话模板的控制词元或角色标记、没有闭合的 HTML 标签、开头的空行或中间三个以上的空行。
取值：0 到 1，越高越好；空回答为 0。
列：数据中有 `format` 时使用。
如何被钻空子：只有形式的空壳：`{}` 也是 JSON。模式应当要求内容。
"""
