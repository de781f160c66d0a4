"""The Compare page's plain functions that decide: prompt sets, verdict, answers, bisect, ballots; without Gradio."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.clinic import Clinic
from dashboard.compare.answers_view import PAGE, answers_html, kept_rows, pages
from dashboard.compare.ballot import (
    Ballot,
    answers_voted,
    ballot_html,
    keep,
    keep_scored,
    kept,
    new_ballot,
    next_prompt,
    preference_file,
    results_html,
    votes_path,
    waiting_html,
)
from dashboard.compare.bisecting import new_search, search_html, stretch
from dashboard.compare.comparison import Question
from dashboard.compare.pane_scores import answers_asked, prompt_asked, scorers_asked, scores_html
from dashboard.compare.prompt_job import EXPORTS, Form, FormUnusable, Work, exported, result_html, score_choice
from dashboard.compare.prompt_sets import held_out, prompts_of, reward_of, spread
from dashboard.compare.verdict_view import place
from dashboard.texts import LANGS, Words
from diagnostics.compare.answers import Answer, AnswerSet
from diagnostics.compare.bisecting.checks import CheckUnusable, Looked
from diagnostics.compare.collect import Plan
from diagnostics.compare.models.mailbox import Sampling
from diagnostics.compare.models.pane import Pane
from diagnostics.compare.models.sources import Source
from diagnostics.compare.prompts import Prompt, PromptsUnreadable
from diagnostics.compare.scoring.scorers import Scorer, ScorerUnusable, score
from tests.dashboard.test_views import EVIL, make_run

EN, ZH = Words("en"), Words("zh")


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    make_run(tmp_path, "run", [0.1] * 24, (5, 10, 15, 20))
    lines = []
    for line in (tmp_path / "run" / "samples.jsonl").read_text().splitlines():
        row = json.loads(line)
        number = int(row["prompt"][1:])
        lines.append(json.dumps({**row, "intent": ("refund", "cancel")[number % 2], "order": f"A{number}"}))
    (tmp_path / "run" / "samples.jsonl").write_text("\n".join(lines) + "\n")
    return Clinic(tmp_path)


def question(*names: str, prompt: str = "Hello") -> Question:
    return Question(list(names), prompt, None, 0, 0.0, 1.0, 10)


def form(**fields: object) -> Form:
    return replace(Form("run", "", 8, "0", "", "", "", ""), **fields)


def work(better: float = 0.5, count: int = 20) -> Work:
    """Two sources over `count` prompts, the second better on all of them."""
    prompts = tuple(Prompt(number, ({"role": "user", "content": f"p{number}"},)) for number in range(count))
    answers = {}
    for number in range(count):
        wobble = 0.01 * (number % 5)
        for name, value in (("a/x", 0.2 + wobble), ("b/x", 0.2 + wobble * 2 + better)):
            one = Answer(name, number, 0, f"{EVIL} {name}" if number else "the same", 5, "end", scores={"score": value})
            answers[one.key] = one
    sources = tuple(Source(name, "model", name) for name in ("a/x", "b/x"))
    return Work(Plan(sources, prompts, Sampling()), AnswerSet(("a/x", "b/x"), prompts, (0,), answers))


def test_held_out_prompts_are_a_set_with_tags_and_columns(clinic: Clinic) -> None:
    run = clinic.run("run")
    assert run is not None
    found = held_out(run)
    assert len(found) == 24
    # `intent` sorts the prompts into two kinds; `order` is of each its own, and no tag.
    assert found[1].tags == ("cancel",)
    assert found[3].columns["order"] == "A3"
    assert [one.number for one in spread(found, 4)] == [0, 6, 12, 18]
    assert spread(found, 99) == found
    assert reward_of(run) == ""
    assert reward_of(replace(run, config={"sample_rewards": ["a.b:c", "d:e"]})) == "a.b:c"
    assert reward_of(None) == ""


def test_a_file_of_prompts_comes_before_the_run(clinic: Clinic, tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("one\ntwo\n")
    assert [one.text for one in prompts_of(clinic, "run", str(path), 9, EN)] == ["one", "two"]
    with pytest.raises(PromptsUnreadable, match="no such file"):
        prompts_of(clinic, "run", "nowhere.jsonl", 9, EN)
    with pytest.raises(PromptsUnreadable, match="Choose a run"):
        prompts_of(clinic, "gone", "", 9, EN)


def test_form_becomes_a_plan_or_says_why_not(clinic: Clinic) -> None:
    names = ("run/checkpoint-5", "run/checkpoint-10")
    plan = form(seeds="0, 3，3").plan(clinic, question(*names), EN)
    assert plan.seeds == (0, 3)
    assert len(plan.prompts) == 8
    assert [one.name for one in plan.sources] == list(names)
    for wrong, asked in (
        (form(seeds="x"), question(*names)),
        (form(path="nowhere.txt"), question(*names)),
        (form(), question()),
        (form(), replace(question(*names), seed=-1)),
    ):
        with pytest.raises(FormUnusable):
            wrong.plan(clinic, asked, EN)
    assert [one.kind for one in form(rewards="a.b:c, d.e:f", reference="exact").scorers()] == [
        "function",
        "function",
        "reference",
    ]
    with pytest.raises(FormUnusable):
        form(rewards="nonsense").scorers()
    with pytest.raises(FormUnusable):
        form(judge="nonsense").judged_by()


@pytest.mark.parametrize("words", [EN, ZH], ids=LANGS)
def test_verdict_says_what_the_numbers_allow(words: Words) -> None:
    better = work().compared("a/x")
    assert better is not None
    html = result_html(better, "score", words)
    assert {"en": "is better than", "zh": "优于"}[words.lang] in html
    assert "forest-good" in html
    assert ">20</span>" in html  # twenty wins in the bar
    open_html = result_html(work(better=-0.02).compared("a/x"), "score", words)
    assert "forest-plain" in open_html
    few = result_html(work(count=4).compared("a/x"), "score", words)
    assert "forest-warning" in few
    assert "note-good" not in few


def test_without_a_score_or_a_base_nothing_is_claimed() -> None:
    bare = work()
    stripped = {key: replace(one, scores={}) for key, one in bare.answers.answers.items()}
    found = replace(bare, answers=replace(bare.answers, answers=stripped)).compared("a/x")
    assert score_choice(found, "score") == ([], None)
    assert "Nothing has scored" in result_html(found, None, EN)
    assert bare.compared("gone") is None
    assert bare.compared(None) is None
    assert result_html(None, None, EN) == ""


def test_axis_of_the_forest() -> None:
    assert [place(value, 2.0) for value in (-2, 0, 1, 9)] == [0, 50, 75, 100]


def test_answers_are_narrowed_and_paged() -> None:
    answers = work().answers
    assert len(kept_rows(answers, "a/x", "score", "all")) == 20
    assert len(kept_rows(answers, "a/x", "score", "different")) == 19
    assert len(kept_rows(answers, "a/x", "score", "better")) == 20
    assert kept_rows(answers, "a/x", "score", "worse") == []
    assert len(kept_rows(answers, "b/x", "score", "worse")) == 20
    assert kept_rows(answers, "a/x", None, "worse") == []
    assert pages(kept_rows(answers, "a/x", "score", "different")) == 2
    html = answers_html(answers, "a/x", "score", "different", 2, EN)
    assert html.count("<details") == 19 - PAGE
    assert "<img" not in html
    assert "No answer passes" in answers_html(answers, "a/x", "score", "worse", 1, EN)


@pytest.mark.parametrize("kind", EXPORTS)
def test_exports_are_files_that_hold_the_answers(kind: str) -> None:
    found = work().compared("a/x")
    assert found is not None
    path = exported(found, kind, EN)
    assert path.suffix == f".{kind}"
    assert "the same" in path.read_text(encoding="utf-8")


def test_search_finds_the_step_and_shows_the_way(clinic: Clinic) -> None:
    search = new_search(clinic, "run", "matches", "ok", "", question(prompt="p"), EN)
    fine = {"run/checkpoint-5": True, "run/checkpoint-10": True, "run/checkpoint-15": False, "run/checkpoint-20": False}
    while (at := search.state.next()) is not None:
        shown = search_html(search, EN, at, Pane(Source("x", "model", "x"), "writing", text=EVIL))
        assert "<img" not in shown
        assert shown.count('class="stop now') + shown.count("stop now") >= 1
        name = search.state.names[at]
        search = replace(search, state=search.state.told(Looked(not fine[name], EVIL, "seen")))
    html = search_html(search, EN)
    assert "between step 10 and step 15" in html
    assert "<img" not in html
    assert "第 10 步" in search_html(search, ZH)
    lies = stretch(clinic, search)
    assert lies is not None
    assert (lies[1].after, lies[1].until) == (10, 15)


def test_search_says_what_it_lacks(clinic: Clinic) -> None:
    make_run(clinic.root, "single", [0.1])
    for run, kind, what, judge, prompt in (
        ("single", "eye", "", "", "p"),
        ("run", "matches", "(", "", "p"),
        ("run", "judge", "Is it polite?", "", "p"),
        ("run", "eye", "", "", " "),
        ("run", "reward", "nothing", "", "p"),
        (None, "eye", "", "", "p"),
    ):
        with pytest.raises(CheckUnusable):
            new_search(clinic, run, kind, what, judge, question(prompt=prompt), EN)


def test_panes_are_scored_with_the_columns_of_a_known_prompt(clinic: Clinic) -> None:
    known = prompt_asked(clinic, question(prompt="p3"), "")
    assert known.columns["order"] == "A3"
    asked = prompt_asked(clinic, question(prompt="never heard"), " the reference ")
    assert (dict(asked.columns), asked.reference) == ({}, "the reference")
    panes = [pane("a/x", "the reference"), pane("b/x", "something else"), pane("c/x", "", failed=True)]
    *_, state = score(answers_asked(panes, asked, 0), scorers_asked("", asked))
    html = scores_html(state, EN)
    assert "<b>1</b>" in html
    assert html.index("exact") < html.index("a <small>x") < html.index("c <small>x")
    assert html.count("–") == 3
    assert scorers_asked("a.b:c", known)[0].kind == "function"
    with pytest.raises(ScorerUnusable):
        scorers_asked("nonsense", known)


def pane(name: str, text: str, failed: bool = False) -> Pane:
    whole = Pane(Source(name, "model", name), "done", text=text, stop="end")
    return whole.failed("no") if failed else whole


def test_ballot_is_blind_and_a_key_is_the_answer_at_its_place() -> None:
    blank = new_ballot(question().messages(), ["a/x", "b/x", "c/x"], 0, shuffle=lambda order: order.reverse())
    assert blank.vote("1") is None, "nobody has answered"
    panes = [pane("a/x", "first"), pane("b/x", "half", failed=True), pane("c/x", EVIL)]
    assert "a/x" not in waiting_html(panes, "p", EN)
    assert "first" not in waiting_html(panes, "p", EN)
    ballot = blank.answered(panes)
    assert (ballot.shown, ballot.texts) == (("c/x", "a/x"), (EVIL, "first"))
    html = ballot_html(ballot, EN)
    for name in ("a/x", "c/x", "<img", "tokens"):
        assert name not in html
    vote = ballot.vote("2", " me ")
    assert vote is not None
    assert (vote.chosen, vote.by, vote.answers["c/x"]) == ("a/x", "me", EVIL)
    assert [one.chosen for key in ("0", "t", "T", "b") if (one := ballot.vote(key))] == [
        "tie",
        "tie",
        "tie",
        "both-bad",
    ]
    assert all(ballot.vote(key) is None for key in ("3", "-1", "", "x", "²", "n"))
    lonely = blank.answered(panes[:1])
    assert lonely.vote("1") is None
    assert "at least two" in ballot_html(lonely, EN)


def test_order_of_a_ballot_is_not_that_of_the_choice() -> None:
    names = [f"r/{number}" for number in range(6)]
    orders = {new_ballot((), names, 0).shown for _ in range(20)}
    assert len(orders) > 10
    assert all(sorted(one) == names for one in orders)


def test_votes_are_kept_beside_the_runs_and_become_ratings_and_a_data_set(clinic: Clinic) -> None:
    assert preference_file(clinic) is None
    assert "No vote yet" in results_html(kept(clinic), EN)
    ballot = Ballot(tuple(question().messages()), ("a/x", "b/x"), 0, ("bad", "a good one"))
    for key in ("2", "2", "t"):
        vote = ballot.vote(key)
        assert vote is not None
        keep(clinic, vote)
    with votes_path(clinic).open("a") as file:
        file.write("{broken\n")
    html = results_html(kept(clinic), EN)
    assert html.index("b <small>") < html.index("a <small>"), "the better one first"
    assert "1 damaged" in html
    made = preference_file(clinic)
    assert made is not None
    path, _, rows = made
    assert rows == 1
    assert json.loads(path.read_text())["chosen"][0]["content"] == "a good one"
    assert clinic.run(".compare") is None
    assert [run.name for run in clinic.runs()[0]] == ["run"]


def test_a_scorer_votes_once_on_what_people_voted_on(clinic: Clinic) -> None:
    vote = Ballot(tuple(question().messages()), ("a/x", "b/x"), 0, ("bad", "a good one")).vote("2")
    assert vote is not None
    keep(clinic, vote)
    answers = answers_voted(kept(clinic).votes)
    scored = answers.with_answers(one.scored("length", len(one.text)) for one in answers.answers.values())
    scorer = Scorer("length", "function", "lengths:length")
    assert keep_scored(clinic, scorer, scored) == 1
    assert keep_scored(clinic, scorer, scored) == 0
    assert [(one.voter, one.chosen) for one in kept(clinic).votes] == [("person", "b/x"), ("reward", "b/x")]
    assert "agree on 100 %" in results_html(kept(clinic), EN)


def test_the_next_prompt_was_not_asked_yet(clinic: Clinic) -> None:
    asked: list[str] = []
    while (one := next_prompt(clinic, "run", asked)) is not None:
        assert one.text not in asked
        asked.append(one.text)
    assert len(asked) == 24
    assert next_prompt(clinic, "gone", []) is None
