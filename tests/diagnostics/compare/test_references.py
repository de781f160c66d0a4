"""Nearness to a reference, against values worked out by hand."""

from __future__ import annotations

import pytest

from diagnostics.compare.scoring.references import METRICS, chrf, exact, token_f1


@pytest.mark.parametrize(
    ("answer", "reference", "same"),
    [
        (" Yes. ", "yes", 1.0),
        ("ＹＥＳ", "yes", 1.0),
        ("已取消。", "已取消", 1.0),
        ("已取消", "未取消", 0.0),
        ("yes it is", "yes it\nis", 1.0),
        ("", "yes", 0.0),
    ],
)
def test_exact(answer: str, reference: str, same: float) -> None:
    assert exact(answer, reference) == same


def test_token_f1() -> None:
    # 2 of 3 tokens said are among the 4 wanted: precision 2/3, recall 1/2.
    assert token_f1("order C53 now", "order C53 is cancelled") == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    # 订单 已 取 消 against 订单 未 取 消: 4 of 5 characters each.
    assert token_f1("订单已取消", "订单未取消") == pytest.approx(0.8)
    # A token said twice counts once if it is wanted once.
    assert token_f1("no no", "no") == pytest.approx(2 / 3)
    assert (token_f1("", "x"), token_f1("", "")) == (0.0, 1.0)


def test_chrf() -> None:
    # n = 1: a b c of abcd against abce: 3/4; n = 2: 2/3; n = 3: 1/2; n = 4: 0. Precision and recall alike.
    assert chrf("abcd", "abce") == pytest.approx((3 / 4 + 2 / 3 + 1 / 2 + 0) / 4)
    # Orders 1 and 2 of "ab" against "abab": precision 1 and 1, recall 2/4 and 1/3.
    recall = (1 / 2 + 1 / 3) / 2
    assert chrf("ab", "abab") == pytest.approx(5 * recall / (4 + recall))
    assert chrf("订单 已取消", "订单已取消") == 1.0
    assert 0 < chrf("订单已取消", "订单未取消") < 1
    assert (chrf("", "x"), chrf("abc", "xyz")) == (0.0, 0.0)


@pytest.mark.parametrize("name", METRICS)
def test_every_measure_is_within_0_and_1_and_1_for_the_same(name: str) -> None:
    for text in ("", "!", "a", "订单 C53 已取消。", "🙂🙂"):
        assert METRICS[name](text, text) == 1.0
        assert METRICS[name](text, "quite another thing") == 0.0 or name != "exact"
