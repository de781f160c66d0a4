"""Evidence on a Chinese page: our own words are Chinese, the user's stay as they are."""

from __future__ import annotations

from diagnostics.finding import NotChecked, TableEvidence, TextEvidence
from diagnostics.report.evidence_words import in_chinese
from diagnostics.report.words import reason_in_words


def test_our_words_are_chinese_and_the_users_are_left() -> None:
    pairs = in_chinese(TableEvidence("row 3", ("row", "prompt", "answer"), (("0", "becomes", "row 1"),)))
    assert pairs == TableEvidence("第 3 行", ("行", "prompt", "answer"), (("0", "becomes", "row 1"),))
    probes = in_chinese(TableEvidence("length", ("answer", "mean", "row 7"), (("repeated", "1", "2"),)))
    assert probes == TableEvidence("length", ("回答", "均值", "第 7 行"), (("重复十遍", "1", "2"),))
    fates = in_chinese(TableEvidence("a: alpaca", ("column", "converted"), (("input", "input is joined to messages"),)))
    assert fates == TableEvidence("a: alpaca", ("列", "转换后"), (("input", "input 并入 messages"),))
    config = in_chinese(TextEvidence("config", ("eval_strategy: 'no'  (default)", "max_steps: 3")))
    assert config == TextEvidence("配置", ("eval_strategy: 'no'  （默认）", "max_steps: 3"))


def test_why_something_was_not_looked_at_is_chinese() -> None:
    one = NotChecked("evaluation-leak", "no-data", {"why": "there are no evaluation rows"})
    assert reason_in_words(one, "zh") == "没有查看数据：没有评估数据"
    assert reason_in_words(NotChecked("x", "no-data", {"why": "KeyError: 'text'"}), "zh").endswith("KeyError: 'text'")
