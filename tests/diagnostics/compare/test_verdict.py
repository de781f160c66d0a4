"""The verdict: words that follow from both the interval and the corrected test, never from one alone."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.scoring.both_orders import both_orders
from diagnostics.compare.statistics.noise import halves, noise_floor
from diagnostics.compare.statistics.per_prompt import paired_differences
from diagnostics.compare.statistics.slices import slices_of
from diagnostics.compare.statistics.verdict import (
    against_itself,
    compared,
    corrected,
    pairs_of,
    verdict,
)
from tests.diagnostics.compare.answer_sets import prompts, scored_set

RNG = np.random.default_rng(5)
NOISE = RNG.normal(size=(6, 400))
MANY = prompts([f"question {number}" for number in range(40)])


def test_a_planted_difference_is_found_and_in_the_right_direction() -> None:
    found = verdict(
        scored_set(
            MANY,
            {
                "base": lambda number, seed: NOISE[0, number],
                "good": lambda number, seed: NOISE[0, number] + 1 + 0.3 * NOISE[1, number],
                "bad": lambda number, seed: NOISE[0, number] - 1 + 0.3 * NOISE[2, number],
                "same": lambda number, seed: NOISE[0, number] + 0.3 * NOISE[3, number],
            },
        ),
        "score",
        "base",
    )
    words = {one.source: one.word for one in found.pairs}
    assert words == {"good": "better", "bad": "worse", "same": "no-difference-shown"}
    good = found.pairs[0]
    assert (good.prompts, good.dropped, good.test) == (40, 0, "sign-flip")
    assert good.low is not None
    assert good.high is not None
    assert good.low < good.difference < good.high
    assert good.p <= good.corrected
    assert good.wins == 40
    same = found.pairs[2]
    assert same.needed is not None
    assert same.needed > 40
    assert same.detectable is not None
    assert abs(same.difference) < same.detectable
    assert [one.source for one in found.by_source] == ["base", "good", "bad", "same"]
    json.dumps(asdict(found), allow_nan=False)


def test_every_pair_is_compared_without_a_baseline_and_less_can_be_better() -> None:
    made = scored_set(MANY, {"a": lambda n, s: 0.5 + n % 3, "b": lambda n, s: n % 3, "c": lambda n, s: n % 3 + n % 2})
    found = verdict(made, "score", more_is_better=False)
    assert [(one.source, one.against) for one in found.pairs] == [("b", "a"), ("c", "a"), ("c", "b")]
    assert found.pairs[0].word == "better"  # lower, by the same on 40 prompts
    assert (found.pairs[0].wins, found.pairs[0].difference) == (40, -0.5)
    assert found.pairs[2].word == "worse"
    assert pairs_of(("a", "b", "c"), "b") == [("a", "b"), ("c", "b")]
    with pytest.raises(KeyError):
        verdict(made, "score", "nobody")


def test_a_source_against_itself_ties_on_every_prompt() -> None:
    made = scored_set(MANY, {"a": lambda n, s: NOISE[s, n]}, seeds=(0, 1, 2))
    found = against_itself(made, "a", "score")
    assert (found.wins, found.ties, found.losses, found.p, found.difference) == (0, 40, 0, 1.0, 0.0)
    assert found.word == "no-difference-shown"
    twice = verdict(scored_set(MANY, {"a": lambda n, s: NOISE[0, n], "copy": lambda n, s: NOISE[0, n]}), "score")
    assert twice.pairs[0].word == "no-difference-shown"
    assert (twice.pairs[0].low, twice.pairs[0].high) == (0.0, 0.0)


@pytest.mark.parametrize(("count", "word"), [(1, "too-few"), (2, "too-few"), (5, "too-few"), (6, "better")])
def test_few_prompts_are_too_few(count: int, word: str) -> None:
    found = corrected([compared("b", "a", [0.5 + 0.01 * place for place in range(count)])])[0]
    assert found.word == word
    none = verdict(scored_set((), {"a": lambda n, s: 0.0, "b": lambda n, s: 1.0}), "score").pairs[0]
    assert (none.prompts, none.low, none.word, none.win_rate) == (0, None, "too-few", 0.5)


def test_the_correction_takes_words_back() -> None:
    differences = [1.0, 1.1, 0.9, 1.2, 0.8, 1.05, 0.95]  # p = 2 / 128
    alone = corrected([compared("b", "a", differences)])[0]
    assert alone.word == "better"
    family = [compared("b", "a", differences, family=4), *[compared("c", "a", [0.0] * 7, family=4) for _ in range(3)]]
    among_four = corrected(family)[0]
    assert among_four.corrected == pytest.approx(4 * alone.p)
    assert among_four.word == "too-few"
    assert among_four.needed is not None
    assert alone.needed is not None
    assert among_four.needed > alone.needed


@pytest.mark.parametrize("seed", range(60))
def test_the_word_never_contradicts_interval_or_test(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.choice([rng.normal(0.4, 1, 12), rng.integers(-1, 2, 12) * 1.0, rng.lognormal(0, 2, 12) - 1])
    for found in corrected([compared("b", "a", list(values)), compared("c", "a", list(-values[:9]))]):
        assert found.low is not None
        assert found.high is not None
        if found.word in ("better", "worse"):
            assert found.corrected < 0.05
            assert found.low > 0 if found.word == "better" else found.high < 0


def test_scores_of_0_and_1_are_tested_by_mcnemar_until_seeds_are_averaged() -> None:
    scores = {"a": lambda n, s: float(n % 4 == 0), "b": lambda n, s: float((n + s) % 4 != 1)}
    one_seed = verdict(scored_set(MANY, scores), "score")
    assert one_seed.pairs[0].test == "mcnemar"
    assert one_seed.pairs[0].mid_p is not None
    assert one_seed.pairs[0].word == "better"
    assert one_seed.by_source[0].mean == 0.25
    several = verdict(scored_set(MANY, scores, seeds=(0, 1, 2)), "score")
    assert several.pairs[0].test == "sign-flip"
    assert several.pairs[0].prompts == 40  # three answers to a prompt are one observation


def test_missing_and_broken_answers_are_left_out_and_counted() -> None:
    made = scored_set(MANY, {"a": lambda n, s: n % 5, "b": lambda n, s: math.nan if n < 3 else n % 5 + 1}, seeds=(0, 1))
    broken = Answer("a", 10, 0, "", 0, "error", error="lost", scores={"score": 100.0})
    made = made.with_answers([broken, replace(broken, seed=1)])
    found = verdict(made, "score").pairs[0]
    assert (found.prompts, found.dropped, found.difference) == (36, 4, 1.0)
    # Of a prompt only the seeds that both answered with are compared.
    half = made.with_answers([Answer("b", 20, 0, "x", 1, "end", scores={"score": math.inf})])
    assert verdict(half, "score").pairs[0].difference == 1.0


def test_seeds_show_what_one_of_them_would_have_said() -> None:
    made = scored_set(MANY, {"a": lambda n, s: [0.2, 0.4, 0.9][s]}, seeds=(0, 1, 2))
    (found,) = verdict(made, "score").by_source
    assert found.by_seed == pytest.approx({0: 0.2, 1: 0.4, 2: 0.9})
    assert found.mean == pytest.approx(0.5)
    assert found.seed_spread == pytest.approx(np.std([0.2, 0.4, 0.9], ddof=1))
    (alone,) = verdict(scored_set(MANY, {"a": lambda n, s: 0.2}), "score").by_source
    assert alone.seed_spread is None
    (nothing,) = verdict(AnswerSet(("a",), MANY, (0,)), "score").by_source
    assert (nothing.mean, nothing.low, nothing.missing) == (None, None, 40)


def test_the_noise_floor_is_what_seeds_alone_do() -> None:
    quiet = scored_set(MANY, {"a": lambda n, s: n % 3}, seeds=(0, 1, 2, 3))
    found = noise_floor(quiet, "score")
    assert found is not None
    assert (found.difference, found.seeds, found.kind) == (0.0, 2, "halves")
    loud = scored_set(MANY, {"a": lambda n, s: n % 3, "b": lambda n, s: 10.0 * (s == 3)}, seeds=(0, 1, 2, 3))
    floor = noise_floor(loud, "score")
    assert floor is not None
    assert (floor.source, abs(floor.difference)) == ("b", 5.0)
    assert floor.tried == 6
    judged = verdict(loud, "score")
    assert judged.noise == floor
    assert judged.within_noise(judged.pairs[0])
    assert noise_floor(scored_set(MANY, {"a": lambda n, s: 1.0}), "score") is None


def test_the_noise_floor_of_mere_noise_holds_zero() -> None:
    """The largest of many splits is chosen for being large: its interval must know."""
    rng = np.random.default_rng(6)
    outside = 0
    for _ in range(60):
        noise = rng.normal(size=(4, 4, 40))
        sources = {name: (lambda n, s, row=row: float(noise[row, s, n])) for row, name in enumerate("abcd")}  # noqa: B023
        floor = noise_floor(scored_set(MANY, sources, seeds=(0, 1, 2, 3)), "score")
        assert floor is not None
        assert floor.low is not None
        assert floor.high is not None
        outside += not floor.low <= 0 <= floor.high
    assert outside <= 60 * 0.05 + 3 * math.sqrt(60 * 0.05 * 0.95)


def test_a_repeated_run_is_a_noise_floor_too() -> None:
    once = scored_set(MANY, {"a": lambda n, s: NOISE[0, n]}, seeds=(0,))
    again = scored_set(MANY, {"a": lambda n, s: NOISE[1, n]}, seeds=(1,))
    found = noise_floor(once, "score", again)
    assert found is not None
    assert found.kind == "repeat"
    assert found.difference == pytest.approx(float((NOISE[0, :40] - NOISE[1, :40]).mean()))
    assert found.low is not None
    assert found.low < found.difference


def test_halves_are_disjoint_and_none_comes_twice() -> None:
    found = list(halves((1, 2, 3, 4)))
    assert found == [((1, 2), (3, 4)), ((1, 3), (2, 4)), ((1, 4), (2, 3))]
    assert list(halves((1, 2, 3))) == [((1,), (2,))]
    assert list(halves((1,))) == list(halves(())) == []


def test_slices_by_language_length_and_tag() -> None:
    texts = [("x" * (5 * place + 90)) if place % 2 else "字" * (place + 1) for place in range(36)]
    asked = prompts(texts, [("even",) if place % 4 == 0 else () for place in range(36)])
    found = {(kind, value): part for kind, value, part in slices_of(asked)}
    assert list(found) == [
        ("language", "zh"), ("language", "en"), ("length", "short"), ("length", "middle"), ("length", "long"), ("tag", "even"),
    ]  # fmt: skip
    assert [len(part) for part in found.values()] == [18, 18, 12, 12, 12, 9]
    assert {one.lang for one in found["length", "short"]} == {"zh", "en"}
    assert list(slices_of(prompts(["one", "two"]))) == []


def test_slices_are_corrected_as_one_family() -> None:
    asked = prompts(["字" if place % 2 else "word" for place in range(16)])
    made = scored_set(asked, {"a": lambda n, s: 0.0, "b": lambda n, s: (1 + n / 100) * (n % 2)})
    found = verdict(made, "score")
    assert {one.value for one in found.slices} == {"en", "zh"}
    by_value = {one.value: one.pairs[0] for one in found.slices}
    assert by_value["zh"].p == pytest.approx(2 / 2**8)
    assert by_value["zh"].corrected == pytest.approx(4 / 2**8)
    assert by_value["zh"].word == "better"
    assert by_value["en"].word == "no-difference-shown"


def test_only_what_a_judge_says_in_both_orders_counts() -> None:
    said = dict.fromkeys(range(12), ("first", "second"))
    said |= dict.fromkeys(range(12, 20), ("first", "first"))
    said |= {20: ("second", "first"), 21: ("tie", "first"), 22: ("tie", "tie"), 23: ("second", "second")}
    found = both_orders("b", "a", said)
    assert (found.pair.wins, found.pair.losses, found.pair.ties) == (12, 1, 11)
    assert found.pair.test == "mcnemar"
    assert found.pair.word == "better"
    assert (found.by_place, found.first) == (9, 8)
    assert found.place == pytest.approx(9 / 24)
    assert found.place_low < 9 / 24 < found.place_high
    assert found.first_p == pytest.approx(20 / 512)
    biased = both_orders("b", "a", dict.fromkeys(range(50), ("first", "first")))
    assert biased.pair.word == "no-difference-shown"
    assert biased.place == 1.0
    empty = both_orders("b", "a", {})
    assert (empty.pair.word, empty.place) == ("too-few", 0.0)


def test_rounding_is_no_win() -> None:
    """The same scores under other seeds, summed in another order: every prompt ties."""
    left = {prompt: {0: 0.1, 1: 0.7, 2: 0.3} for prompt in range(20)}
    right = {prompt: {2: 0.1, 0: 0.3, 1: 0.7} for prompt in range(20)}
    assert sum([0.1, 0.7, 0.3]) / 3 != sum([0.3, 0.7, 0.1]) / 3, "the case no longer rounds apart"
    assert set(paired_differences(left, right, range(20)).values()) == {0.0}
