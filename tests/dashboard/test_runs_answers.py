"""The two answers on top of the Runs page: what they say, of which runs, and that they say nothing that is not known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboard.addresses import Addresses
from dashboard.clinic import Clinic
from dashboard.runs.answers import MOST_FAILED, answers_html, gain, lost_runs
from dashboard.texts import LANGS, Words
from diagnostics.run.files import write_json
from tests.dashboard.test_views import EVIL, make_run

ADDRESSES = Addresses("en")


def sound(root: Path, name: str, rewards: list[float], steps: tuple[int, ...] = (10,), prompt: str = "p") -> None:
    """A run that finished."""
    make_run(root, name, rewards, steps, prompt)
    status = json.loads((root / name / "status.json").read_text())
    (root / name / "status.json").write_text(json.dumps({**status, "state": "finished", "exit_code": 0, "step": 20}))


def plan(root: Path, *names: str, compare: tuple[str, str]) -> None:
    (root / ".demo").mkdir()
    write_json(root / ".demo" / "plan.json", {"stages": [{"name": one} for one in names], "compare": list(compare)})


def judged(root: Path) -> Clinic:
    clinic = Clinic(root)
    for run in clinic.runs()[0]:
        clinic.diagnosis(run)
    return clinic


def test_says_by_how_much_the_newest_sound_run_is_better(tmp_path: Path) -> None:
    sound(tmp_path, "a", [0.1, 0.2, 0.3, 0.2], (5, 10))
    sound(tmp_path, "b", [0.9, 0.8, 0.9, 1.0])
    make_run(tmp_path, "c", [0.0, 0.0, 0.0, 0.0])  # it died
    found = gain(judged(tmp_path))
    assert found is not None
    assert (found.before, found.after) == ("a/checkpoint-10", "b/checkpoint-10")
    assert found.found.mean == pytest.approx(0.7)
    assert found.found.count == 4


def test_the_demos_pair_comes_before_the_newest(tmp_path: Path) -> None:
    for name, value in (("a", 0.1), ("b", 0.9), ("c", 0.4)):
        sound(tmp_path, name, [value, value + 0.01, value + 0.02])
    plan(tmp_path, "a", "b", "c", compare=("a", "b"))
    found = gain(judged(tmp_path))
    assert found is not None
    assert found.after == "b/checkpoint-10"


def test_while_the_demos_pair_is_not_there_the_newest_is_taken(tmp_path: Path) -> None:
    sound(tmp_path, "a", [0.1, 0.2, 0.3])
    sound(tmp_path, "c", [0.4, 0.5, 0.7])
    plan(tmp_path, "a", "b", "c", compare=("a", "b"))
    found = gain(judged(tmp_path))
    assert found is not None
    assert found.after == "c/checkpoint-10"


@pytest.mark.parametrize(
    ("after", "kind"), [([0.9, 0.8, 0.9], "good"), ([0.0, 0.0, 0.1], "bad"), ([0.4, 0.8, 0.1], "calm")]
)
def test_better_worse_and_not_shown_look_different(tmp_path: Path, after: list[float], kind: str) -> None:
    sound(tmp_path, "a", [0.4, 0.5, 0.5] * 6)
    sound(tmp_path, "b", after * 6)
    shown = answers_html(judged(tmp_path), Words("en"), ADDRESSES)
    said = {"good": "better", "bad": "worse", "calm": "not shown to differ"}[kind]
    assert f"first-{kind}" in shown
    assert said in shown
    assert "./compare?checkpoints=a%2Fcheckpoint-10%2Cb%2Fcheckpoint-10" in shown


def test_nothing_is_said_where_nothing_is_known(tmp_path: Path) -> None:
    sound(tmp_path, "a", [0.1, 0.2, 0.3])
    assert answers_html(judged(tmp_path), Words("en"), ADDRESSES) == ""  # one alone
    sound(tmp_path, "b", [0.1, 0.2, 0.3], prompt="other")
    assert answers_html(judged(tmp_path), Words("en"), ADDRESSES) == ""  # other prompts


def test_a_run_that_is_not_judged_yet_is_not_called_lost(tmp_path: Path) -> None:
    make_run(tmp_path, "a", [])
    clinic = Clinic(tmp_path)
    clinic.latest_diagnosis = lambda run: None  # type: ignore[method-assign]
    assert lost_runs(clinic) == []
    assert answers_html(clinic, Words("en"), ADDRESSES) == ""


@pytest.mark.parametrize("lang", LANGS)
def test_the_newest_lost_runs_are_told_the_others_counted(tmp_path: Path, lang: str) -> None:
    names = [f"run{place}" for place in range(MOST_FAILED + 2)]
    for name in names:
        make_run(tmp_path, name, [])
    words = Words("en" if lang == "en" else "zh")
    shown = answers_html(judged(tmp_path), words, ADDRESSES)
    assert shown.count("diagnose?run=") == MOST_FAILED
    assert f"diagnose?run={names[-1]}" in shown
    assert words("runs.lost_more", count=2) in shown
    assert "<img" not in shown
    assert EVIL not in shown


def test_archived_runs_are_left_out(tmp_path: Path) -> None:
    make_run(tmp_path, "a", [])
    clinic = judged(tmp_path)
    assert [run.name for run in lost_runs(clinic)] == ["a"]
    clinic.marks.change(["a"], archived=True)
    assert lost_runs(clinic) == []
