"""Down-sampling by pixel column and smoothing: what must never be lost, whatever the curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.plots.downsample import BLOCK, pixel_columns, smoothed

VALUES = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([float("nan"), float("inf"), float("-inf"), 0.0, 1e308, -1e308])
)
GAPS = st.one_of(st.floats(0, 1e3), st.sampled_from([0.0, 1.0, 1e9]))
CURVES = st.lists(st.tuples(GAPS, VALUES), max_size=300)


def columns_of(x: np.ndarray, columns: int) -> np.ndarray:
    """The pixel column of each point, by another way than the code's: one at a time."""
    span = x[-1] - x[0]
    return np.array([min(int((one - x[0]) / span * columns), columns - 1) if span else 0 for one in x])


@given(CURVES, st.integers(1, 40))
def test_every_columns_extremes_its_gaps_and_both_ends_are_kept(curve: list[tuple[float, float]], columns: int) -> None:
    x = np.cumsum([gap for gap, _ in curve])
    values = np.array([value for _, value in curve])
    kept = pixel_columns(x, values, columns)
    assert (np.diff(kept) > 0).all()
    assert len(kept) <= max(4 * columns + 2, 2 * columns)
    if not curve:
        return
    assert {0, len(x) - 1} <= set(kept.tolist())
    of = columns_of(x, columns)
    # A point on the border of two columns may fall to either, by rounding: then its column is not compared.
    span = x[-1] - x[0]
    edge = (x - x[0]) / span * columns if span else np.zeros(len(x))
    unsure = set(of[(np.abs(edge - np.round(edge)) < 1e-6) & (edge > 0.5)].tolist())
    unsure |= {one - 1 for one in unsure}
    for column in set(of.tolist()) - unsure:
        there, drawn = values[of == column], values[kept][of[kept] == column]
        finite, shown = there[np.isfinite(there)], drawn[np.isfinite(drawn)]
        assert (len(finite) > 0) == (len(shown) > 0)
        assert np.isfinite(there).all() == np.isfinite(drawn).all()
        if len(finite):
            assert (shown.min(), shown.max()) == (finite.min(), finite.max())


def test_a_run_of_nan_stays_a_gap_over_all_its_columns() -> None:
    x = np.arange(10_000.0)
    values = np.sin(x / 50)
    values[2_000:4_000] = np.nan
    values[7_777] = np.nan
    kept = pixel_columns(x, values, 100)
    drawn = values[kept]
    inside = drawn[(kept >= 2_000) & (kept < 4_000)]
    assert len(inside) >= 20
    assert np.isnan(inside).all()
    assert {1_999, 2_000, 3_999, 4_000, 7_777} <= set(kept.tolist()) | {1_999, 4_000}
    assert {2_000, 3_999, 7_777} <= set(kept.tolist())


def test_a_spike_of_one_point_in_a_million_is_seen() -> None:
    values = np.random.default_rng(0).normal(size=1_000_000)
    values[[123_456, 700_001]] = (80.0, -90.0)
    values[400_000] = np.nan
    kept = pixel_columns(np.arange(1_000_000.0), values, 500)
    assert {123_456, 700_001, 400_000} <= set(kept.tolist())
    assert len(kept) <= 1_010


def test_points_far_apart_share_no_column_with_a_crowd() -> None:
    x = np.concatenate([np.linspace(0, 1, 5_000), [1e9, 2e9]])
    values = np.concatenate([np.arange(5_000.0), [7.0, 8.0]])
    assert set(pixel_columns(x, values, 10).tolist()) == {0, 4_999, 5_000, 5_001}


def test_few_points_are_all_kept() -> None:
    assert pixel_columns(np.arange(5.0), np.ones(5), 10).tolist() == [0, 1, 2, 3, 4]
    assert len(pixel_columns(np.empty(0), np.empty(0), 10)) == 0


@given(st.lists(VALUES, max_size=3 * BLOCK + 5), st.floats(0.01, 0.99))
def test_smoothing_is_the_average_that_forgets(values: list[float], weight: float) -> None:
    given_values = np.array([value if abs(value) < 1e7 else np.nan for value in values])
    average, whole, expected = 0.0, 0.0, []
    for value in given_values:
        if np.isfinite(value):
            average, whole = weight * average + (1 - weight) * value, weight * whole + (1 - weight)
            expected.append(average / whole)
        else:
            expected.append(np.nan)
    assert smoothed(given_values, weight) == pytest.approx(np.array(expected), rel=1e-9, abs=1e-4, nan_ok=True)


def test_a_constant_stays_itself_and_no_weight_changes_nothing() -> None:
    assert smoothed(np.full(200, 3.0), 0.9) == pytest.approx(np.full(200, 3.0))
    values = np.array([1.0, np.nan, 5.0])
    assert smoothed(values, 0.0) is values
    assert np.isnan(smoothed(np.full(3, np.nan), 0.5)).all()
