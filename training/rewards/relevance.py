"""Relevance: whether the answer is about what was asked, by the words that both have.

Measures: the overlap of words between question and answer. It knows no meaning: an answer in other words than the
question's counts as beside the point, and a wrong answer with the right words counts as relevant.
How: words that carry the matter are compared (stems of English words, pairs of Chinese characters, numbers; no function
words). The score is the share of the question's words that the answer takes up, half of them being enough. An answer
that adds no word of its own only says the question again, and gets 0. Where the row has a `reference` column, the score
is instead the F1 of the answer's words and the reference's, as ROUGE-1 (Lin 2004) without function words.
Range: 0 to 1, higher is better; 0 for an empty answer. A question without such words ("Hi") gives 1 to any answer.
Columns: `reference` (a text, or messages), where the data has it. A `completion` column is not seen: TRL keeps it from
reward functions.
Can be gamed by: saying the question's words again with a filler around them ("You asked about the refund of order
B14, indeed"). Beside it belongs a reward that sees what was said, such as `helpfulness` or a trained reward model.
"""

from __future__ import annotations

from typing import Any

from training.rewards.texts import content_words, question_of, text_of

ENOUGH = 0.5  # the share of the question's words that a good answer takes up; more is echo, not relevance. Ours


def relevance_reward(
    prompts: list[Any], completions: list[Any], reference: list[Any] | None = None, **columns: Any
) -> list[float]:
    """The relevance of each answer, 0 to 1."""
    references = reference or [None] * len(completions)
    return [
        agreement(text_of(completion), text_of(wanted))
        if wanted
        else taken_up(text_of(completion), question_of(prompt))
        for prompt, completion, wanted in zip(prompts, completions, references, strict=True)
    ]


def taken_up(answer: str, question: str) -> float:
    """The share of the question's words in the answer, against `ENOUGH`; 0 for an answer without words of its own."""
    if not answer.strip():
        return 0.0
    asked, said = content_words(question), content_words(answer)
    if not asked:
        return 1.0
    return min(1.0, len(asked & said) / len(asked) / ENOUGH) if said - asked else 0.0


def agreement(answer: str, reference: str) -> float:
    """The F1 of the words of two texts."""
    said, wanted = content_words(answer), content_words(reference)
    return 2 * len(said & wanted) / (len(said) + len(wanted)) if said and wanted else 0.0


# The page of this reward in Chinese, for docs/zh/rewards.md: as the docstring on top.
CHINESE = """回答是否切题，看两者共有的词。

衡量：提问与回答之间词的重合。它不懂含义：换一种说法的回答会算作离题，用词对而内容错的回答会算作切题。
做法：比较承载内容的词（英文词干、汉字两两组合、数字；不含虚词）。得分是回答用到的提问词所占的比例，用到一半即满分。
没有任何自己的词、只是把提问重复一遍的回答得 0。若该行有 `reference` 列，则改为回答与参考答案的词的 F1，即去掉虚词的
ROUGE-1（Lin 2004）。
取值：0 到 1，越高越好；空回答为 0。提问里没有这类词（“Hi”）时，任何回答都得 1。
列：数据中有 `reference`（文本或消息）时使用。看不到 `completion` 列：TRL 不把它交给奖励函数。
如何被钻空子：在填充语里重复提问的词（“您问的是订单 B14 的退款，是的”）。应与能看出说了什么的奖励一起用，例如
`helpfulness` 或训练出来的奖励模型。
"""
