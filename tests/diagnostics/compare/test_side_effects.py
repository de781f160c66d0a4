"""Side effects: planted ones are found by their own rule, and nothing is found where nothing was planted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest

from diagnostics.compare.answers import AnswerSet
from diagnostics.compare.texts.side_effect_words import WORDS, summary_of, title_of
from diagnostics.compare.texts.side_effects import RULES, measured, side_effects
from tests.diagnostics.compare.answer_sets import prompts, written_set

VOCABULARY = [
    "order",
    "parcel",
    "refund",
    "address",
    "invoice",
    "today",
    "tomorrow",
    "shop",
    "letter",
    "number",
    "price",
    "coat",
    "size",
    "blue",
    "green",
    "red",
]
ASKED = prompts([f"Where is order {number}?" for number in range(60)])


def sentence(number: int, salt: int = 0, words: int = 20) -> str:
    rng = np.random.default_rng([number, salt])
    return " ".join(rng.choice(VOCABULARY, words)) + "."


def plain(number: int) -> str:
    return sentence(number)


def sometimes(text: Callable[[int], str], every: int = 3) -> Callable[[int], str]:
    return lambda number: text(number) if number % every == 0 else sentence(number, 1)


PLANTED: dict[str, Callable[[int], str]] = {
    "template-leak": sometimes(lambda number: sentence(number, 1) + "<|im_end|>"),
    "empty-output": sometimes(lambda number: ""),
    "gibberish": sometimes(lambda number: "\ufffd\ufffd" + sentence(number, 1)),
    "language-switch": sometimes(lambda number: f"您的第{number}号订单已经发货，预计明天送达，请您耐心等待。"),
    "mode-collapse": lambda number: (
        "your parcel with the blue coat is in the post and comes today or tomorrow at noon friend ."
    ),
    "repetition": sometimes(lambda number: ("order parcel " * 10).strip()),
    "refusal": sometimes(lambda number: "I'm sorry, but I can't help with that. " + sentence(number, 1, 12)),
    "answers-longer": lambda number: sentence(number, 1, 45),
    "answers-shorter": lambda number: sentence(number, 1, 8),
}


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_side_effect_is_found(rule: str) -> None:
    found = side_effects(written_set(ASKED, {"before": plain, "after": PLANTED[rule]}), "before")
    assert [one.rule for one in found] == [rule]
    (one,) = found
    assert (one.source, one.baseline, one.prompts) == ("after", "before", 60)
    assert one.corrected < 0.05
    assert one.low is not None
    assert one.high is not None
    assert one.low > 0 or one.high < 0
    assert len(one.examples) == 3
    if rule in ("template-leak", "empty-output", "gibberish", "language-switch", "repetition", "refusal"):
        assert all(number % 3 == 0 for number in one.examples)
    # What training mended is no side effect.
    back = side_effects(written_set(ASKED, {"before": PLANTED[rule], "after": plain}), "before")
    assert rule not in [one.rule for one in back]


def test_answers_that_never_stop_are_found() -> None:
    before = written_set(ASKED, {"before": plain, "after": plain})
    cut = [replace(one, stop="length") for one in before.of("after")[::3]]
    assert [one.rule for one in side_effects(before.with_answers(cut), "before")] == ["never-stops"]


@pytest.mark.parametrize("salt", range(12))
def test_answers_of_the_same_kind_have_none(salt: int) -> None:
    made = written_set(
        ASKED, {"before": plain, "after": lambda number: sentence(number, salt + 1), "other": sometimes(plain)}
    )
    assert side_effects(made, "before") == ()


def test_a_change_below_its_limit_or_by_chance_is_not_reported() -> None:
    # One leak in 60: seen, but once may be chance.
    once = written_set(ASKED, {"before": plain, "after": sometimes(lambda n: sentence(n, 1) + "</s>", every=60)})
    assert side_effects(once, "before") == ()
    leak = next(one for one in measured(once, "before") if one.rule == "template-leak")
    assert (leak.examples, leak.shown) == ((0,), False)
    # Six of ten refuse: the interval is above 0, but among nine measures chance does that too.
    few = written_set(
        ASKED[:10], {"before": plain, "after": lambda n: plain(n) if n > 5 else "I cannot help. " + plain(n)}
    )
    refusal = next(one for one in measured(few, "before") if one.rule == "refusal")
    assert refusal.low is not None
    assert refusal.low > 0
    assert refusal.p < 0.05 < refusal.corrected
    assert not refusal.shown
    # A tenth longer: certain, but not large enough.
    longer = written_set(ASKED, {"before": plain, "after": lambda number: sentence(number, 0, 23)})
    assert side_effects(longer, "before") == ()
    length = next(one for one in measured(longer, "before") if one.rule == "answers-longer")
    assert length.corrected < 0.01
    assert not length.shown


def test_a_repeated_overlap_is_not_counted_as_many() -> None:
    """The mean over pairs varies twice as much as its n prompt means say: false alarms show whether that was seen."""
    alarms = 0
    for salt in range(100):
        made = written_set(
            ASKED[:25],
            {
                "before": lambda number, salt=salt: sentence(number, 2 * salt + 100),  # type: ignore[misc]
                "after": lambda number, salt=salt: sentence(number, 2 * salt + 101),  # type: ignore[misc]
            },
        )
        collapse = next(one for one in measured(made, "before") if one.rule == "mode-collapse")
        alarms += collapse.p < 0.05
    assert alarms <= 12


def test_every_measure_is_there_for_every_source() -> None:
    made = written_set(ASKED, {"before": plain, "a": plain, "b": PLANTED["refusal"]})
    found = measured(made, "before")
    assert [(one.source, one.rule) for one in found] == [(source, one.name) for source in "ab" for one in RULES]
    assert all(one.p == 1.0 for one in found if one.source == "a")
    json.dumps([asdict(one) for one in found], allow_nan=False)
    longer, shorter = (
        next(x for x in found if x.rule == f"answers-{name}" and x.source == "b") for name in ("longer", "shorter")
    )
    assert longer.corrected == shorter.corrected
    with pytest.raises(KeyError):
        measured(made, "nobody")


def test_hardly_any_answers_are_no_side_effect() -> None:
    for count in (0, 1, 2):
        made = written_set(ASKED[:count], {"before": plain, "after": lambda number: ""})
        assert side_effects(made, "before") == ()
    assert side_effects(AnswerSet(("before", "after"), ASKED, (0,)), "before") == ()


def test_every_rule_has_its_words_its_limit_and_its_source() -> None:
    names = {one.name for one in RULES}
    assert names == set(WORDS["en"]) == set(WORDS["zh"])
    assert all(one.limit.unit and one.limit.source for one in RULES)
    (effect,) = side_effects(written_set(ASKED, {"before": plain, "after": PLANTED["refusal"]}), "before")
    assert title_of("refusal") == "More refusals"
    assert summary_of(effect) == "after declines to answer in 33% of the answers; before in 0%."
    assert "33%" in summary_of(effect, "zh")
