"""The course: each exercise is ticked by what lies in the runs folder, and by nothing else."""

from __future__ import annotations

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from dashboard.addresses import PAGES, Addresses
from dashboard.clinic import Clinic
from dashboard.learn import course
from dashboard.learn import progress as progress_module
from dashboard.learn import texts as course_texts
from dashboard.learn.course import BY_KEY, DAYS, EXERCISES, Shown
from dashboard.learn.progress import KEPT, acted, answered, look_at_all, read, tick
from dashboard.learn.view import choices, exercise_html, head_html, shown_html
from dashboard.texts import LANGS, Words

DEMO = ("base", "sft-too-hot", "sft", "dpo", "reward", "ppo", "grpo")


def a_run(
    root: Path,
    name: str,
    method: str,
    config: dict[str, Any] | None = None,
    *,
    state: str = "finished",
    score: float | None = None,
    log: list[dict[str, Any]] | None = None,
    parent: str | None = None,
) -> None:
    folder = root / name
    folder.mkdir()
    asked = {"schema": 1, "run": name, "method": method, "config": config or {"seed": 0}, "parent": parent}
    (folder / "run.json").write_text(json.dumps(asked))
    (folder / "status.json").write_text(json.dumps({"state": state, "step": 10, "max_steps": 10}))
    rows = log or [{"step": at, "loss": 2.0 - at / 20} for at in range(1, 11)]
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": rows}))
    if score is not None:
        lines = [{"step": 10, "prompt": f"p{at}", "completion": "c", "rewards": {"s": score}} for at in range(4)]
        (folder / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The demo's own runs, trained."""
    (tmp_path / ".demo").mkdir()
    (tmp_path / ".demo" / "plan.json").write_text(json.dumps({"stages": [{"name": one} for one in DEMO]}))
    a_run(tmp_path, "base", "sft", score=0.3)
    a_run(tmp_path, "sft", "sft", score=0.6)
    a_run(tmp_path, "dpo", "dpo", {"beta": 0.1}, score=0.9)
    a_run(
        tmp_path,
        "ppo",
        "ppo",
        {"kl_coef": 0.2},
        score=0.8,
        log=[{"step": 1, "objective/kl": 1.0}, {"step": 2, "objective/kl": 4.0}],
    )
    a_run(tmp_path, "reward", "reward", log=[{"step": 5, "eval_accuracy": 0.5}, {"step": 10, "eval_accuracy": 0.9}])
    a_run(tmp_path, "grpo", "grpo", {"reward_model_name_or_path": "x"})
    hot = [{"step": s, "loss": 1.6 if s == 1 else 5 + 2 / s, "learning_rate": 5e-2} for s in range(1, 61)]
    a_run(tmp_path, "sft-too-hot", "sft", {"learning_rate": 5e-2}, log=hot)
    return tmp_path


def seen(root: Path, key: str) -> Shown:
    look = BY_KEY[key].look
    assert look is not None
    return look(Clinic(root))


def test_demos_own_runs_do_none_of_the_exercises_that_ask_for_ones_own(root: Path) -> None:
    _, found = look_at_all(Clinic(root))
    assert {key for key, one in found.items() if one.done} == {"demo"}


@pytest.mark.parametrize(
    ("key", "method", "config", "undone"),
    [
        ("ppo", "ppo", {"kl_coef": 0.0}, {"kl_coef": 0.2}),
        ("dpo", "dpo", {"beta": 0.5}, {"beta": 0.1}),
        ("dpo", "dpo", {"beta": 0.5}, {"learning_rate": 1e-6}),
        ("reward", "grpo", {"reward_funcs": ["rewards.py:f"]}, {"reward_funcs": ["training.demo.score:polite"]}),
        ("reward", "rloo", {"reward_funcs": "rewards.py:f"}, {"reward_funcs": ["length"]}),
        ("several", "grpo", {"reward_funcs": ["a:f", "b:g"]}, {"reward_funcs": ["a:f"]}),
        (
            "several",
            "ppo",
            {"reward_funcs": "a:f", "reward_model_name_or_path": "m"},
            {"reward_model_name_or_path": "m"},
        ),
        ("curriculum", "sft", {"curriculum": "length"}, {"curriculum": None}),
    ],
)
def test_a_run_of_ones_own_does_it_and_one_like_the_demos_does_not(
    root: Path, key: str, method: str, config: dict[str, Any], undone: dict[str, Any]
) -> None:
    a_run(root, "mine-0", method, undone)
    a_run(root, "mine-1", method, config, state="failed")
    assert not seen(root, key).done
    a_run(root, "mine-2", method, config)
    shown = seen(root, key)
    assert shown.done
    assert shown.facts["run"] == "mine-2"
    for lang in LANGS:
        said = shown_html(BY_KEY[key], shown, Words(lang))
        assert "mine-2" in said
        assert "note-good" in said


def test_three_stages_are_told_by_what_each_run_starts_from(root: Path) -> None:
    place = {name: str(root / name / "checkpoint-10") for name in ("sft", "reward", "dpo")}
    a_run(root, "a", "ppo", {"model_name_or_path": place["dpo"], "reward_model_name_or_path": place["reward"]})
    a_run(
        root,
        "b",
        "ppo",
        {"model_name_or_path": place["sft"], "reward_model_name_or_path": "elsewhere/reward/checkpoint-10"},
    )
    assert not seen(root, "stages").done
    a_run(root, "c", "grpo", {"model_name_or_path": place["sft"], "reward_model_name_or_path": place["reward"]})
    assert seen(root, "stages") == Shown(True, "found", {"sft": "sft", "reward": "reward", "run": "c"})


def test_project_needs_a_better_score_than_its_own_start(root: Path) -> None:
    assert seen(root, "project").key == "none"
    a_run(root, "my-sft", "sft", score=0.5)
    a_run(root, "from-demo", "dpo", {"model_name_or_path": str(root / "sft" / "checkpoint-10")}, score=0.99)
    assert seen(root, "project").key == "none"
    start = {"model_name_or_path": str(root / "my-sft" / "checkpoint-10")}
    a_run(root, "silent", "dpo", start)
    assert seen(root, "project").key == "no_score"
    a_run(root, "worse", "dpo", start, score=0.4)
    assert seen(root, "project").key == "not_better"
    a_run(root, "well", "kto", start, score=0.7)
    shown = seen(root, "project")
    assert (shown.done, shown.facts["before"], shown.facts["after"]) == (True, "0.500", "0.700")


def test_cure_is_a_child_that_finished_without_an_error(root: Path) -> None:
    hot = [{"step": s, "loss": 1.6 if s == 1 else 5 + 2 / s, "learning_rate": 5e-2} for s in range(1, 61)]
    assert seen(root, "cure").key == "none"
    a_run(root, "stranger", "sft")
    assert seen(root, "cure").key == "none"
    a_run(root, "still", "sft", {"learning_rate": 4e-2}, log=hot, parent="sft-too-hot")
    assert seen(root, "cure").key == "still"
    assert "loss-diverged" in seen(root, "cure").facts["rules"]
    (root / "still" / "run.json").unlink()
    a_run(root, "cured", "sft", {"learning_rate": 2e-3}, parent=str(root / "sft-too-hot"))
    assert seen(root, "cure").key == "cured"


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [
        ("first", "sft", "base"),
        ("against", "dpo", "ppo"),
        ("judge", "most", "all"),
        ("fault", "loss-diverged", "overfitting"),
        ("sampling", "same", "different"),
    ],
)
def test_answers_are_judged_by_the_runs_and_ticked(root: Path, key: str, right: str, wrong: str) -> None:
    clinic = Clinic(root)
    assert answered(clinic, BY_KEY[key], None).key == "choose"
    assert answered(clinic, BY_KEY[key], "<b>").key == "choose"
    assert answered(clinic, BY_KEY[key], wrong).key == "wrong"
    assert key not in read(root).done
    assert answered(clinic, BY_KEY[key], right).done
    assert key in read(root).done


