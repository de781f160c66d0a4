"""Repetition: whether the answer says things once; 1 without repetition, near 0 in a loop.

Measures: repeated word sequences within one answer, not that all answers are alike.
How: 1 less the greater of two shares: of the 4-grams that were there before (rep-4 of Welleck et al. 2020), of words or of
Chinese characters; and of the longest stretch that is one pattern three times or more back to back.
Range: 0 to 1, higher is better; 0 for an empty answer. People's texts lie at 0.95 to 1 (Welleck et al. 2020). TRL's
`get_repetition_penalty_reward` counts tokens instead and gives penalties from -1 to 0.
Columns: none.
Can be gamed by: very short answers, which have nothing to repeat, and by the same thing said in other words.
"""

from __future__ import annotations

from typing import Any

from diagnostics.compare.texts.traits import longest_repeat, repeated_share, units_of
from training.rewards.texts import text_of


def repetition_reward(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
    """How free of repetition each answer is, 0 to 1."""
    return [freshness(text_of(completion)) for completion in completions]


def freshness(answer: str) -> float:
    """1 less the repeated share of an answer; 0 for an empty one."""
    units = units_of(answer)
    return 1.0 - max(repeated_share(answer), longest_repeat(answer) / len(units)) if units else 0.0


# The page of this reward in Chinese, for docs/zh/rewards.md: as the docstring on top.
CHINESE = """回答是否每件事只说一次；没有重复为 1，陷入循环时接近 0。

衡量：一个回答之内重复的词序列，而不是所有回答都一样。
做法：1 减去以下两个比例中较大的一个：此前已出现过的 4-gram 所占比例（Welleck 等 2020 的 rep-4），以词或汉字计；
以及同一模式首尾相接三次以上的最长一段所占比例。
取值：0 到 1，越高越好；空回答为 0。人写的文本在 0.95 到 1 之间（Welleck 等 2020）。TRL 的
`get_repetition_penalty_reward` 按词元计算，给出 -1 到 0 的惩罚。
列：无。
如何被钻空子：非常短的回答，没有什么可重复；以及换一种说法说同一件事。
"""
