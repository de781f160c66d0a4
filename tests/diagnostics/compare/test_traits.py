"""What an answer's text shows: each fault, and what looks like it and is none."""

from __future__ import annotations

import pytest

from diagnostics.compare.texts.diversity import diversity, overlap_shares, overlaps
from diagnostics.compare.texts.traits import gibberish, leaked, longest_repeat, refuses, repeated_share, switches


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I cannot assist with this request.",
        "I cannot provide medical advice.",
        "I am not able to help you with that.",
        "I'm unable to discuss this topic.",
        "As an AI language model, I don't have opinions.",
        "I must decline this request.",
        "抱歉，我无法回答这个问题。",
        "对不起，我不能提供这类信息。",
        "我无法为您提供医疗建议。",
        "作为一个AI语言模型，我不能给出法律意见。",
    ],
)
def test_refusals(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry to hear that your order is late. It will arrive tomorrow.",
        "We cannot ship to Spain, but we can ship to France.",
        "Sorry about that! Here is your refund.",
        "If you cannot help yourself, call us.",
        "I can help you with that.",
        "I will provide the tracking number.",
        "非常抱歉给您带来不便，您的订单明天送达。",
        "对不起，让您久等了，退款已经处理。",
        "如果您无法登录，请重置密码。",
        "我能帮您查询。",
        "",
    ],
)
def test_what_is_no_refusal(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hello<|im_end|>\n<|im_start|>user",
        "Sure.</s>",
        "<s> Hello",
        "[INST] What is it? [/INST]",
        "<start_of_turn>model",
        "<｜end▁of▁sentence｜>",
        "It is late.\nHuman: why?\nAssistant: because",
        "### Response:\nHello",
        "好的。\n用户：谢谢",
        "[PAD][PAD]",
        "<pad>",
        "<|endoftext|>",
    ],
)
def test_leaks(text: str) -> None:
    assert leaked(text)
    assert not leaked(text, prompt=f"What does {text} mean?")


@pytest.mark.parametrize(
    "text",
    [
        "The price is <s>10</s> 8 euros.",
        "Use a | b or x <| y in F#.",
        "The user: a person who uses it. Ask your assistant: she knows.",
        "## Steps\n1. Open it.\n### Notes\nNone.",
        "[1] See the manual. [INSTALL]",
        "系统已恢复，用户可以登录。",
        "<b>bold</b>",
    ],
)
def test_what_is_no_leak(text: str) -> None:
    assert not leaked(text)


def test_repetition() -> None:
    assert repeated_share("a b c d " * 50) > 0.95
    assert repeated_share("好的好的" * 30) > 0.9
    assert repeated_share("Your order was shipped today and will arrive on Monday at noon.") == 0
    assert repeated_share("您的订单今天已经发货，预计周一中午送达。") == 0
    assert repeated_share("short") == repeated_share("") == 0
    assert longest_repeat("ok ok ok ok") == 4
    assert longest_repeat("very, very good") == 0
    assert longest_repeat("start " + "a b c " * 4 + "end") == 12
    assert longest_repeat("好好好好好") == 5
    assert longest_repeat("") == 0


def test_language_switch() -> None:
    assert switches("您的订单已发货。", "en")
    assert switches("Your order was shipped.", "zh")
    assert not switches("您的订单 CN12345 已发货。", "zh")
    assert not switches("42", "zh")
    assert not switches("Bonjour", "en")
    assert not switches("Hello", "other")
    assert not switches("", "en")


@pytest.mark.parametrize(
    "text",
    [
        "\ufffd\ufffd\ufffd the \ufffd",
        "xkcd qzrt bvnm plkj hgfd wrtp",
        "}{)(*&^%$#@!~+_=-|/?><:;{}[]",
        "order приказ 订单 주문 طلب order приказ 订单 주문 طلب",
        "\x00\x01\x02\x03",
    ],
)
def test_gibberish(text: str) -> None:
    assert gibberish(text)


@pytest.mark.parametrize(
    "text",
    [
        "Your order HTTPS CNXF DHL TRK was shipped today.",
        "您的订单已发货，预计明天送达。",
        "你好 means hello, привет too.",
        "x = [1, 2, 3]; print(x)",
        "1. 2. 3.",
        "Ok 👍🏽👨‍👩‍👧",
        "",
        "https://example.com/a/b?c=d",
    ],
)
def test_what_is_no_gibberish(text: str) -> None:
    assert not gibberish(text)


def test_diversity_of_answers() -> None:
    same = diversity(["I can help you."] * 10)
    assert (same.overlap, same.identical) == (1.0, 1.0)
    assert same.distinct_1 == pytest.approx(5 / 50)
    assert same.distinct_2 == pytest.approx(4 / 40)
    apart = diversity(["red apples fall", "cold rivers run", "old trains stop"])
    assert (apart.overlap, apart.identical, apart.distinct_1) == (0.0, 0.0, 1.0)
    assert diversity([]).distinct_1 == diversity(["", ""]).overlap == 0.0


def test_overlap_is_jaccards_of_word_pairs() -> None:
    table = overlaps(["a b c", "a b d", "", "x"])
    assert table[0, 1] == pytest.approx(1 / 3)  # ab of ab, bc, bd
    assert table.diagonal().tolist() == [0, 0, 0, 0]
    assert table[2].tolist() == [0, 0, 0, 0]
    assert (table == table.T).all()


def test_overlap_shares_have_the_overlap_as_their_mean() -> None:
    texts = ["a b c d", "a b c e", "x y z", "a b", "y z q"]
    assert overlap_shares(texts).mean() == pytest.approx(diversity(texts).overlap)
