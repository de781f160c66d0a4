"""Length: whether the answer is neither too short nor too long, in words or Chinese characters.

Measures: the length of the answer, nothing of its content. A text is measured in Chinese characters where they are a
tenth of its letters or more, else in words; numbers count as words in both.
How: 1 within the range, falling in a straight line to 0 at nothing below it and at twice the upper end above it. The
range is 8 to 60 words, or 12 to 100 Chinese characters, which is the length of a service answer of one to four
sentences; `length_within` makes one for another range.
Range: 0 to 1, higher is better.
Columns: none.
Can be gamed by: filler of the right length. It is meant as a rail beside other rewards: unlike a plain reward for
brevity it has a flat top, so that it says nothing to answers that are already in the range.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diagnostics.compare.prompts import language
from diagnostics.compare.texts.traits import units_of
from training.rewards.texts import text_of

WORDS = (8, 60)
CHARACTERS = (12, 100)


def length_within(
    words: tuple[int, int] = WORDS, characters: tuple[int, int] = CHARACTERS
) -> Callable[..., list[float]]:
    """A reward for lengths within `words`, or `characters` for Chinese answers: each (shortest, longest), in that unit.

    Raises:
        ValueError: a range is not two numbers of which the first is positive and not above the second.
    """
    for name, (shortest, longest) in (("words", words), ("characters", characters)):
        if not 0 < shortest <= longest:
            raise ValueError(f"{name}: ({shortest}, {longest}) is no range; expected (shortest, longest), from 1 on.")

    def length_reward(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
        """How well the length of each answer fits, 0 to 1."""
        return [fit(text_of(completion), words, characters) for completion in completions]

    return length_reward


def fit(answer: str, words: tuple[int, int], characters: tuple[int, int]) -> float:
    """1 within the range of the answer's language; outside, the straight lines to 0."""
    count = sum(any(one.isalnum() for one in unit) for unit in units_of(answer))
    shortest, longest = characters if language(answer) == "zh" else words
    if count < shortest:
        return count / shortest
    return max(0.0, 1.0 - max(0, count - longest) / longest)


length_reward = length_within()


# The page of this reward in Chinese, for docs/zh/rewards.md: as the docstring on top.
CHINESE = """回答是否不太短也不太长，以词或汉字计。

衡量：回答的长度，与内容无关。汉字占字母的十分之一以上时按汉字计，否则按词计；数字在两种情况下都算词。
做法：范围之内得 1；低于范围时直线降到零长度处的 0，高于范围时直线降到上限两倍处的 0。范围为 8 到 60 个词，或 12 到 100 个汉字，
即一到四句的客服回答的长度；`length_within` 可以生成其他范围的版本。
取值：0 到 1，越高越好。
列：无。
如何被钻空子：长度合适的填充语。它是其他奖励旁边的护栏：与单纯奖励简短不同，它的顶部是平的，对已在范围内的回答不再施加影响。
"""