def test_drift_compares_the_ends_of_both_runs(root: Path) -> None:
    clinic = Clinic(root)
    assert answered(clinic, BY_KEY["drift"], "demo").key == "too_early"
    a_run(root, "mine", "ppo", {"kl_coef": 0}, log=[{"step": 1, "objective/kl": 1.0}, {"step": 2, "objective/kl": 9.0}])
    assert answered(Clinic(root), BY_KEY["drift"], "demo").key == "wrong"
    assert answered(Clinic(root), BY_KEY["drift"], "mine").done


def test_without_runs_nothing_can_be_answered(tmp_path: Path) -> None:
    clinic = Clinic(tmp_path)
    for one in EXERCISES:
        if one.question is not None and one.key != "sampling":
            assert answered(clinic, one, one.question.choices[0]).key == "too_early"


def test_ticks_outlive_runs_and_a_broken_file_is_no_progress(root: Path) -> None:
    progress, _ = look_at_all(Clinic(root))
    assert set(progress.done) == {"demo"}
    (root / "sft" / "status.json").write_text(json.dumps({"state": "failed", "step": 1, "max_steps": 10}))
    assert set(look_at_all(Clinic(root))[0].done) == {"demo"}
    first = tick(root, "dpo", now=5.0)
    assert tick(root, "dpo", now=9.0).done["dpo"] == first.done["dpo"] == 5.0
    assert "nothing" not in tick(root, "nothing").done
    for broken in ("half {", "[]", '{"done": 3}', '{"done": {"dpo": "x"}}'):
        (root / KEPT).write_text(broken)
        assert read(root).count == 0


