"""Helpfulness: whether the answer does or says something concrete about the request instead of putting it off.

Measures: the signs of help below. It cannot know whether what is promised is true, possible or right.
How: 0 for an answer that is empty, refuses, sends the customer away ("not my problem", "问别人去"), is in another language
than the question, or is no writing at all. Else the sum of: 0.4 for answering; 0.4 for something concrete, which is an
action ("I have cancelled", "you can return it", "我已为您取消", "可以退货"), a step, a time, an amount or a link; 0.2 for
keeping to the numbers that the customer named: all of them stand in the answer, and no other code of letters and digits
does.
Range: 0 to 1, higher is better.
Columns: none.
Can be gamed by: promising ("I have refunded you") without any ground, which a human would call lying, and by adding a
time to any sentence. A reward model that was trained on wrong promises as rejected answers is the remedy.
"""

from __future__ import annotations

import re
from typing import Any

from diagnostics.compare.prompts import language
from diagnostics.compare.texts.traits import gibberish, refuses, switches
from training.rewards.texts import codes, question_of, text_of

ANSWERED, CONCRETE, NUMBERS_KEPT = 0.4, 0.4, 0.2  # the shares of the score. Ours
SENT_AWAY = re.compile(
    r"\bnot (?:my|our) (?:problem|job|business|fault)\b|\b(?:ask|call|find|try) (?:someone|somebody|anyone) else\b"
    r"|\bread the (?:website|manual|faq)\b|\bjust wait\b|\bcannot do anything\b|\bcan't do anything\b"
    r"|\b(?:figure|sort) it out yourself\b|\bI don't (?:know|care)\b"
    r"|不归我管|不关我|自己看|等着吧|没办法|问别人|找别人|不知道|随便你",
    re.IGNORECASE,
)
ACTION = re.compile(
    r"\b(?:I|we)(?:'ve|'ll| have| will| am| are|'m|'re) (?:now |just |already |also )?(?!sorry|happy|glad|afraid|pleased)\w+"
    r"|\b(?:you (?:can|may|will)|your \w+ (?:is|has|will)|order \w+ (?:is|was|has|will)|please (?:send|open|click|choose|use|go))\b"
    r"|\b(?:has|have) been \w+ed\b|\b(?:first|then|next|step \d)\b"
    r"|我(?:们)?(?:已|会|将|来|马上|立即|正在)|已(?:经)?(?:为您|取消|退|发|更|修|登记|安排)|(?:您|你)?可以(?!帮您)|请(?!问)(?:您)?\w|首先|然后|将(?:会)?\w",
    re.IGNORECASE,
)
FACT = re.compile(
    r"\d|https?://|\b(?:today|tomorrow|one|two|three|four|five|six|seven|ten) (?:hours?|days?|weeks?|minutes?)\b"
    r"|\b(?:today|tomorrow)\b|[一二两三四五六七八九十]\s?(?:个)?(?:工作)?(?:小时|天|日|周|分钟)|今天|明天",
    re.IGNORECASE,
)
CODE = re.compile(r"[A-Z]+\d+|\d+[A-Z]+")  # an order number, other than a count or an amount


def helpfulness_reward(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
    """The helpfulness of each answer, 0 to 1."""
    return [
        helpfulness(text_of(completion), question_of(prompt))
        for prompt, completion in zip(prompts, completions, strict=True)
    ]


def helpfulness(answer: str, question: str) -> float:
    """The sum of the shares that the answer earns; 0 for one that does not answer."""
    if not answer.strip() or refuses(answer) or SENT_AWAY.search(answer) or gibberish(answer):
        return 0.0
    if switches(answer, language(question)):
        return 0.0
    asked = codes(question)
    # A number that the customer named and the answer repeats is no fact.
    new = re.sub("|".join(map(re.escape, asked)), "", answer, flags=re.IGNORECASE) if asked else answer
    concrete = ACTION.search(answer) is not None or FACT.search(new) is not None
    strange = {one for one in codes(answer) - asked if CODE.fullmatch(one)}
    kept = asked <= codes(answer) and not strange
    return round(ANSWERED + CONCRETE * concrete + NUMBERS_KEPT * kept, 6)


# The page of this reward in Chinese, for docs/zh/rewards.md: as the docstring on top.
CHINESE = """回答是否对请求做了或说了具体的事，而不是推托。

衡量：下列有帮助的迹象。它无从知道所承诺的是否属实、可行或正确。
做法：空回答、拒绝、把顾客打发走（“not my problem”、“问别人去”）、与提问语言不同、或不成文字的回答得 0。否则为以下之和：作答得 0.4；
有具体内容得 0.4，即一个动作（“I have cancelled”、“you can return it”、“我已为您取消”、“可以退货”）、一个步骤、一个时间、一个金额或一个链接；
与顾客所说的号码一致得 0.2：这些号码全部出现在回答里，且没有别的字母数字编号。
取值：0 到 1，越高越好。
列：无。
如何被钻空子：毫无根据地承诺（“已为您退款”），人会称之为说谎；以及给任何句子加上一个时间。办法是用一个以错误承诺为劣答训练的奖励模型。
"""
