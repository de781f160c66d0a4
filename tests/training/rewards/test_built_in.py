"""The built-in rewards: their range on anything, better answers above worse ones, what games them."""

from __future__ import annotations

import inspect
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from diagnostics.probes.reward_functions import load_reward
from diagnostics.report.words import LANGS
from tests.reward_page import PAGES, page
from training.demo.grammar import LANGUAGES, answer, draw_case
from training.rewards import BUILT_IN
from training.rewards.length import length_within

ROOT = Path(__file__).parents[3]
ASKED, ASKED_ZH = "Where is my order B14?", "请问订单B14在哪里？"
TEXTS = (
    "", " \n", "?", "OK.", "\ufffd\ufffd\ufffd", "ab " * 200, "好" * 300, "<|im_end|>", "{}", "```\n", "(((", "\x00", "𝟙🙂",
    "Hello, I am sorry for the trouble. Order B14 arrives tomorrow.", "您好，您的订单B14明天送到。",
)  # fmt: skip
REWARDS = {name: load_reward(place) for name, place in BUILT_IN.items()}


def one(name: str, prompt: str, completion: str, **columns: Any) -> float:
    [value] = REWARDS[name](prompts=[prompt], completions=[completion], **columns)
    return value


@pytest.mark.parametrize("name", BUILT_IN)
def test_any_answer_scores_between_0_and_1_as_text_and_as_messages(name: str) -> None:
    for asked in (ASKED, ASKED_ZH, "", "Hi"):
        texts = REWARDS[name](prompts=[asked] * len(TEXTS), completions=list(TEXTS), extra=[1] * len(TEXTS))
        said = REWARDS[name](
            prompts=[[{"role": "system", "content": "Be kind."}, {"role": "user", "content": asked}]] * len(TEXTS),
            completions=[[{"role": "assistant", "content": text}] for text in TEXTS],
        )
        assert texts == said
        assert all(type(value) is float and 0 <= value <= 1 for value in texts), dict(zip(TEXTS, texts, strict=True))
        assert texts[:2] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("name", "asked", "better", "worse"),
    [
        ("relevance", ASKED, "Order B14 is on its way.", "We sell shoes."),
        ("relevance", ASKED, "Order B14 is on its way.", "Where is my order B14?"),
        ("relevance", ASKED_ZH, "订单B14正在路上。", "我们卖鞋子。"),
        ("relevance", "Can I cancel it?", "It is cancelled, no charge.", "Shoes arrive soon."),
        ("fluency", ASKED, "It arrives tomorrow.", "it arrives arrives tomorrow"),
        ("fluency", ASKED_ZH, "明天送到。", "明天送到！！！！"),
        ("fluency", ASKED, "It arrives (probably) tomorrow.", "It arrives (probably tomorrow."),
        ("fluency", ASKED, "It arrives tomorrow.", "It arrives tomorrow.<|im_end|>"),
        ("helpfulness", ASKED, "I have checked order B14, it arrives tomorrow.", "That is not my problem."),
        ("helpfulness", ASKED, "I have checked order B14, it arrives tomorrow.", "I have checked order C20."),
        ("helpfulness", ASKED, "Order B14 is on its way.", "Thank you for asking."),
        ("helpfulness", ASKED, "Order B14 is on its way.", "I cannot help with that."),
        ("helpfulness", ASKED_ZH, "我已查到订单B14，明天送到。", "这不归我管。"),
        ("helpfulness", ASKED_ZH, "我已查到订单B14，明天送到。", "Order B14 is on its way."),
        ("politeness", ASKED, "Hello, thank you for waiting.", "It is late."),
        ("politeness", ASKED, "Sorry, it is late.", "Sorry, thank you, but just wait."),
        ("politeness", ASKED_ZH, "您好，感谢您的联系。", "等着吧。"),
        ("length", ASKED, "Order B14 is on its way and arrives tomorrow.", "Yes."),
        ("length", ASKED, "Order B14 is on its way and arrives tomorrow.", "so it is " * 60),
        ("length", ASKED_ZH, "订单B14正在路上，预计明天送到您手中。", "好。"),
        ("format", ASKED, "**Yes.**", "**Yes."),
        ("format", ASKED, "```\nls\n```", "```\nls"),
        ("format", ASKED, "<b>Yes</b>", "<b>Yes"),
        ("repetition", ASKED, "It arrives tomorrow.", "It arrives. It arrives. It arrives. It arrives."),
        ("repetition", ASKED_ZH, "订单明天送到。", "很抱歉很抱歉很抱歉很抱歉"),
    ],
)  # fmt: skip
def test_the_better_answer_scores_higher(name: str, asked: str, better: str, worse: str) -> None:
    assert one(name, asked, better) > one(name, asked, worse)


