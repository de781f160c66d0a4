"""The search for the first broken checkpoint: every place, every gap, back and forth; and what was logged around it."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagnostics.compare.bisecting.around import around
from diagnostics.compare.bisecting.checks import Looked
from diagnostics.compare.bisecting.search import BisectState, Outcome, bisect
from diagnostics.compare.models.sources import Source
from diagnostics.engine import diagnose
from diagnostics.run import open_run


def search(truth: list[bool | None]) -> BisectState:
    state = BisectState(tuple(f"checkpoint-{at}" for at in range(len(truth))))
    while (place := state.next()) is not None:
        assert place not in state.seen
        state = state.told(Looked(truth[place], f"text {place}", "because"))
    return state


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 9, 16, 17, 33, 100])
def test_every_first_broken_place_is_found_in_log_2_looks(count: int) -> None:
    most = 0
    for first in range(1, count):
        state = search([at >= first for at in range(count)])
        assert state.outcome == Outcome("found", first, first - 1)
        # Those beyond the two ends and the two neighbours of the find, which tell whether it is the only turn.
        beside = {place for place in (first - 2, first + 1) if 0 <= place < count} | {0, count - 1}
        most = max(most, len([one for one in state.looks if one.place not in beside]))
        assert len(state.looks) <= math.ceil(math.log2(count)) + 2 + 2
    assert most <= math.ceil(math.log2(count))


def test_ends_come_first() -> None:
    state = BisectState(("a", "b", "c"))
    assert state.next() == 0
    assert state.told(Looked(False)).next() == 2
    assert state.outcome is None


@pytest.mark.parametrize(
    ("truth", "outcome"),
    [
        ([True, True, True], Outcome("broken-from-start", 0)),
        ([True, None, False], Outcome("broken-from-start", 0, odd=(2,))),
        ([False, False, False], Outcome("not-broken", None, 2)),
        ([None, None], Outcome("nothing-told", between=(0, 1))),
        ([True], Outcome("broken-from-start", 0)),
        ([False], Outcome("not-broken", None, 0)),
        ([], Outcome("nothing-told")),
        ([None, True, True], Outcome("broken-from-start", 1, None, (0,))),
        ([False, True, None], Outcome("found", 1, 0)),
        ([False, False, None], Outcome("not-broken", None, 1, (2,))),
        ([False, None, True], Outcome("found", 2, 0, (1,))),
        ([False, None, None, None, True, True], Outcome("found", 4, 0, (1, 2, 3))),
        ([False, False, None, True, True], Outcome("found", 3, 1, (2,))),
        # Halving looks at 2, then 1; its neighbour 3 is fine again.
        ([False, False, True, False, True], Outcome("found", 2, 1, odd=(3,))),
        # Halving looks at 3, then 4; its neighbour 2 was broken before.
        ([False, False, True, False, True, True, True], Outcome("found", 4, 3, odd=(2,))),
    ],
)
def test_outcomes(truth: list[bool | None], outcome: Outcome) -> None:
    assert search(truth).outcome == outcome


@given(st.lists(st.sampled_from([True, False, None]), max_size=24))
def test_whatever_is_told_the_find_is_a_turn_and_the_search_ends(truth: list[bool | None]) -> None:
    state = search(truth)
    outcome = state.outcome
    assert outcome is not None
    assert len(state.looks) <= max(len(truth), 0)
    if outcome.kind == "found":
        assert outcome.fine is not None
        assert outcome.broken is not None
        assert truth[outcome.fine] is False
        assert truth[outcome.broken] is True
        assert list(outcome.between) == list(range(outcome.fine + 1, outcome.broken))
        assert all(truth[place] is None for place in outcome.between)
    told = [one for one in truth if one is not None]
    if told and told == sorted(told):  # fine, then broken, and never back
        assert outcome.odd == ()
        expected = "broken-from-start" if told[0] else "not-broken" if not told[-1] else "found"
        assert outcome.kind == expected
    # A page that was loaded anew goes on at any point.
    for upto in range(len(state.looks) + 1):
        part = BisectState(state.names, state.looks[:upto])
        again = BisectState.from_json(json.loads(json.dumps(part.as_json())))
        assert again == part
        assert again.next() == part.next()


@pytest.mark.parametrize(
    "kept",
    [
        {}, {"names": ["a", "b"], "looks": [{"place": 1, "broken": True, "text": "", "why": ""}]},
        {"names": ["a"], "looks": [{"place": 0, "broken": "yes", "text": "", "why": ""}]}, {"names": ["a"], "looks": [3]},
        {"names": ["a"], "looks": [{"place": 0, "broken": True, "text": "", "why": ""}] * 2},
    ],
)  # fmt: skip
def test_a_kept_search_that_is_none_is_refused(kept: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="kept search"):
        BisectState.from_json(kept)


def test_told_after_the_end_is_refused() -> None:
    with pytest.raises(ValueError, match="over"):
        search([True]).told(Looked(True))


def test_bisect_yields_each_step_and_loads_no_more_than_needed() -> None:
    sources = [Source(f"run/checkpoint-{at}", "model", f"/x/{at}", step=at) for at in range(16)]
    loads: list[int] = []

    def broken(source: Source) -> Looked:
        assert source.step is not None
        loads.append(source.step)
        return Looked(source.step >= 11, f"answer of {source.step}")

    states = list(bisect(sources, broken))
    assert states[-1].outcome == Outcome("found", 11, 10)
    assert len(states) == len(loads) + 1
    assert states[0].looks == ()
    assert len(loads) <= 4 + 2 + 2
    assert loads[:2] == [0, 15]
    assert states[-1].looks[2].looked.text == f"answer of {loads[2]}"


def run_with(folder: Path, write_events: Callable, **curves: list[float]):  # type: ignore[no-untyped-def, type-arg]
    write_events(
        folder,
        [(f"train/{name}", 10 * at, value) for name, values in curves.items() for at, value in enumerate(values, 1)],
    )
    return open_run(folder)


def test_the_curve_that_jumped_there_comes_first(tmp_path: Path, write_events: Callable) -> None:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    calm = list(1 + 0.05 * rng.standard_normal(40))
    jumps = [*(1 + 0.05 * rng.standard_normal(25)), *(3 + 0.05 * rng.standard_normal(15))]
    early = [*(3 + 0.05 * rng.standard_normal(10)), *(1 + 0.05 * rng.standard_normal(30))]
    falls = list(np.linspace(5, 1, 40) + 0.05 * rng.standard_normal(40))
    rate = list(np.linspace(1e-3, 0, 40))
    run = run_with(
        tmp_path / "run",
        write_events,
        calm=calm,
        jumps=jumps,
        early=early,
        falls=falls,
        learning_rate=rate,
        step_time=jumps,
    )
    found = around(run, diagnose(run), 250, 300)
    assert found.moved[0].tag == "train/jumps"
    first = found.moved[0]
    assert first.score > 20
    assert 250 < first.step <= 300
    assert first.level == pytest.approx(1, abs=0.05)
    assert {one.tag for one in found.moved} == {f"train/{name}" for name in ("calm", "jumps", "early", "falls")}
    assert all(one.score < 5 for one in found.moved[1:])
    # Earlier, nothing jumped: the greatest of five values of noise.
    assert all(one.score < 5 for one in around(run, diagnose(run), 150, 200).moved)


def test_nan_is_the_farthest_and_too_few_values_are_said(tmp_path: Path, write_events: Callable) -> None:  # type: ignore[type-arg]
    run = run_with(tmp_path / "run", write_events, loss=[1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, math.nan, 1.0], short=[1.0])
    found = around(run, diagnose(run), 70, 90)
    assert (found.moved[0].tag, found.moved[0].score, found.moved[0].step) == ("train/loss", math.inf, 80)
    assert found.unjudged == 1
    assert "loss-not-finite" in [one.rule for one in found.findings]
    assert "loss-not-finite" not in [one.rule for one in around(run, diagnose(run), 10, 60).findings]


def test_constant_that_changes_has_moved_and_rounding_has_not(tmp_path: Path, write_events: Callable) -> None:  # type: ignore[type-arg]
    run = run_with(tmp_path / "run", write_events, still=[1.0] * 20, steps=[1.0] * 15 + [2.0] * 5)
    found = around(run, diagnose(run), 150, 200)
    assert [one.tag for one in found.moved] == ["train/steps"]


def test_pairs_of_all_small_truths() -> None:
    """All truths of up to 6 places at once: whatever the answers, the search ends and says what it saw."""
    for count in range(7):
        for truth in itertools.product([True, False, None], repeat=count):
            assert search(list(truth)).outcome is not None
