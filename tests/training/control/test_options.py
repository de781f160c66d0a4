"""TRL's arguments on the command line, as its own scripts take them."""

from __future__ import annotations

from typing import Any

import pytest

from training.cli import main
from training.control.options import parse_options
from training.request import BadRequest, ClinicArguments
from training.worker.arguments import lists_of


@pytest.mark.parametrize(
    ("words", "config"),
    [
        ("--learning_rate 2e-5 --dataset_name D", {"learning_rate": 2e-5, "dataset_name": "D"}),
        ("--beta=0.1 --save-steps 5", {"beta": 0.1, "save_steps": 5}),
        ("--reward_funcs a.py:f b.py:g --packing", {"reward_funcs": ["a.py:f", "b.py:g"], "packing": True}),
        ("--no_packing --bf16 False", {"packing": False, "bf16": False}),
        ("--reward_weights 1 -0.5", {"reward_weights": [1, -0.5]}),
        ("--weight_decay -1", {"weight_decay": -1}),
        ("--run_name= --eval_strategy no", {"run_name": "", "eval_strategy": "no"}),
        ('--model_init_kwargs {"dtype":"float32"}', {"model_init_kwargs": {"dtype": "float32"}}),
    ],
)
def test_options_are_read_as_trl_reads_them(words: str, config: dict[str, Any]) -> None:
    assert parse_options(words.split()) == config


@pytest.mark.parametrize("words", [["stray"], ["--", "a"], ["--=1"]])
def test_what_is_no_option_is_refused(words: list[str]) -> None:
    with pytest.raises(BadRequest, match=r"expected --name value"):
        parse_options(words)


def test_options_reach_the_request_and_set_still_works(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def keep(request: Any, plan: Any, background: bool) -> int:
        seen.update(request.config)
        return 0

    monkeypatch.setattr("training.control.commands.carry_out", keep)
    words = ["start", "--method", "grpo", "--set", "seed=3", "beta=0", "--run", str(tmp_path / "run")]
    assert main([*words, "--reward_funcs", "one", "--run_name", "n", "--beta", "-0.1", "--packing"]) == 0
    assert seen == {"seed": 3, "beta": -0.1, "reward_funcs": "one", "run_name": "n", "packing": True}


def test_unknown_words_of_other_commands_are_refused() -> None:
    with pytest.raises(SystemExit) as left:
        main(["list", "--packing"])
    assert left.value.code == 2


def test_single_value_of_a_list_argument_is_a_list() -> None:
    from trl.scripts.grpo import GRPOScriptArguments

    assert {"reward_funcs", "sample_rewards"} <= lists_of([GRPOScriptArguments, ClinicArguments])
    assert "sample_prompts" not in lists_of([ClinicArguments])
    assert "column_mapping" not in lists_of([ClinicArguments])
