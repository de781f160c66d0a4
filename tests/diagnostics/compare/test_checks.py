"""Checks as they are written, and what they say of an answer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from diagnostics.compare.answers import Answer
from diagnostics.compare.bisecting import checks
from diagnostics.compare.bisecting.checks import Check, CheckUnusable, check_of, look, look_at_all
from diagnostics.compare.prompts import Prompt
from diagnostics.compare.scoring.judge import judge_of
from tests.diagnostics.compare.endpoint_server import serving

PROMPT = Prompt(0, ({"role": "user", "content": "Please cancel order C53."},))


def answer(text: str, stop: str = "end") -> Answer:
    return Answer("a", 0, 0, text, 1, stop, error="it died" if stop == "error" else None)


@pytest.mark.parametrize(
    ("spec", "text", "broken"),
    [
        ("matches:C53", "order C53 is cancelled", False),
        ("matches:C53", "order C54 is cancelled", True),
        ("lacks:(?i)sorry", "Sorry!", True),
        ("lacks:(?i)sorry", "Done.", False),
        ("matches:取消", "订单已取消", False),
        ("matches:a:b", "a:b", False),
    ],
)
def test_expressions(spec: str, text: str, broken: bool) -> None:
    assert look(check_of(spec), PROMPT, answer(text)).broken is broken


def test_an_expression_that_takes_ages_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "REGEX_SECONDS", 0.5)
    started = time.monotonic()
    looked = look(check_of("matches:(a+)+$"), PROMPT, answer("a" * 60 + "b"))
    assert looked.broken is None
    assert "not through" in looked.why
    assert time.monotonic() - started < 5


def test_reward_below_a_number(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "def size(completions, **more): return [len(one[0]['content']) / 10 for one in completions]\ndef bad(**more): 1/0\n"
    )
    check = check_of(f"reward:{path}:size<0.5")
    assert (check.limit, str(check)) == (0.5, f"reward:{path}:size<0.5")
    assert look(check, PROMPT, answer("four")).broken is True
    assert look(check, PROMPT, answer("hello")).broken is False
    assert look(check, PROMPT, answer("hello")).why == "size = 0.5"
    failed = look(check_of(f"reward:{path}:bad<0"), PROMPT, answer("x"))
    assert failed.broken is None
    assert "ZeroDivisionError" in failed.why


@pytest.mark.parametrize(
    ("says", "broken"), [('{"verdict": "yes"}', False), ('{"verdict": "no"}', True), ("who knows", None)]
)
def test_judges_question(says: str, broken: bool | None) -> None:
    with serving(lambda body: says) as server:
        judge = judge_of(f"{server.at('good')}#m")
        assert look(check_of("judge:Is it polite?"), PROMPT, answer("x"), judge).broken is broken
        assert "Is it polite?" in server.asked[0]["messages"][0]["content"]


def test_several_prompts_count_by_the_mean_or_by_most(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def size(completions, **more): return [len(one[0]['content']) / 10 for one in completions]\n")
    prompts = [Prompt(at, PROMPT.messages) for at in range(3)]
    given = [Answer("a", at, 0, text, 1, "end") for at, text in enumerate(("a" * 2, "a" * 8, "a" * 8))]
    assert look_at_all(check_of(f"reward:{path}:size<0.61"), prompts, given).broken is True
    fine = look_at_all(check_of(f"reward:{path}:size<0.59"), prompts, given)
    assert (fine.broken, fine.text, fine.why) == (False, "aa", "size = 0.6 on average over 3 answers")
    most = look_at_all(check_of("lacks:aaa"), prompts, given)
    assert (most.broken, most.why) == (True, "fails on 2 of 3 prompts")
    assert look_at_all(check_of("matches:aaa"), prompts, given).broken is False
    lost = [Answer("a", at, 0, "", 0, "error", error="it died") for at in range(3)]
    for spec in ("matches:a", f"reward:{path}:size<1"):
        assert look_at_all(check_of(spec), prompts, lost).why == "it died"
    # One of them lost: the rest tell.
    assert look_at_all(check_of("lacks:aaa"), prompts, [*given[:2], lost[2]]).why == "fails on 1 of 2 prompts"


def test_no_answer_tells_nothing() -> None:
    looked = look(check_of("matches:x"), PROMPT, answer("", "error"))
    assert (looked.broken, looked.why) == (None, "it died")


def test_eye_and_a_missing_judge_cannot_be_made() -> None:
    assert check_of("eye") == Check("eye")
    for spec in ("eye", "judge:Is it polite?"):
        with pytest.raises(CheckUnusable):
            look(check_of(spec), PROMPT, answer("x"))


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "C53",
        "matches:",
        "matches:(",
        "reward:nowhere.py:f<1",
        "reward:a.b:f",
        "reward:a.b:f<x",
        "judge:",
        "better:x",
    ],
)
def test_wrong_check_is_one_sentence(spec: str) -> None:
    with pytest.raises(CheckUnusable) as caught:
        check_of(spec)
    assert "\n" not in str(caught.value)
