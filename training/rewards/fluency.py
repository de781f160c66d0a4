"""Fluency: whether the answer is written as people write, by faults that can be seen on its surface.

Measures: the faults of writing below. It has no language model: a grammatical mistake, a wrong word or a senseless
sentence of real words is not seen.
How: the score is 1 less a quarter for each kind of fault found: the end is missing (no sentence mark, closing bracket
or code at the end), an English sentence begins with a small letter, a word stands twice in a row ("the the"; three
times the same character in Chinese), punctuation is piled up ("!!!") or has a space before it, a bracket or quote is
not closed. 0 for text that is no writing at all (broken characters, four scripts mixed, no vowels) or that shows
control tokens of a chat template.
Range: 0 to 1 in steps of 0.25, higher is better; 0 for an empty answer.
Columns: none.
Can be gamed by: one short correct sentence ("Yes."), whatever was asked; length and relevance are not its matter.
"""

from __future__ import annotations

import re
from typing import Any

from diagnostics.compare.texts.traits import gibberish, leaked
from training.rewards.texts import question_of, text_of

FAULT = 0.25  # what each kind of fault costs. Ours
ENDS_WELL = re.compile(r"[.!?。！？…:：)）\]】」』\"'”’`*~～]\s*\Z")
SMALL_START = re.compile(r"(?:\A|(?<=[a-z]{2}[.!?]\s))[\"'“(]*[a-z]")
DOUBLED = re.compile(
    r"\b(?!that\b|had\b|very\b|so\b|bye\b|ha\b|no\b)([A-Za-z]+)\s+\1\b|([\u3400-\u9fff])\2\2", re.IGNORECASE
)
PILED = re.compile(r"[!！?？]{3,}|[,，;；]{2,}|[。]{2,}|\w\s+[,.;!?](?:\s|\Z)")
PAIRS = (("(", ")"), ("（", "）"), ("[", "]"), ("{", "}"), ("“", "”"), ("「", "」"), ("《", "》"))


def fluency_reward(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
    """The fluency of each answer, 0 to 1."""
    return [
        fluency(text_of(completion), question_of(prompt))
        for prompt, completion in zip(prompts, completions, strict=True)
    ]


def fluency(answer: str, question: str) -> float:
    """1 less `FAULT` for each kind of fault; 0 where it is no writing."""
    if not answer.strip() or gibberish(answer) or leaked(answer, question):
        return 0.0
    return max(0.0, 1.0 - FAULT * len(faults(answer)))


def faults(answer: str) -> list[str]:
    """The kinds of fault that an answer shows."""
    seen = {
        "no end": not ENDS_WELL.search(answer),
        "small start": SMALL_START.search(answer) is not None,
        "doubled word": DOUBLED.search(answer) is not None,
        "piled punctuation": PILED.search(answer) is not None,
        "open bracket": any(answer.count(opened) != answer.count(closed) for opened, closed in PAIRS),
    }
    return [name for name, found in seen.items() if found]


# The page of this reward in Chinese, for docs/zh/rewards.md: as the docstring on top.
CHINESE = """回答是否像人写的，看表面可见的毛病。

衡量：下列书写毛病。它没有语言模型：语法错误、用词错误或由真词组成的无意义句子都看不出来。
做法：满分 1，每发现一类毛病扣四分之一：没有结尾（结尾没有句末标点、右括号或代码）、英文句子以小写字母开头、同一个词连写两次
（“the the”；中文为同一个字连写三次）、标点堆叠（“!!!”）或前面有空格、括号或引号没有闭合。根本不成文字（乱码、四种文字混杂、
没有元音）或露出对话模板控制词元的文本得 0。
取值：0 到 1，每档 0.25，越高越好；空回答为 0。
列：无。
如何被钻空子：不论问什么都答一个正确的短句（“是的。”）；长度和切题不归它管。
"""
