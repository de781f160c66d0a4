"""Training against random changes of the same size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from diagnostics.compare.statistics.change import change


def random_changes(rng: np.random.Generator, count: int = 19, prompts: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Divergences of random changes, and the prompts' own sensitivity, which all changes share."""
    sensitivity = rng.lognormal(0, 0.5, prompts)
    return sensitivity * rng.lognormal(0, 0.1, (count, 1)) * rng.lognormal(0, 0.2, (count, prompts)), sensitivity


def test_a_trained_change_stands_out() -> None:
    randoms, sensitivity = random_changes(np.random.default_rng(0))
    found = change(3 * sensitivity, randoms)
    assert (found.word, found.rank, found.p) == ("more-than-random", 0, 1 / 20)
    assert found.ratio is not None
    assert found.low is not None
    assert found.high is not None
    assert 1 < found.low < found.ratio < found.high
    assert found.ratio == pytest.approx(3, rel=0.15)
    assert change(0.3 * sensitivity, randoms).word == "less-than-random"


def test_a_random_change_is_called_trained_one_time_in_twenty_at_most() -> None:
    rng = np.random.default_rng(1)
    words = []
    for seed in range(200):
        randoms, _ = random_changes(rng, count=20)
        words.append(change(randoms[0], randoms[1:], seed).word)
    assert words.count("more-than-random") <= 200 * 0.05 + 3 * math.sqrt(200 * 0.05 * 0.95)
    assert words.count("no-more-than-random") > 160


def test_too_little_to_say() -> None:
    randoms, sensitivity = random_changes(np.random.default_rng(2), count=5)
    few = change(3 * sensitivity, randoms)
    assert (few.word, few.p) == ("too-few", 1 / 6)
    assert change([], []).word == "too-few"
    assert change([1.0], np.ones((19, 1))).word == "too-few"
    assert change([1.0, 2.0], np.zeros((19, 2))).ratio is None
    with pytest.raises(ValueError, match="2 divergences"):
        change([1.0, 2.0], np.ones((19, 3)))


def test_one_prompt_alone_is_no_change_of_the_model() -> None:
    randoms = np.random.default_rng(5).normal(1, 0.01, (40, 30))
    found = change([0.9] * 29 + [10.0], randoms)
    assert found.p == 1 / 41
    assert found.low is not None
    assert found.low < 1
    assert found.word == "no-more-than-random"


def test_an_untouched_model_is_less_than_random() -> None:
    randoms, sensitivity = random_changes(np.random.default_rng(3))
    assert change(0 * sensitivity, randoms).word == "less-than-random"


def test_a_divergence_that_is_not_finite_drops_its_prompt() -> None:
    randoms, sensitivity = random_changes(np.random.default_rng(4))
    trained = 3 * sensitivity
    trained[0], randoms[4, 1] = math.inf, math.nan
    found = change(trained, randoms)
    assert (found.prompts, found.dropped) == (48, 2)
    assert math.isfinite(found.trained)
    assert found.word == "more-than-random"
