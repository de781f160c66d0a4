"""Asking and voting as a visitor, without Gradio: every bound, what is kept, what is not believed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.compare.ballot import kept
from dashboard.sharing import trial as trial_module
from dashboard.sharing.limits import PROMPT_CHARACTERS, PROMPTS_A_MINUTE, PROMPTS_A_MINUTE_ALL, TOKENS
from dashboard.sharing.logins import Visitor
from dashboard.sharing.rates import Rates
from dashboard.sharing.shown import Shown, votes_between
from dashboard.sharing.trial import Beside, Caller, Trial, heat
from dashboard.texts import Words
from tests.dashboard.sharing.shared_runs import EVIL, SECRET, Answering, make
from tests.dashboard.sharing.test_gate import Clock

EN = Words("en")
ANN, BOB = Caller("ann", "tab1"), Caller("bob", "tab2")
THERE = {"ann": Visitor("ann", "Ann", 0, 0), "bob": Visitor("bob", "Bob", 0, 0)}


def started(root: Path, there: dict[str, Visitor] | None = None) -> tuple[Trial, Answering, Clock]:
    names, answering, clock = make(root), Answering(), Clock()
    known = (THERE if there is None else there).get
    return Trial(Shown(root, names), known, answering, clock, shuffle=lambda order: order.reverse()), answering, clock


def last(made: Iterator[str]) -> str:
    return list(made)[-1]


def test_only_chosen_runs_are_known(tmp_path: Path) -> None:
    trial, _, _ = started(tmp_path)
    shown = trial.shown
    assert [run.name for run in shown.runs()[0]] == [EVIL, "plain"]
    for name in (SECRET, "../x", "", ".", f"plain/../{SECRET}"):
        assert shown.run(name) is None
    assert list(trial.offered) == [f"{EVIL}/checkpoint-5", "plain/checkpoint-5"]
    with pytest.raises(PermissionError):
        shown.start_demo()


def test_an_answer_is_shown_as_text(tmp_path: Path) -> None:
    trial, answering, _ = started(tmp_path)
    made = last(trial.ask(ANN, EVIL, list(trial.offered), 0.7, EN))
    assert "<img" not in made
    assert "<script" not in made
    assert made.count("&lt;img src=x onerror=alert(1)&gt;") >= 4  # the prompt, a run's name, both answers
    assert [one.source.name for one in answering.rows] == list(trial.offered)
    assert {one.sampling.max_new_tokens for one in answering.rows} == {int(TOKENS)}
    assert {one.sampling.temperature for one in answering.rows} == {0.7}


@pytest.mark.parametrize(
    "names",
    [
        [],
        None,
        "plain/checkpoint-5",
        [SECRET + "/checkpoint-5"],
        ["plain/checkpoint-5", SECRET + "/checkpoint-5"],
        [["plain/checkpoint-5"]],
        ["plain/../x"],
        [f"plain/../{SECRET}/checkpoint-5"],
        [{"name": "plain/checkpoint-5"}],
        {"plain/checkpoint-5": 1},
        ["http://x/v1#m"],
        [0],
    ],
)
def test_nothing_else_is_asked(tmp_path: Path, names: Any) -> None:
    trial, answering, _ = started(tmp_path)
    assert "Choose from the checkpoints that are shared" in last(trial.ask(ANN, "hello", names, 0, EN))
    assert answering.rows == []


@pytest.mark.parametrize(
    "prompt", ["", " \n", None, 3, ["x"], {"path": "/etc/passwd"}, "x" * (int(PROMPT_CHARACTERS) + 1), b"x"]
)
def test_prompts_that_are_none_or_too_long(tmp_path: Path, prompt: Any) -> None:
    trial, answering, _ = started(tmp_path)
    assert 'class="note note-warning"' in last(trial.ask(ANN, prompt, list(trial.offered), 0, EN))
    assert answering.rows == []


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (-1, 0.0),
        (99, 2.0),
        (math.nan, 0.0),
        (math.inf, 0.0),
        ("1", 0.0),
        (None, 0.0),
        (True, 0.0),
        (10**400, 2.0),
        (0.5, 0.5),
    ],
)
def test_temperatures_are_kept_in_range(given: Any, used: float) -> None:
    assert heat(given) == used


def test_a_visitor_waits_after_so_many_prompts(tmp_path: Path) -> None:
    trial, answering, clock = started(tmp_path)
    one = ["plain/checkpoint-5"]
    for _ in range(int(PROMPTS_A_MINUTE)):
        list(trial.ask(ANN, "hello", one, 0, EN))
    assert "Try again in 60 s" in last(trial.ask(ANN, "hello", one, 0, EN))
    assert "Try again in 60 s" in last(trial.ask(Caller("ann", "another tab"), "hello", one, 0, EN))
    assert "Try again" in last(trial.ballot(ANN, "hello", EN))
    assert len(answering.rows) == PROMPTS_A_MINUTE
    list(trial.ask(BOB, "hello", one, 0, EN))
    clock.now += 60
    list(trial.ask(ANN, "hello", one, 0, EN))
    assert len(answering.rows) == PROMPTS_A_MINUTE + 2


def test_all_visitors_together_are_bounded_too() -> None:
    clock = Clock()
    rates = Rates(PROMPTS_A_MINUTE, PROMPTS_A_MINUTE_ALL, clock)
    taken = sum(rates.take(f"login {n // 3}") == 0 for n in range(200))
    assert taken == PROMPTS_A_MINUTE_ALL
    clock.now += 30
    assert rates.take("new") == 30
    clock.now += 31
    assert rates.take("new") == 0


def test_who_is_logged_out_is_answered_no_more(tmp_path: Path) -> None:
    there = dict(THERE)
    trial, answering, _ = started(tmp_path, there)
    asking = trial.ask(ANN, "hello", list(trial.offered), 0, EN)
    next(asking)
    del there["ann"]
    assert "logged out" in last(asking)
    assert "logged out" in last(trial.ask(ANN, "hello", list(trial.offered), 0, EN))
    assert "logged out" in last(trial.ballot(ANN, "hello", EN))
    assert "logged out" in str(trial.choose(ANN, "1", EN))
    assert "logged out" in last(trial.ask(Caller("", ""), "hello", list(trial.offered), 0, EN))
    assert len(answering.rows) == 2


def test_a_blind_vote_is_kept_once_with_the_visitor_s_name(tmp_path: Path) -> None:
    trial, answering, _ = started(tmp_path)
    made = last(trial.ballot(ANN, "", EN))
    assert "checkpoint-5" not in made  # blind
    assert "<img" not in made
    assert answering.rows[0].messages[-1]["content"].startswith(EVIL)  # of the chosen runs' held-out prompts
    assert trial.choose(BOB, "1", EN) is None  # another's ballot
    assert trial.choose(Caller("bob", "tab1"), "1", EN) is None  # nor by naming her tab
    for key in ("3", "", None, "x", ["1"], {"choice": 1}, "-1", "0x1", "１" * 999, "1" * 5000, 1):
        assert trial.choose(ANN, key, EN) is None, key
    assert "Votes of yours so far: 1" in str(trial.choose(ANN, "1", EN))
    assert trial.choose(ANN, "1", EN) is None
    (vote,) = kept(trial.shown).votes
    assert (vote.chosen, vote.by, vote.voter) == ("plain/checkpoint-5", "Ann", "person")
    list(trial.ballot(ANN, "own", EN))
    assert trial.choose(ANN, "n", EN) == ""
    assert len(kept(trial.shown).votes) == 1


def test_a_visitor_s_votes_are_bounded_also_after_a_new_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_module, "VOTES", 2)
    there = {**THERE, "ann again": Visitor("ann again", "Ann", 0, 0)}
    trial, _, _ = started(tmp_path, there)
    for caller in (ANN, Caller("ann again", "tab3")):
        list(trial.ballot(caller, "own", EN))
        assert "Thank you" in str(trial.choose(caller, "1", EN))
    assert "You have voted 2 times" in last(trial.ballot(Caller("ann again", "tab3"), "own", EN))
    assert "You have voted 2 times" in last(trial.ballot(ANN, "own", EN))
    assert trial.choose(BOB, "1", EN) is None
    assert "alert" in last(trial.ballot(BOB, "own", EN))


def test_prompts_of_the_set_come_once_to_each(tmp_path: Path) -> None:
    trial, answering, clock = started(tmp_path)
    for _ in range(6):
        list(trial.ballot(ANN, "", EN))
        clock.now += 60
    asked = [one.messages[-1]["content"] for one in answering.rows[::2]]
    assert len(set(asked)) == len(asked) == 6
    assert "no prompt left" in last(trial.ballot(ANN, "", EN))


def test_ballots_that_nobody_votes_on_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_module, "MOST_OPEN", 2)
    trial, _, _ = started(tmp_path)
    tabs = [Caller("ann", f"tab{n}") for n in range(3)]
    for one in tabs:
        list(trial.ballot(one, "own", EN))
    assert trial.choose(tabs[0], "1", EN) is None
    assert len(trial._asked) <= 2
    for one in tabs[1:]:
        assert "Thank you" in str(trial.choose(one, "1", EN))


def test_a_vote_that_cannot_be_kept_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial, _, _ = started(tmp_path)
    list(trial.ballot(ANN, "own", EN))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trial_module, "keep", full)
    assert "could not be kept" in str(trial.choose(ANN, "1", EN))


def test_votes_on_other_runs_are_not_told(tmp_path: Path) -> None:
    trial, _, _ = started(tmp_path)
    list(trial.ballot(ANN, "own", EN))
    trial.choose(ANN, "1", EN)
    found = kept(trial.shown)
    assert len(votes_between(found, [EVIL, "plain"]).votes) == 1
    assert votes_between(found, ["plain"]).votes == ()


def test_a_refusal_stands_beside_what_was_answered_last_and_leaves_the_ballot_open(tmp_path: Path) -> None:
    trial, _, _ = started(tmp_path)
    ready = list(trial.ballot(ANN, "which?", EN))
    assert not any(isinstance(one, Beside) for one in ready)
    for _ in range(int(PROMPTS_A_MINUTE) - 1):
        assert not isinstance(last(trial.ask(ANN, "hello", ["plain/checkpoint-5"], 0, EN)), Beside)
    for refused in (trial.ask(ANN, "hello", ["plain/checkpoint-5"], 0, EN), trial.ballot(ANN, "more?", EN)):
        (told,) = refused
        assert isinstance(told, Beside)
        assert "Try again" in told
    assert trial.choose(ANN, "1", EN) is not None  # the ballot from before is still there
    assert trial.counted() == (int(PROMPTS_A_MINUTE), 1)


def test_prompts_to_start_from_are_the_shared_runs_own(tmp_path: Path) -> None:
    trial, _, _ = started(tmp_path)
    assert trial.examples() == [f"{EVIL} {n}" for n in range(6)]
    assert trial.examples(2) == [f"{EVIL} {n}" for n in range(2)]
    (tmp_path / "plain" / "samples.jsonl").write_text("")
    (tmp_path / EVIL / "samples.jsonl").write_text("")
    assert trial.examples() == []
