"""The Compare page's plain functions: panes, grid, diff, heat map, identity, timeline; without Gradio and without models."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.clinic import Clinic
from dashboard.compare.ballot import Ballot
from dashboard.compare.comparison import Question, base_choice, choices, named, with_added
from dashboard.compare.diff_view import changes_html, diff_html, share_kept
from dashboard.compare.heat_view import heat_html, shade
from dashboard.compare.identity_view import identity_html, twins, twins_html
from dashboard.compare.panes_view import panes_html
from dashboard.compare.sampling_grid import MOST_CELLS, Grid, grid_html, read_grid
from dashboard.compare.timeline import before, curve_of, kept_html, live_html, nearest, pages_of, steps_of
from dashboard.texts import LANGS, Words
from diagnostics.compare.models.fingerprint import FileHash, Hashes
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.proof import Identity
from diagnostics.compare.models.sources import Source, SourceUnusable
from diagnostics.compare.models.writers import TokenScores
from diagnostics.compare.texts.differ import Span, differ
from tests.dashboard.test_views import EVIL, make_run

EN, ZH = Words("en"), Words("zh")


def source(name: str) -> Source:
    return Source(name, "model", f"/nowhere/{name}")


def done(name: str, text: str) -> Pane:
    return Pane(source(name), "done", text=text, tokens=3, seconds=1.0, first_token_seconds=0.1, stop="end")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    make_run(tmp_path, "before", [0.1, 0.2, 0.3, 0.2, 0.1, 0.2], (5, 10))
    return Clinic(tmp_path)


def test_conversation_keeps_each_panes_own_history_and_leaves_out_what_failed() -> None:
    question = Question(["a/x", "b/x"], "Hello", "be brief", 0, 0.0, 1.0, 10)
    panes = [done("a/x", "from a"), Pane(source("b/x"), "error", text="half", error="died")]
    talk = question.continued(panes)
    assert talk == {"a/x": ({"role": "user", "content": "Hello"}, {"role": "assistant", "content": "from a"})}
    second = replace(question, prompt="And?", talk=talk)
    rows = second.rows([source("a/x"), source("b/x")])
    assert [one["content"] for one in rows[0].messages] == ["be brief", "Hello", "from a", "And?"]
    assert [one["content"] for one in rows[1].messages] == ["be brief", "And?"]
    html = panes_html([done("a/x", "more")], "And?", EN, None, talk)
    assert html.index("Hello") < html.index("from a") < html.index("more")


def test_base_is_marked_once_and_stays_while_it_is_there() -> None:
    html = panes_html([done("a/x", "1"), done("b/x", "2")], "p", EN, "b/x")
    assert html.count("pill-info") == 1
    assert html.index("b <small>") < html.index("pill-info")
    assert base_choice(["a", "b"], "b") == "b"
    assert base_choice(["a"], "b") == "a"
    assert base_choice([], "b") is None


def test_a_model_is_added_under_a_name_of_its_own(clinic: Clinic, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "before" / "checkpoint-5"
    other.mkdir(parents=True)
    added = with_added(clinic, (), str(other))
    assert added[0].name == "before/checkpoint-5 (2)"
    assert with_added(clinic, added, str(other)) == added
    assert choices(clinic, added)[-1] == "before/checkpoint-5 (2)"
    assert named(clinic, [added[0].name], added) == [added[0]]
    hub = with_added(clinic, (), "hub:gpt2")
    ask = Question([hub[0].name], "Hello", None, 0, 0, 1, 10)
    assert "not there" in (ask.problem(EN) or "")
    assert replace(ask, added=hub).problem(EN) is None
    with pytest.raises(SourceUnusable):
        with_added(clinic, (), str(tmp_path / "nothing"))


def test_grid_takes_one_row_for_temperature_zero_and_names_what_it_cannot_read() -> None:
    grid = read_grid("0, 0.7，1", "0 1、2", 2, EN)
    assert grid.cells == ((0.0, 0), (0.7, 0), (0.7, 1), (0.7, 2), (1.0, 0), (1.0, 1), (1.0, 2))
    rows = grid.rows(Question(["a/x", "b/x"], "p", "", 9, 0.3, 1, 10), [source("a/x"), source("b/x")])
    assert [(row.source.name, row.sampling.temperature, row.sampling.seed) for row in rows[2:4]] == [
        ("a/x", 0.7, 0),
        ("b/x", 0.7, 0),
    ]
    for temperatures, seeds in (("warm", "0"), ("0", "x"), ("-1", "0"), ("", "0"), ("1", "")):
        with pytest.raises(ValueError, match=r"grid"):
            read_grid(temperatures, seeds, 1, EN)
    with pytest.raises(ValueError, match=str(MOST_CELLS)):
        read_grid("1", " ".join(map(str, range(MOST_CELLS))), 2, EN)


def test_grid_counts_the_different_answers_of_each_source() -> None:
    grid = Grid((1.0,), (0, 1))
    panes = [done("a/x", "one"), done("b/x", "same"), done("a/x", "two"), done("b/x", "same")]
    html = grid_html(panes, grid, "p", EN, "a/x")
    assert "2 different of 2" in html
    assert "1 different of 2" in html
    assert html.index("2 different") < html.index("1 different")


def test_diff_tells_what_changed_without_colour() -> None:
    assert diff_html([Span("same", "a "), Span("removed", "<b>"), Span("added", "c")]) == (
        "<span>a </span><del>&lt;b&gt;</del><ins>c</ins>"
    )
    assert share_kept(differ("same words", "same words")) == 1.0
    assert share_kept(differ("one", "another thing")) == 0.0
    panes = [done("a/x", "the order is sent"), done("b/x", "the order is lost"), done("c/x", "the order is sent")]
    html = changes_html(panes, "a/x", EN)
    assert "<del>sent</del><ins>lost</ins>" in html
    assert "word for word" in html
    assert "once the base has answered" in changes_html([Pane(source("a/x"), "writing")], "a/x", EN)


def test_heat_is_stronger_the_less_likely_a_token_is() -> None:
    bounds = [math.log(one) for one in (0.95, 0.6, 0.2, 0.05, 0.001, 0.00001)]
    assert [shade(one) for one in bounds] == [0, 1, 2, 3, 4, 5]
    scores = TokenScores(("Hi", "\n", ""), (-0.01, -3.0, -12.0), (1, 4, 900))
    html = heat_html(scores, "a/x", "b/x", EN)
    assert '<span class="h0"' in html
    assert '<span class="h3 second"' in html
    assert "rank 900" in html
    assert "⏎" in html
    assert "first choice at 1 of 3" in html
    # The mean of the three, and its perplexity exp(15.01 / 3) = 149.
    assert "-5.003" in html
    assert "149" in html
    assert "no probabilities" in heat_html(TokenScores(error="no probabilities"), "a", "b", EN)


def test_identity_says_loudly_that_two_panes_are_one(tmp_path: Path) -> None:
    sources = []
    for name, weights in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(weights)
        (folder / "config.json").write_text(json.dumps({"name": name}))
        sources.append(Source(name, "model", str(folder)))
    groups = twins(Hashes(), sources)
    assert groups == [["a", "b"]]
    assert "note-error" in twins_html(groups, EN)
    assert "a = b" in twins_html(groups, ZH)
    assert twins_html([], EN) == ""
    one = Identity(
        sources[0],
        files=(FileHash("/x/model.safetensors", 12345, "ab" * 32, True),),
        weights="cd" * 32,
        probe=0.0,
        template=EVIL,
        template_hash="0123456789ab",
        stops=((1, "<|end|>"),),
    )
    loud = identity_html(one.warned("same-weights", others="b"), EN)
    assert "note-error" in loud
    assert "12,345" in loud
    assert "&lt;|end|&gt; (1)" in loud
    quiet = identity_html(one.warned("no-template"), EN)
    assert "note-error" not in quiet
    assert "note-warning" in quiet


def test_timeline_goes_to_the_nearest_step_and_shows_what_moved(clinic: Clinic) -> None:
    assert nearest([0, 60, 120], 89) == 60
    assert nearest([0, 60, 120], 90) == 60
    assert nearest([0, 60, 120], 91) == 120
    assert before([0, 60], 0) is None
    folder = clinic.root / "talked"
    make_run(clinic.root, "talked", [0.5], (5, 10))
    lines = [
        {"step": 5, "prompt": "p", "completion": "the order is lost", "rewards": {"score": 0.25}},
        {"step": 10, "prompt": "p", "completion": "the order is sent", "rewards": {"score": 0.75}},
    ]
    (folder / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    (folder / "checkpoint-20").mkdir()
    run = Clinic(clinic.root).run("talked")
    assert run is not None
    assert steps_of(run) == [5, 10, 20]
    html = kept_html(run, 10, 1, EN)
    assert "<del>lost</del><ins>sent</ins>" in html
    assert "▲ +0.5" in html
    assert "1 differ from those of step 5" in html
    assert "<del>" not in kept_html(run, 10, 1, EN, diff=False)
    assert "No answers were kept at step 20" in kept_html(run, 20, 1, EN)
    figure = curve_of(run, "train/loss", 10, EN)
    assert figure is not None
    assert figure.layout.shapes[0].x0 == 10
    assert list(figure.data[-1].x) == [5, 10, 20]
    assert curve_of(run, "no/such", 10, EN) is None


def test_timeline_turns_pages(tmp_path: Path) -> None:
    make_run(tmp_path, "many", [0.1] * 17)
    run = Clinic(tmp_path).run("many")
    assert run is not None
    assert pages_of(run, 10) == 3
    shown = [kept_html(run, 10, page, EN) for page in (1, 2, 3)]
    assert [html.count("<tr>") for html in shown] == [8, 8, 1]
    assert "p16" in shown[2]


def test_live_timeline_sets_off_the_sliders_step() -> None:
    panes = [replace(done(f"r/checkpoint-{step}", text), source=Source("n", "model", "p", run="r", step=step))
             for step, text in ((5, "a b"), (10, "a c"), (20, "a c"))]  # fmt: skip
    html = live_html(panes, 11, "why?", EN)
    assert html.count('class="here"') == 1
    assert html.index("step 5") < html.index('class="here"') < html.index("step 20")
    assert "<del>b</del><ins>c</ins>" in html
    assert html.count("unchanged") == 1


@pytest.mark.parametrize("words", [EN, ZH], ids=LANGS)
def test_nothing_that_a_model_says_reaches_the_page_as_markup(words: Words) -> None:
    evil = [done(EVIL, EVIL), done("b/x", EVIL + " more")]
    shown = [
        panes_html(evil, EVIL, words, EVIL, {EVIL: ({"role": EVIL, "content": EVIL},)}),
        grid_html(evil, Grid((1.0,), (0,)), EVIL, words, EVIL),
        changes_html(evil, EVIL, words),
        heat_html(TokenScores((EVIL,), (-1.0,), (2,)), EVIL, EVIL, words),
        identity_html(Identity(source(EVIL), error=EVIL, template=EVIL, template_hash=EVIL), words),
        twins_html([[EVIL, EVIL]], words),
        live_html(evil, 1, EVIL, words),
    ]
    for html in shown:
        assert "<img" not in html
        assert "&lt;img" in html


@pytest.mark.parametrize(
    "name",
    ["before/..", "before/../later/checkpoint-10", "../secret/model", "/etc/passwd", "before/secret", ".hidden/checkpoint-1",
     "stranger/checkpoint-1", "before/checkpoint-10/deeper", "before/checkpoint-10\n", "", "before"],
)  # fmt: skip
def test_only_a_known_runs_checkpoint_is_looked_for(clinic: Clinic, name: str) -> None:
    for folder in ("before/secret", ".hidden/checkpoint-1", "stranger/checkpoint-1", "before/checkpoint-10/deeper"):
        (clinic.root / folder).mkdir(parents=True, exist_ok=True)
    (source,) = named(clinic, [name])
    assert source.name == name
    assert not Path(source.path or "-").exists()


def test_a_ballots_key_of_thousands_of_digits_is_none() -> None:
    ballot = Ballot((), ("a", "b"), 0, ("x", "y"))
    vote = ballot.vote("2")
    assert vote is not None
    assert vote.chosen == "b"
    assert [ballot.vote(key) for key in ("9" * 5000, "3", "0" * 5000 + "1", "²", "-1", "")] == [None] * 6
