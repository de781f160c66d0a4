"""Evidence on a Chinese page: our own words are Chinese, the user's stay as they are."""

from __future__ import annotations

from string import Formatter

import pytest

from diagnostics.finding import NotChecked, TableEvidence, TextEvidence
from diagnostics.report.evidence_words import in_chinese
from diagnostics.report.words import LANGS, Lang, reason_in_words, words_of
from diagnostics.rules import PREFLIGHT_RULES, RULES


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


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("rule", sorted({one.NAME for one in (*RULES, *PREFLIGHT_RULES)}))
def test_every_sentence_of_a_rule_can_be_filled_in(rule: str, lang: Lang) -> None:
    """A brace that is meant as one is written twice: else the report breaks where it is needed."""
    words = words_of(rule, lang)
    summaries = [words.summary] if isinstance(words.summary, str) else list(words.summary.values())
    for sentence in (*summaries, words.why, words.wrong_if, *words.causes.values(), *words.fixes.values()):
        names = [name for _, name, _, _ in Formatter().parse(sentence) if name is not None]
        assert all(name.isidentifier() for name in names), sentence
