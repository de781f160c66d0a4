"""The side effects of training in words, English and Chinese."""

from __future__ import annotations

from typing import Literal

from diagnostics.compare.texts.side_effects import SideEffect

Lang = Literal["en", "zh"]

# By rule: a title, and a sentence with the effect's fields.
WORDS: dict[Lang, dict[str, tuple[str, str]]] = {
    "en": {
        "template-leak": (
            "Control tokens in the answers",
            "{after:.0%} of the answers of {source} hold control tokens or role markers; at {baseline} {before:.0%}.",
        ),
        "empty-output": (
            "Empty answers",
            "{after:.0%} of the answers of {source} are empty; at {baseline} {before:.0%}.",
        ),
        "gibberish": (
            "Gibberish",
            "{after:.0%} of the answers of {source} are no readable writing; at {baseline} {before:.0%}.",
        ),
        "language-switch": (
            "Answers in another language",
            "{after:.0%} of the answers of {source} are in another language than the question; at {baseline} {before:.0%}.",
        ),
        "mode-collapse": (
            "The same answer to everything",
            "Answers to different questions share {after:.0%} of their word pairs at {source}; at {baseline} {before:.0%}.",
        ),
        "never-stops": (
            "Answers that do not end",
            "{after:.0%} of the answers of {source} are cut off by the token budget; at {baseline} {before:.0%}.",
        ),
        "repetition": (
            "The answers repeat themselves",
            "At {source} {after:.0%} of an answer's four-word runs were there before; at {baseline} {before:.0%}.",
        ),
        "refusal": (
            "More refusals",
            "{source} declines to answer in {after:.0%} of the answers; {baseline} in {before:.0%}.",
        ),
        "answers-longer": (
            "The answers are longer",
            "The answers of {source} have {after:.0f} tokens in the mean; those of {baseline} {before:.0f}.",
        ),
        "answers-shorter": (
            "The answers are shorter",
            "The answers of {source} have {after:.0f} tokens in the mean; those of {baseline} {before:.0f}.",
        ),
    },
    "zh": {
        "template-leak": (
            "回答里出现控制标记",
            "{source} 有 {after:.0%} 的回答含有控制标记或角色标记；{baseline} 为 {before:.0%}。",
        ),
        "empty-output": ("空回答", "{source} 有 {after:.0%} 的回答是空的；{baseline} 为 {before:.0%}。"),
        "gibberish": ("乱码", "{source} 有 {after:.0%} 的回答无法阅读；{baseline} 为 {before:.0%}。"),
        "language-switch": (
            "回答换了语言",
            "{source} 有 {after:.0%} 的回答与问题语言不同；{baseline} 为 {before:.0%}。",
        ),
        "mode-collapse": (
            "对什么问题都给同样的回答",
            "{source} 对不同问题的回答有 {after:.0%} 的词对相同；{baseline} 为 {before:.0%}。",
        ),
        "never-stops": (
            "回答停不下来",
            "{source} 有 {after:.0%} 的回答被词元上限截断；{baseline} 为 {before:.0%}。",
        ),
        "repetition": (
            "回答自我重复",
            "{source} 的回答里有 {after:.0%} 的四词片段此前已出现；{baseline} 为 {before:.0%}。",
        ),
        "refusal": ("拒答变多", "{source} 在 {after:.0%} 的回答里拒绝作答；{baseline} 为 {before:.0%}。"),
        "answers-longer": (
            "回答变长",
            "{source} 的回答平均 {after:.0f} 个词元；{baseline} 为 {before:.0f} 个。",
        ),
        "answers-shorter": (
            "回答变短",
            "{source} 的回答平均 {after:.0f} 个词元；{baseline} 为 {before:.0f} 个。",
        ),
    },
}


def title_of(rule: str, lang: Lang = "en") -> str:
    """A side effect's title.

    Raises:
        KeyError: there is no such rule.
    """
    return WORDS[lang][rule][0]


def summary_of(effect: SideEffect, lang: Lang = "en") -> str:
    """What changed, in a sentence."""
    return WORDS[lang][effect.rule][1].format(
        source=effect.source, baseline=effect.baseline, before=effect.before, after=effect.after
    )
