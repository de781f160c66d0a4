"""Near duplicates: found at the overlap that is promised, in words and signs; templates and numbers are no copies."""

from __future__ import annotations

import random

import pytest

from diagnostics.preflight.near import near_pairs
from diagnostics.preflight.texts import length, normal

RNG = random.Random(0)
WORDS = ["".join(RNG.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(6)) for _ in range(3000)]


def text(words: int) -> str:
    return " ".join(RNG.choice(WORDS) for _ in range(words))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello, World!", "hello world"),
        ("你好，世界！", "你好 世界"),
        ("Ｈｅｌｌｏ　１２３", "hello 123"),
        ("a\u200bb  c\n\nd", "ab c d"),
        ("“Quoted” text…", '"quoted" text...'),
        ("模型 GPT-4 很 好。", "模型GPT-4很好"),
    ],
)
def test_what_says_the_same_is_normalised_to_the_same(one: str, other: str) -> None:
    assert normal(one) == normal(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1.5 times", "15 times"), ("C++", "C"), ("what is 3-2", "what is 3+2"), ("不好", "好"), ("it's", "its")],
)
def test_what_says_something_else_stays_different(one: str, other: str) -> None:
    assert normal(one) != normal(other)


def test_signs_count_as_words() -> None:
    assert (length("three short words"), length("你好世界"), length("用GPT写诗")) == (3, 4, 4)


@pytest.mark.parametrize("words", [40, 120])
def test_a_changed_word_is_near_and_half_a_text_is_not(words: int) -> None:
    texts = [text(words) for _ in range(300)]
    copies = [" ".join([*one.split()[: words // 2], "changed", *one.split()[words // 2 + 1 :]]) for one in texts[:100]]
    halves = [" ".join([*one.split()[: words // 2], *text(words // 2).split()]) for one in texts[100:200]]
    found = {(one, other) for one, other, _ in near_pairs([*texts, *copies, *halves])}
    assert {(at, 300 + at) for at in range(100)} <= found
    assert not [pair for pair in found if pair[1] >= 400]


def test_nearly_all_pairs_at_the_limit_are_found() -> None:
    texts = [text(60) for _ in range(400)]
    # Two words changed far apart: 6 of 58 runs, an overlap of 52 / 64.
    copies = [" ".join([*one.split()[:20], "x", *one.split()[21:40], "y", *one.split()[41:]]) for one in texts]
    found = {other for _, other, overlap in near_pairs([*texts, *copies]) if overlap >= 0.8}
    assert len(found) >= 396


def test_chinese_is_compared_by_signs() -> None:
    signs = "春眠不觉晓处闻啼鸟夜来风雨声花落知多少床前明月光疑是地上霜举头望低思故乡"
    texts = ["".join(RNG.choice(signs) for _ in range(60)) for _ in range(100)]
    copies = [one[:30] + "新" + one[31:] for one in texts[:50]]
    found = {(one, other) for one, other, _ in near_pairs([*texts, *copies])}
    assert {(at, 100 + at) for at in range(50)} <= found


def test_a_template_with_other_contents_is_no_copy() -> None:
    template = text(80)
    assert near_pairs([f"{template} {text(12)}" for _ in range(300)]) == []


def test_texts_that_differ_in_a_number_are_different() -> None:
    one = text(40)
    assert near_pairs([f"{one} order 17", f"{one} order 18", text(40)]) == []
    assert len(near_pairs([f"{one} order 17", f"{one} order 17 please", text(40)])) == 1


@pytest.mark.parametrize("texts", [[], ["a"], ["", "", ""], ["a b", "a b"]])
def test_short_and_few_texts_are_no_trouble(texts: list[str]) -> None:
    assert near_pairs(texts) == []
