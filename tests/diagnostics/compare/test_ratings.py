"""Ratings and agreement from votes: against a known truth, scipy's maximum and textbook cases."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from scipy import optimize

from diagnostics.compare.voting.agreement import agreement, agreements
from diagnostics.compare.voting.ratings import SCALE, bradley_terry, ratings
from diagnostics.compare.voting.votes import BOTH_BAD, TIE, Vote


def vote(
    chosen: str, shown: tuple[str, ...] = ("a", "b"), number: int = 0, voter: str = "person", by: str = ""
) -> Vote:
    asked = ({"role": "user", "content": f"question {number}"},)
    return Vote(asked, {one: f"{one} says {number}" for one in shown}, shown, chosen, voter, 0.0, 0, by)  # type: ignore[arg-type]


def drawn(rng: np.random.Generator, truth: dict[str, float], count: int) -> list[Vote]:
    """Votes on random pairs by Bradley and Terry's model."""
    votes = []
    for number in range(count):
        one, other = rng.choice(list(truth), 2, replace=False)
        ahead = rng.random() < 1 / (1 + math.exp(truth[other] - truth[one]))
        votes.append(vote(str(one if ahead else other), (str(one), str(other)), number))
    return votes


def test_the_truth_is_found_and_covered() -> None:
    truth = {"a": -0.9, "b": -0.1, "c": 0.2, "d": 0.8}
    covered = 0
    for seed in range(20):
        found = ratings(drawn(np.random.default_rng(seed), truth, 300), seed)
        for row in found.rows:
            true = 1500 + SCALE * truth[row.source]
            covered += row.low <= true <= row.high
            assert row.rating == pytest.approx(true, abs=150)
    assert covered >= 80 * 0.95 - 3 * math.sqrt(80 * 0.95 * 0.05) - 4  # and the sources of one set hang together
    assert found.connected
    assert [row.source for row in found.rows] == ["d", "c", "b", "a"]


def test_strengths_are_the_maximum_that_scipy_finds() -> None:
    rng = np.random.default_rng(0)
    beaten = rng.integers(0, 20, size=(5, 5)).astype(float)
    np.fill_diagonal(beaten, 0)

    def loss(strengths: np.ndarray) -> float:
        gaps = strengths[:, None] - strengths[None, :]
        prior = np.logaddexp(0, -strengths) + np.logaddexp(0, strengths)
        return float((beaten * np.logaddexp(0, -gaps)).sum() + 0.5 * prior.sum())

    best = optimize.minimize(loss, np.zeros(5), method="BFGS", options={"gtol": 1e-9}).x
    assert bradley_terry(beaten) == pytest.approx(best - best.mean(), abs=1e-5)


def test_two_sources_are_rated_by_the_odds() -> None:
    # Without the prior: 30 to 10 are odds of three, 190.8 points.
    strengths = bradley_terry(np.array([[0.0, 30.0], [10.0, 0.0]]), prior=0.0)
    assert SCALE * (strengths[0] - strengths[1]) == pytest.approx(400 * math.log10(3))
    found = ratings([vote("a")] * 30 + [vote("b")] * 10 + [vote(TIE)] * 4 + [vote(BOTH_BAD)] * 2)
    first, second = found.rows
    assert (first.source, first.wins, first.ties, first.losses) == ("a", 30, 6, 10)
    assert (second.wins, second.losses, found.votes) == (10, 30, 46)
    assert first.low is not None and first.high is not None  # noqa: PT018
    assert first.low < first.rating < first.high
    json.dumps(asdict(found), allow_nan=False)


def test_one_that_always_wins_is_not_infinite() -> None:
    few, many = (ratings([vote("a")] * count) for count in (3, 100))
    assert 1500 < few.rows[0].rating < many.rows[0].rating < 2500
    # Drawn again, votes that all say the same say it with an interval of no width: none is told.
    assert {row.low for one in (few, many) for row in one.rows} == {None}
    mixed = ratings([vote("a")] * 4 + [vote("b")])
    assert mixed.rows[0].low is not None
    assert ratings([vote("a")] * 3 + [vote("b")]).rows[0].low is None
    assert many.rows[0].source == "a"


def test_degenerate_votes() -> None:
    assert ratings([]).rows == ()
    even = ratings([vote(TIE)] * 5)
    assert [row.rating for row in even.rows] == [1500, 1500]
    apart = ratings([vote("a"), vote("c", ("c", "d"))])
    assert not apart.connected
    three = ratings([vote("a", ("a", "b", "c"))] * 20)
    assert {row.source: (row.wins, row.losses) for row in three.rows} == {"a": (40, 0), "b": (0, 20), "c": (0, 20)}
    assert three == ratings([vote("a", ("a", "b", "c"))] * 20)


def test_kappa_of_a_known_table() -> None:
    # Yes/yes 20, yes/no 5, no/yes 10, no/no 15: agreement 0.7, by chance 0.5, kappa 0.4.
    one = np.array([1] * 25 + [-1] * 25)
    other = np.array([1] * 20 + [-1] * 5 + [1] * 10 + [-1] * 15)
    found = agreement("person", "judge", one, other)
    assert (found.items, found.raw) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)
    assert found.low is not None
    assert found.high is not None
    assert 0.05 < found.low < 0.25
    assert 0.55 < found.high < 0.75
    assert agreement("a", "b", one, one).kappa == 1.0
    assert agreement("a", "b", one, -one).kappa == pytest.approx(-1.0)


def test_chance_is_no_agreement_and_sameness_no_kappa() -> None:
    rng = np.random.default_rng(1)
    found = agreement("a", "b", rng.integers(-1, 2, 500), rng.integers(-1, 2, 500))
    assert found.kappa == pytest.approx(0, abs=0.1)
    always = agreement("a", "b", np.ones(9), np.ones(9))
    assert (always.raw, always.kappa, always.low) == (1.0, None, None)


def test_voters_are_compared_on_the_pairs_that_both_judged() -> None:
    votes = [vote("a", number=number) for number in range(10)]
    votes += [vote("a" if number < 8 else "b", ("b", "a"), number, "judge") for number in range(2, 14)]
    votes += [vote(TIE, number=number, voter="reward") for number in range(20, 24)]
    (found,) = agreements(votes)
    assert (found.first, found.second, found.items) == ("person", "judge", 8)
    assert found.raw == pytest.approx(6 / 8)
    # The same pair of sources with other texts is another pair.
    assert agreements([vote("a", number=0), vote("a", number=1, voter="judge")]) == ()


def test_several_votes_count_by_their_majority() -> None:
    people = [vote("a", by="x"), vote("a", by="y"), vote("b", by="z")]
    (found,) = agreements([*people, vote("a", voter="judge")])
    assert found.raw == 1.0
    (split,) = agreements([*people[1:], vote(TIE, voter="judge")])
    assert split.raw == 1.0
    by_person = agreements(people, lambda one: one.by)
    assert [(one.first, one.second, one.raw) for one in by_person] == [
        ("x", "y", 1.0),
        ("x", "z", 0.0),
        ("y", "z", 0.0),
    ]