@pytest.mark.parametrize("broken", ["full", "a file", "away"])
def test_a_folder_that_cannot_be_written_ends_no_lesson(
    root: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    clinic = Clinic(root)
    clinic.runs()
    if broken == "full":

        def full(path: Path, value: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(progress_module, "write_json", full)
    else:
        root.rename(root.with_name(f"{root.name}-away"))
        if broken == "a file":
            root.write_text("a file")
    progress, found = look_at_all(clinic)
    reason = {"full": "No space left on device", "a file": "Not a directory", "away": "No such file or directory"}[
        broken
    ]
    assert progress.unkept == reason
    assert (progress.count, found["demo"].done) == ((1, True) if broken == "full" else (0, False))
    for lang in LANGS:
        assert reason in head_html(progress, Words(lang))
        assert "note-error" in head_html(progress, Words(lang))
    doctor = subprocess.CompletedProcess((), 0, json.dumps({"checks": [{"name": "disk", "well": True}]}), "")
    monkeypatch.setattr(course.subprocess, "run", lambda command, **_: doctor)
    shown = acted(clinic, BY_KEY["environment"])
    assert shown.done
    assert reason in shown_html(BY_KEY["environment"], shown, Words("en"))
    if broken == "full":
        one = next(each for each in EXERCISES if each.question and each.question.answer(clinic))
        right = answered(clinic, one, one.question.answer(clinic))  # type: ignore[union-attr]
        assert (right.done, right.facts["unkept"]) == (True, reason)
        monkeypatch.undo()
        progress, _ = look_at_all(clinic)
        assert (progress.unkept, read(root).count) == ("", 1)


def test_environment_is_what_the_doctor_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def doctor(out: str, error: str = "") -> None:
        monkeypatch.setattr(
            course.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, out, error)
        )

    clinic = Clinic(tmp_path)
    doctor(json.dumps({"checks": [{"name": "disk", "well": True}, {"name": "torch", "well": False}]}))
    assert acted(clinic, BY_KEY["environment"]) == Shown(False, "to_mend", {"what": "torch", "count": 2})
    doctor("", "no python")
    assert acted(clinic, BY_KEY["environment"]) == Shown(False, "failed", {"reason": "no python"})
    assert read(tmp_path).count == 0
    doctor(json.dumps({"checks": [{"name": "disk", "well": True}]}))
    assert acted(clinic, BY_KEY["environment"]).done
    assert read(tmp_path).count == 1


@pytest.mark.parametrize("lang", LANGS)
def test_each_exercise_says_its_aim_its_steps_and_what_was_seen(root: Path, lang: Any) -> None:
    words, addresses = Words(lang), Addresses("en")
    progress, found = look_at_all(Clinic(root))
    for one in EXERCISES:
        html = exercise_html(one, progress, words, addresses)
        assert words(f"course.{one.key}.aim").split("`")[0][:10] in html
        assert html.count("<li>") >= 1
        assert ("exercise-done" in html) == (one.key == "demo")
        for page, query in one.goes:
            assert page in PAGES
            assert set(query) <= {"run", "metric"}
            for run in [query["run"]] if isinstance(query.get("run"), str) else query.get("run", ()):
                assert f"run={run}" in html
        assert "`" not in html
        if one.look is not None:
            assert shown_html(one, found[one.key], words)
        if one.question is not None:
            assert [value for _, value in choices(one, words)] == list(one.question.choices)
    assert "1" in head_html(progress, words)
    assert sorted({one.day for one in EXERCISES}) == list(DAYS) == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("key", "usual"), [("ppo", "kl_coef"), ("dpo", "beta")])
def test_before_the_demos_run_has_begun_no_value_is_told(tmp_path: Path, key: str, usual: str) -> None:
    """It told TRL's default then, and the demo's own value later."""
    a_run(tmp_path, "mine", key, {usual: 0.3})
    shown = seen(tmp_path, key)
    assert not shown.done
    for lang in LANGS:
        assert usual in (said := unescape(shown_html(BY_KEY[key], shown, Words(lang))))
        assert not any(sign.isdigit() for sign in said)


def test_a_state_without_words_of_its_own_is_said_too() -> None:
    assert "Now: starting." in shown_html(BY_KEY["demo"], Shown(False, "starting"), Words("en"))


def test_words_are_there_in_both_languages() -> None:
    for key, (english, chinese) in course_texts.TEXTS.items():
        assert english.strip() and chinese.strip(), key  # noqa: PT018
        assert set(re.findall(r"{(\w+)", english)) == set(re.findall(r"{(\w+)", chinese)), key
        assert len(english.splitlines()) == len(chinese.splitlines()), key


def test_every_page_that_is_named_is_built() -> None:
    from dashboard.app import BUILD

    assert tuple(sorted(BUILD)) == tuple(sorted(PAGES))