def test_relevance_takes_the_reference_where_the_row_has_one() -> None:
    same = one("relevance", ASKED, "It arrives on Friday.", reference=["Arrival is on Friday."])
    assert one("relevance", ASKED, "We sell shoes.", reference=["Arrival is on Friday."]) == 0.0 < same < 1
    assert one("relevance", ASKED, "Friday.", reference=[None]) == one("relevance", ASKED, "Friday.")


def test_format_is_the_one_that_the_row_asks_for() -> None:
    for wanted, good, bad in (
        ("json", '{"order": "B14"}', "order: B14"),
        ("list", "- one\n- two", "one, two"),
        ("code", "So:\n```sh\nls\n```", "ls"),
        ("sentence", "It is here.", "It is here.\nBye."),
        (r"\d+ days", "3 days", "three days"),
    ):
        assert one("format", ASKED, good, format=[wanted]) == 1.0
        assert one("format", ASKED, bad, format=[wanted]) == 0.0


def test_length_has_a_flat_top_and_straight_sides() -> None:
    reward = length_within(words=(2, 4), characters=(2, 4))
    texts = ["one " * count for count in range(10)]
    assert reward(prompts=texts, completions=texts) == [0, 0.5, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0]
    for wrong in ((0, 4), (5, 4)):
        with pytest.raises(ValueError, match="is no range"):
            length_within(words=wrong)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_good_answers_of_the_demo_score_above_its_rude_ones(lang: Any) -> None:
    """A yardstick that was not written for these rewards: the grammar's answers by their style."""
    rng = random.Random(0)
    cases = [draw_case(rng, lang) for _ in range(200)]

    def mean(name: str, style: Any) -> float:
        texts = [answer(rng, case, style) for case in cases]
        values = REWARDS[name](prompts=[case.question for case in cases], completions=texts)
        return sum(values) / len(values)

    assert mean("politeness", "good") > 0.95 > 0.05 > mean("politeness", "rude")
    assert mean("helpfulness", "good") > 0.75 > 0.1 > mean("helpfulness", "rude")
    assert mean("helpfulness", "good") > mean("helpfulness", "wrong_order") + 0.05
    assert mean("relevance", "good") > mean("relevance", "off_topic") + 0.1
    assert mean("repetition", "good") > 0.95 > 0.9 > mean("repetition", "rambling")
    assert mean("fluency", "good") > 0.95
    assert mean("format", "good") > 0.95
    assert mean("length", "good") > 0.95


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_reward_says_what_it_measures_and_how_it_is_gamed(name: str) -> None:
    said = inspect.getdoc(sys.modules[BUILT_IN[name].partition(":")[0]]) or ""
    for label in ("Measures:", "How:", "Range:", "Columns:", "Can be gamed by:"):
        assert f"\n{label} " in said, label


def test_the_page_of_the_rewards_comes_from_their_files() -> None:
    for lang in LANGS:
        assert PAGES[lang].read_text(encoding="utf-8") == page(lang), "run: python -m tests.reward_page"


def test_rewards_need_no_torch() -> None:
    code = f"import sys, importlib; [importlib.import_module(one) for one in {sorted(place.partition(':')[0] for place in BUILT_IN.values())}]\n"
    code += "print({'torch', 'trl', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
