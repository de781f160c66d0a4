"""What a person looks at: it survives as an address, and nothing that comes from a browser breaks it."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.runs.filter import Facts, listed, offered, passes
from dashboard.runs.marks import Mark
from dashboard.runs.selection import (
    AXES,
    COLUMNS,
    FIRST_PLOTS,
    FIRST_RUNS,
    MOST_RUNS,
    Look,
    chosen_of,
    chosen_text,
    look_from,
    look_of,
    zoom_of,
    zoom_text,
)

NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
LOOKS = st.builds(
    Look,
    runs=st.none() | st.lists(NAMES, max_size=4, unique=True).map(tuple),
    search=NAMES | st.just(""),
    filters=st.lists(NAMES, max_size=3, unique=True).map(tuple),
    group=(NAMES | st.just("")).filter(lambda one: one != "overview"),
    metric=NAMES | st.just(""),
    x=st.sampled_from(AXES),
    smoothing=st.integers(0, 99).map(lambda one: one / 100),
    log=st.booleans(),
    zoom=st.none()
    | st.tuples(st.integers(-999, 0), st.integers(1, 99_999)).map(lambda one: (float(one[0]), float(one[1]))),
    sort=st.sampled_from(("", *COLUMNS, *(f"-{one}" for one in COLUMNS))),
    page=st.integers(1, 999_999),
    plots=st.integers(FIRST_PLOTS, 999),
    differences=st.booleans(),
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(LOOKS)
def test_a_link_reopens_exactly_this_view(look: Look) -> None:
    assert look_of(parse_qsl(look.query(), keep_blank_values=True)) == look
    assert chosen_of(chosen_text(look)) == look.runs


def test_the_address_is_short_and_readable() -> None:
    assert Look().query() == ""
    assert Look(("a", "b")).query() == "run=a&run=b"
    assert look_of([("run", "a")]) == Look(("a",))
    assert look_of([("run", "")]) == Look(())
    assert Look(page=2).query() == "p=2"  # `page` is a parameter of Gradio's own, a page that it does not have is a 500


@pytest.mark.parametrize(
    "pairs",
    [
        [("p", "0")],
        [("p", "9" * 5000)],
        [("p", "²")],
        [("plots", "-3")],
        [("sort", "evil")],
        [("x", "z")],
        [("smooth", "nan")],
        [("smooth", "-4")],
        [("zoom", "2~1")],
        [("zoom", "inf~nan")],
        [("zoom", "0~inf")],
        [("zoom", "-inf~0")],
        [("zoom", "x")],
    ],
)
def test_an_address_that_says_nothing_is_the_first_look(pairs: list[tuple[str, str]]) -> None:
    assert look_of(pairs) == Look()


@pytest.mark.parametrize("junk", [None, 3, [], {}, "[", '{"a": 1}', "null", [["x"]], "0~1", "[1, 2]"])
def test_anything_may_come_from_a_browser(junk: object) -> None:
    look = look_from(*[junk] * 11)
    assert look.x == "step"
    assert 0.0 <= look.smoothing < 1.0
    assert look.runs is None or look.runs == ()
    assert chosen_of(["a", 3, "a", "b"]) == ("a", "b")


def test_a_column_is_sorted_up_then_down_then_as_at_first() -> None:
    look = Look(page=3)
    sorts = []
    for _ in range(4):
        look = look.turned(sort="score")
        sorts.append(look.sort)
    assert sorts == ["score", "-score", "", "score"]
    assert look.page == 1
    assert look.turned(sort="run").sort == "run"
    assert look.turned(page="4").page == 4
    assert look.turned(more="1").plots == 2 * FIRST_PLOTS


@pytest.mark.parametrize("junk", [{"sort": "x"}, {"sort": ["run"]}, {"page": "-1"}, {"page": {}}, {"page": 10**6000}])
def test_clicks_that_no_page_sends_change_nothing(junk: dict[str, object]) -> None:
    assert Look().turned(**junk) == Look()


def test_where_one_is_in_the_table_is_kept_by_the_page() -> None:
    look = Look(sort="-key", page=7, plots=24)
    assert look_from(None, "", look.place(), "", [], "", "", "step", 0, False, True) == look


def test_the_newest_are_drawn_until_the_user_chooses() -> None:
    names = [f"r{place}" for place in range(20)]
    assert Look().drawn(names, names) == tuple(names[:FIRST_RUNS])
    assert Look(("r9", "gone")).drawn(names, names) == ("r9",)
    assert len(Look(tuple(names)).drawn([], names)) == MOST_RUNS
    assert Look(()).drawn(names, names) == ()


def test_a_part_of_the_axis_is_two_numbers_in_their_order() -> None:
    assert zoom_of("-1.5~2e3") == (-1.5, 2000.0)
    assert [zoom_of(one) for one in ("", "1", "1~1", "2~1", "a~b", "nan~1", None, 3)] == [None] * 8


@pytest.mark.parametrize(
    "zoom", [(1e8, 1e8 + 1), (2.0**40, 2.0**40 + 0.5), (1.7e9, 1.7e9 + 0.001), (1.0, 1.0000000000000002)]
)
def test_a_narrow_part_far_along_the_axis_is_not_lost(zoom: tuple[float, float]) -> None:
    kept = zoom_of(zoom_text(zoom))
    assert kept is not None
    width = zoom[1] - zoom[0]
    assert abs(kept[0] - zoom[0]) <= width / 1000
    assert abs(kept[1] - zoom[1]) <= width / 1000
    assert zoom_text((500.5, 700.25)) == "500.5~700.25"
    assert zoom_text((1 / 3, 2 / 3)) == "0.3333333~0.6666667"


def test_half_a_sign_that_was_searched_for_is_an_address_too() -> None:
    assert look_of(parse_qsl(Look(search="a\ud83d").query())).search == "a?"


FACTS = {
    "old": Facts("old", "finished", "dpo", ("loss-spike", "no-evaluation")),
    "put-away": Facts("put-away", "finished", "dpo", (), Mark(archived=True)),
    "live": Facts("live", "running", "grpo", None, Mark(("best",), "Kept for the paper")),
    "new": Facts("new", "failed", "", ()),
}


@pytest.mark.parametrize(
    ("search", "filters", "names"),
    [
        ("", [], ["live", "new", "old"]),
        ("DPO", [], ["old"]),
        ("paper kept", [], ["live"]),
        ("best nothing", [], []),
        ("", ["state:failed", "state:running"], ["live", "new"]),
        ("", ["state:failed", "method:dpo"], []),
        ("", ["finding:loss-spike"], ["old"]),
        ("", ["finding:none"], ["new"]),
        ("", ["method:none"], ["new"]),
        ("", ["tag:best"], ["live"]),
        ("", ["archived:shown"], ["live", "new", "put-away", "old"]),
        ("", ["junk", "state"], []),
    ],
)
def test_runs_are_found_by_words_and_by_every_kind_of_filter(search: str, filters: list[str], names: list[str]) -> None:
    assert listed(FACTS, search, filters) == names


def test_only_filters_that_some_run_passes_are_offered() -> None:
    found = offered(FACTS.values())
    assert found[:3] == ["state:failed", "state:finished", "state:running"]
    assert found[-1] == "archived:shown"
    assert {"finding:none", "finding:loss-spike", "tag:best", "method:grpo"} < set(found)
    for one in found:
        assert any(passes(facts, "", [one, "archived:shown"]) for facts in FACTS.values()), one
    assert "archived:shown" not in offered([FACTS["old"]])
