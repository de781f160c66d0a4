"""Reward functions by name, and the sentences for wrong names."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnostics.probes.reward_functions import RewardUnusable, load_reward, load_rewards
from training.request import BadRequest, ClinicArguments, Request
from training.worker.recorder import Recorder
from training.worker.status import StatusFile


def test_rewards_are_loaded_from_modules_and_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "def short(prompts, completions, **columns):\n    return [-float(len(one)) for one in completions]\n"
    )
    rewards = load_rewards([f"{path}:short", "training.demo.score:polite"])
    assert list(rewards) == ["short", "polite"]
    assert rewards["short"](prompts=["a"], completions=["abc"]) == [-3.0]


def test_dotted_paths_and_short_names_load_too() -> None:
    short = {"nice": "training.demo.score:polite"}
    assert load_reward("training.demo.score.polite") is load_reward("nice", short)
    assert list(load_rewards(["nice", "training.demo.score.score"], short)) == ["nice", "score"]
    with pytest.raises(RewardUnusable, match=r"nicer: expected .* did you mean nice"):
        load_reward("nicer", short)
    with pytest.raises(RewardUnusable, match=r"mine\.py: expected file\.py:function"):
        load_reward("mine.py")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "expected file.py:function"),
        ("nowhere.py:f", "there is no such file"),
        ("no.such.module:f", "cannot be imported"),
        ("training.demo.score:missing", "holds no function missing"),
    ],
)
def test_wrong_reward_is_one_sentence(name: str, said: str) -> None:
    with pytest.raises(RewardUnusable, match=said):
        load_reward(name)


def test_file_that_raises_or_exits_at_import_is_one_sentence(tmp_path: Path) -> None:
    for code, said in (
        ("1/0", "ZeroDivisionError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("x = (", "SyntaxError"),
    ):
        path = tmp_path / "mine.py"
        path.write_text(code)
        with pytest.raises(RewardUnusable, match=said) as caught:
            load_reward(f"{path}:f")
        assert "\n" not in str(caught.value)


def test_training_says_it_in_its_own_words(tmp_path: Path) -> None:
    clinic = ClinicArguments(sample_rewards=["nowhere.py:f"])
    with pytest.raises(BadRequest, match=r"sample_rewards: nowhere\.py: there is no such file"):
        Recorder(Request("sft", {}, tmp_path), StatusFile(tmp_path), clinic, main=True)
