"""What the clinic says of the demo that the stories have trained: better, no difference, and where it broke."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.browser.conftest import ROOT, Served
from tests.browser.test_story import last_checkpoint

pytestmark = pytest.mark.slow
REWARD = "training.demo.score:score"


def said(served: Served, *arguments: str) -> dict[str, Any]:
    """The JSON that a command of the diagnostics prints."""
    held_out = served.runs / ".demo" / "held_out.jsonl"
    more = ["--prompts", str(held_out), "--max-new-tokens", "56", "--cache", str(served.runs / ".compare" / "answers")]
    command = [sys.executable, "-m", "diagnostics", *arguments, *more, "--format", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_trained_is_better_and_itself_is_no_different(served: Served) -> None:
    """In both languages, with an interval above 0; a checkpoint beside itself is told to be the same."""
    base, sft, dpo = (str(served.runs / last_checkpoint(served, name)) for name in ("base", "sft", "dpo"))
    found = said(served, "compare", base, sft, dpo, "--reward", REWARD)
    (verdict,) = found["verdicts"]
    assert [one["word"] for one in verdict["pairs"]] == ["better", "better"]
    assert all(one["low"] > 0.2 for one in verdict["pairs"])
    by_language = [one for one in verdict["slices"] if one["kind"] == "language"]
    assert {one["value"] for one in by_language} == {"en", "zh"}
    assert all(pair["word"] == "better" for one in by_language for pair in one["pairs"])
    same = said(served, "compare", dpo, dpo, "--reward", REWARD)
    (pair,) = same["verdicts"][0]["pairs"]
    assert pair["word"] == "no-difference-shown"
    assert (pair["wins"], pair["losses"], pair["difference"]) == (0, 0, 0)


def test_over_training_is_found_at_the_step_it_was_planted(served: Served) -> None:
    """The data shrink to eight rows at step 80: that checkpoint is the last good one, by bisect and by verdict."""
    run = served.runs / "sft-overtrained"
    found = said(served, "bisect", str(run), "--check", "reward:training.demo.score:right_topic<0.6")
    assert found["outcome"] == "found"
    assert (found["fine"], found["broken"]) == ("sft-overtrained/checkpoint-80", "sft-overtrained/checkpoint-100")
    assert len(found["looks"]) <= 6
    good, bad = str(run / "checkpoint-80"), str(run / "checkpoint-100")
    worse = said(served, "compare", good, bad, "--reward", "training.demo.score:right_topic")
    assert [one["word"] for one in worse["verdicts"][0]["pairs"]] == ["worse"]
