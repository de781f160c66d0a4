"""Politeness: whether the answer has the manners of a service desk, by phrases.

Measures: kinds of polite phrases, and rude ones. It knows the phrases listed in its file, no tone and no irony.
How: five kinds are counted once each: greeting, thanks, apology, offer of more help, good wishes or "please", after the
politeness strategies of Danescu-Niculescu-Mizil et al. (2013). Two kinds are enough for 1, one gives 0.5. Any rude phrase
gives 0. A kind counts once, so that saying sorry three times earns nothing more.
Range: 0, 0.5 or 1, higher is better; 0 for an empty answer.
Columns: none.
Can be gamed by: phrases instead of an answer ("Hello, thank you!"). In the runs behind this project a model that was
rewarded for manners alone learned "I am sorry to hear that." three times over and nothing else. Weigh it below
`helpfulness` and `relevance`, and add `repetition`.
"""

from __future__ import annotations

import re
from typing import Any

from training.rewards.texts import text_of

ENOUGH = 2  # kinds of polite phrases for the whole score. Ours
KINDS = {
    "greeting": r"\b(?:hello|hi|dear|good (?:morning|afternoon|evening))\b|您好|你好|早上好|下午好|晚上好",
    "thanks": r"\bthank(?:s| you)\b|\bappreciate\b|感谢|谢谢|多谢",
    "apology": r"\b(?:sorry|apologi[sz]e|apolog(?:y|ies)|regret)\b|抱歉|对不起|不好意思|歉意",
    "offer": r"\b(?:happy|glad|pleased) to\b|\banything else\b|\blet me know\b|\bfeel free\b|\bhow (?:can|may) I\b"
    r"|为您服务|还有什么|随时(?:联系|告诉)|帮您|很高兴|乐意",
    "wishes": r"\bplease\b|\bhave a (?:nice|good|great|wonderful|lovely)\b|\b(?:kind|best) regards\b|请(?:问|您)|祝您|祝你|敬请",
}
RUDE = re.compile(
    r"\b(?:stupid|idiot|dumb|moron|shut up|damn|nonsense|whatever)\b|\bnot (?:my|our) problem\b|\bI don't care\b"
    r"|\bjust wait\b|\bread the (?:website|manual)\b|\bask someone else\b|\bcannot do anything\b|\byour own fault\b"
    r"|笨蛋|傻|蠢|闭嘴|滚|废话|不归我管|关我什么事|自己看|等着吧|问别人去|也没办法|爱要不要",
    re.IGNORECASE,
)


def politeness_reward(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
    """The politeness of each answer: 0, 0.5 or 1."""
    return [politeness(text_of(completion)) for completion in completions]


def politeness(answer: str) -> float:
    """The kinds of polite phrases against `ENOUGH`; 0 with a rude one."""
    if RUDE.search(answer):
        return 0.0
    found = sum(re.search(pattern, answer, re.IGNORECASE) is not None for pattern in KINDS.values())
    return min(found, ENOUGH) / ENOUGH


# The page of this reward in Chinese, for docs/zh/rewards.md: as the docstring on top.
CHINESE = """回答是否有服务台的礼貌，看用语。

衡量：礼貌用语的种类，以及粗鲁用语。它只认识文件里列出的用语，不懂语气和反讽。
做法：五类各计一次：问候、感谢、道歉、表示愿意继续帮忙、祝愿或“请”，依据 Danescu-Niculescu-Mizil 等（2013）的礼貌策略。
有两类即得 1，一类得 0.5。出现任何粗鲁用语得 0。每类只计一次，所以道歉三次不会多得分。
取值：0、0.5 或 1，越高越好；空回答为 0。
列：无。
如何被钻空子：用客套话代替回答（“您好，谢谢！”）。在本项目的训练中，只按礼貌奖励的模型学会了把“I am sorry to hear that.”
说三遍，别无其他。权重应低于 `helpfulness` 和 `relevance`，并加上 `repetition`。
"""
