"""The statistics of comparisons against scipy, textbook cases and simulation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from diagnostics.compare.statistics.inference import (
    detectable,
    holm,
    mcnemar_test,
    mean_interval,
    paired_test,
    prompts_needed,
    score_interval,
    sign_flip_test,
    smallest_p,
    standardized,
    student_quantile,
    wilson,
    wins_of,
)

Draw = Callable[[np.random.Generator, int], np.ndarray]


def zero_or_one(down: float, up: float) -> Draw:
    return lambda rng, n: rng.choice([-1.0, 0.0, 1.0], n, p=[down, 1 - down - up, up])


# name: (how differences are drawn, their mean, the largest there can be, lower bounds of coverage at n = 20, 50, 200)
# The bounds are those of the simulation with 1,000 sets behind `mean_interval`, less 0.03 for the noise of 300 sets.
DRAWS: dict[str, tuple[Draw, float, float | None, tuple[float, float, float]]] = {
    "normal": (lambda rng, n: rng.normal(0.5, 1, n), 0.5, None, (0.91, 0.91, 0.92)),
    "lognormal": (lambda rng, n: rng.lognormal(0, 1, n), math.exp(0.5), None, (0.89, 0.90, 0.91)),
    "heavy-tailed": (lambda rng, n: rng.standard_t(3, n), 0.0, None, (0.87, 0.90, 0.90)),
    "0/1": (zero_or_one(0.1, 0.3), 0.2, 1.0, (0.94, 0.92, 0.92)),
    "0/1, rare": (zero_or_one(0.02, 0.1), 0.08, 1.0, (0.95, 0.93, 0.92)),
    "0/1, nearly always": (zero_or_one(0.0, 0.9), 0.9, 1.0, (0.95, 0.94, 0.94)),
    "0/1 over 3 seeds": (
        lambda rng, n: (rng.binomial(3, 0.6, n) - rng.binomial(3, 0.5, n)) / 3, 0.1, 1.0, (0.92, 0.92, 0.91),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_the_interval_covers_what_it_says(name: str) -> None:
    draw, mean, largest, bounds = DRAWS[name]
    rng = np.random.default_rng(7)
    for n, bound, sets in zip((20, 50, 200), bounds, (300, 300, 200), strict=True):
        found = [mean_interval(draw(rng, n), largest, seed=seed) for seed in range(sets)]
        covered = np.mean([one is not None and one.low <= mean <= one.high for one in found])
        assert covered >= bound, (n, covered)


def test_the_interval_is_not_wider_than_it_must_be() -> None:
    rng = np.random.default_rng(8)
    for n in (20, 50, 200):
        ratios = []
        for _ in range(40):
            values = rng.normal(size=n)
            found = mean_interval(values)
            student = stats.t.interval(0.95, n - 1, 0, stats.sem(values))
            assert found is not None
            ratios.append((found.high - found.low) / (student[1] - student[0]))
        assert 0.95 < np.mean(ratios) < 1.08


def test_skewed_differences_are_covered_better_than_by_the_percentile_bootstrap() -> None:
    rng = np.random.default_rng(9)
    inside = {"ours": 0, "percentile": 0, "BCa": 0}
    for seed in range(200):
        values = rng.lognormal(0, 1, 20)
        found = mean_interval(values, seed=seed)
        assert found is not None
        inside["ours"] += found.low <= math.exp(0.5) <= found.high
        for method in ("percentile", "BCa"):
            theirs = stats.bootstrap((values,), np.mean, n_resamples=500, method=method, rng=seed).confidence_interval
            inside[method] += theirs.low <= math.exp(0.5) <= theirs.high
    assert inside["ours"] > inside["percentile"] + 6
    assert inside["ours"] > inside["BCa"]


def test_degenerate_differences() -> None:
    assert mean_interval([]) is None
    assert mean_interval([0.3]) is None
    assert mean_interval([math.nan, 0.3, math.inf]) is None
    dropped = mean_interval([math.nan, *np.linspace(0, 1, 12)])
    assert dropped is not None
    assert dropped.count == 12
    same = mean_interval([0.0] * 10)
    assert same is not None
    assert (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)
    bounded = mean_interval([0.0] * 10, largest=1.0)
    assert bounded is not None
    assert bounded.low == -bounded.high < -0.1


@pytest.mark.parametrize("n", [2, 5, 20])
def test_a_constant_difference_of_few_prompts_is_not_certain(n: int) -> None:
    found = mean_interval([0.25] * n)
    assert found is not None
    assert found.mean == 0.25
    assert found.high - found.low > 0.25 / n
    assert found.low <= 0.25 <= found.high
    wider = mean_interval([0.25] * n, largest=1.0)
    assert wider is not None
    assert wider.low < found.low
    left = np.random.default_rng(n).normal(size=n)
    by_rounding = mean_interval((left + 0.25) - left)
    assert by_rounding is not None
    assert (by_rounding.low, by_rounding.high) == pytest.approx((found.low, found.high))
    # All of two prompts ahead is what chance does in half of all sets; all of 20 is not.
    assert found.holds_zero == (n == 2)


def test_intervals_are_seeded_and_mirror() -> None:
    values = np.random.default_rng(1).lognormal(size=30)
    one, two, mirrored = mean_interval(values), mean_interval(values), mean_interval(-values)
    assert one == two
    assert one is not None
    assert mirrored is not None
    assert (mirrored.low, mirrored.high) == pytest.approx((-one.high, -one.low))


def test_student_quantiles() -> None:
    for degrees in (1, 2, 3, 4, 5, 10, 30, 200):
        for share in (0.9, 0.95, 0.975, 0.995):
            tolerance = 0.02 if degrees == 3 else 0.01
            assert student_quantile(share, degrees) == pytest.approx(stats.t.ppf(share, degrees), rel=tolerance)


@pytest.mark.parametrize("n", [1, 2, 5, 9, 12])
def test_exact_sign_flips_are_those_of_scipy(n: int) -> None:
    rng = np.random.default_rng(n)
    for values in (rng.normal(0.4, 1, n), rng.integers(-2, 4, n).astype(float)):
        theirs = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
        ) if n > 1 else None  # fmt: skip
        # scipy's two-sided p is twice the smaller tail; sums are symmetric under flips, so it is the same.
        found = sign_flip_test(values)
        assert found.p == pytest.approx(theirs.pvalue if theirs else 1.0)
        assert found.test in ("sign-flip-exact", "none")


def test_drawn_sign_flips_are_near_the_exact_ones() -> None:
    values = np.random.default_rng(3).normal(0.55, 1, 18)
    exact = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    found = sign_flip_test(values)
    assert found.test == "sign-flip"
    assert found.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 9999) + 1e-4)
    assert found == sign_flip_test(values)
    assert sign_flip_test(np.full(200, 0.1)).p == pytest.approx(1e-4)


def test_sign_flips_of_degenerate_differences() -> None:
    assert (sign_flip_test([]).p, sign_flip_test([0.0] * 9).p) == (1.0, 1.0)
    # 0.1 + 0.2 - 0.3 is not 0 for a computer: equal sums must count as equal, in tenths as in whole numbers.
    rng = np.random.default_rng(0)
    for count in (9, 30):
        for _ in range(20):
            whole = rng.integers(-3, 5, count)
            assert sign_flip_test(whole * 0.1).p == pytest.approx(sign_flip_test(whole * 1.0).p)
    for n in (1, 3, 6, 10):
        assert sign_flip_test([0.3] * n).p == pytest.approx(smallest_p(n))
        assert mcnemar_test(n, 0).p == pytest.approx(smallest_p(n))


def test_mcnemar_is_the_two_sided_binomial() -> None:
    for wins, losses in ((1, 0), (5, 1), (8, 8), (30, 12), (700, 600)):
        found = mcnemar_test(wins, losses)
        assert found.p == pytest.approx(stats.binomtest(wins, wins + losses).pvalue, rel=1e-9)
        assert found.mid_p is not None
        assert found.mid_p < found.p or wins == losses
    # Fagerland et al. 2013, airway hyper-responsiveness before and after stem cell transplantation: 1 against 7.
    found = mcnemar_test(1, 7)
    assert found.p == pytest.approx(0.0703, abs=1e-4)
    assert found.mid_p == pytest.approx(0.0391, abs=1e-4)
    assert mcnemar_test(0, 0).p == 1.0


def test_the_test_fits_the_scores() -> None:
    assert paired_test([1.0, 0.0, -1.0, 1.0], zero_or_one=True).test == "mcnemar"
    assert paired_test([0.5, 0.0, -1.0, 1.0], zero_or_one=True).test == "sign-flip-exact"
    assert paired_test([1.0, 0.0, -1.0, 1.0]).test == "sign-flip-exact"


def test_holm_of_a_known_family() -> None:
    # Holm's own example of the procedure: 0.01 * 4, 0.02 * 3, 0.03 * 2, 0.04 * 1 made monotone.
    assert holm([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.4]) == [0.4]
    assert holm([]) == []
    found = holm([0.01, math.nan, 0.5])
    assert found[0] == pytest.approx(0.02)
    assert math.isnan(found[1])


def test_errors_are_as_rare_as_promised() -> None:
    rng = np.random.default_rng(11)
    sets = 400
    false = {"sign-flip": 0, "sign-flip, drawn": 0, "mcnemar": 0, "family": 0}
    for _ in range(sets):
        # Symmetric about 0, as differences are when nothing changed: heavy tails are no excuse.
        false["sign-flip"] += sign_flip_test(rng.standard_t(3, 12)).p < 0.05
        false["sign-flip, drawn"] += sign_flip_test(rng.laplace(size=40)).p < 0.05
        false["mcnemar"] += paired_test(zero_or_one(0.3, 0.3)(rng, 40), zero_or_one=True).p < 0.05
        # Three sources alike: three pairs that are not independent.
        a, b, c = rng.normal(size=(3, 10))
        family = holm([sign_flip_test(one).p for one in (b - a, c - a, c - b)])
        false["family"] += min(family) < 0.05
    # 0.05 + 3 standard errors of 400 sets.
    assert all(count / sets <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / sets) for count in false.values()), false
    assert false["sign-flip"] > 0.02 * sets  # exact, and not by never saying anything


def test_wilson_is_that_of_scipy() -> None:
    for wins, n in ((0, 10), (3, 10), (10, 10), (55, 200)):
        theirs = stats.binomtest(wins, n).proportion_ci(method="wilson")
        assert wilson(wins, n) == pytest.approx((theirs.low, theirs.high))
    assert wilson(0, 0) == (0.0, 1.0)


def test_scores_of_one_source() -> None:
    assert score_interval(np.array([0.3])) is None
    assert score_interval(np.ones(10)) == wilson(10, 10)
    assert score_interval(np.full(10, 0.4)) == (0.4, 0.4)
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(200):
        found = score_interval(100 + rng.exponential(size=40))
        assert found is not None
        covered += found[0] <= 101 <= found[1]
    assert covered >= 180


def test_wins_count_ties_as_halves() -> None:
    found = wins_of([1.0, 0.0, 0.0, -2.0, math.nan, 3.0])
    assert (found.wins, found.ties, found.losses, found.rate) == (2, 2, 1, 0.6)
    assert wins_of([]).rate == 0.5
    assert wins_of([0.05, 0.2], tie=0.1).ties == 1


def test_the_effect_needs_spread() -> None:
    values = [0.1, 0.4, 0.3, -0.1]
    assert standardized(values) == pytest.approx(np.mean(values) / np.std(values, ddof=1))
    assert standardized([0.1] * 5) is None
    assert standardized([0.1 + 0.2, 0.3, 0.3]) is None
    assert standardized([1.0]) is None


@pytest.mark.parametrize("alpha", [0.05, 0.05 / 6])
@pytest.mark.parametrize("effect", [0.2, 0.5, 0.8])
def test_so_many_prompts_have_the_power(effect: float, alpha: float) -> None:
    needed = prompts_needed(effect, alpha)
    assert needed is not None

    def power(n: int) -> float:
        critical = stats.t.ppf(1 - alpha / 2, n - 1)
        return float(stats.nct.sf(critical, n - 1, effect * math.sqrt(n)))

    assert power(needed) >= 0.79
    assert power(needed - 3) < 0.8


def test_power_of_degenerate_effects() -> None:
    assert prompts_needed(None) is None
    assert prompts_needed(0.0) is None
    assert prompts_needed(50.0) == 6  # fewer cannot reach 0.05, whatever the effect
    assert prompts_needed(-0.5) == prompts_needed(0.5)
    values = np.random.default_rng(2).normal(0.2, 1, 60)
    least = detectable(values)
    assert least is not None
    assert prompts_needed(least / values.std(ddof=1)) == pytest.approx(60, abs=1)
    assert detectable([0.2] * 9) is None
    assert detectable([1.0]) is None
