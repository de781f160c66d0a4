"""The arguments of each method, as its worker's own parser takes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.cli import main
from training.control.described import arguments_of
from training.request import METHODS, BadRequest, Request
from training.worker.arguments import parse


@pytest.mark.parametrize("method", METHODS)
def test_each_argument_is_one_that_the_worker_takes(method: str, tmp_path: Path) -> None:
    import trl
    from trl.scripts.grpo import GRPOScriptArguments

    from training.control.described import config_class

    found = {one.name: one for one in arguments_of(method)}
    script = GRPOScriptArguments if method in ("grpo", "rloo", "ppo") else trl.ScriptArguments
    config = {name: one.default for name, one in found.items()} | {"bf16": False}
    with pytest.raises(BadRequest, match="dataset_name is missing"):  # not: has no such argument
        parse(Request(method, config, tmp_path), config_class(method), script)
    assert all(one.help for one in found.values())
    assert {"learning_rate", "model_name_or_path", "dataset_name", "sample_prompts"} <= found.keys()
    assert "output_dir" not in found


def test_kinds_choices_and_defaults() -> None:
    found = {one.name: one for one in arguments_of("sft")}
    assert (found["learning_rate"].kind, found["learning_rate"].default, found["learning_rate"].group) == (
        "float",
        2e-5,
        "training",
    )
    assert (found["packing"].kind, found["packing"].default, found["packing"].group) == ("bool", False, "method")
    assert {"linear", "cosine"} <= set(found["lr_scheduler_type"].choices)
    assert found["lr_scheduler_type"].default == "linear"
    assert found["max_length"].kind == "int"
    ppo = {one.name: one for one in arguments_of("ppo")}
    assert ppo["kl_estimator"].choices == ("k1", "k3")
    assert ppo["stop_token_id"].kind == "int"


def test_the_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["options", "--method", "kto", "--format", "json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert (whole["schema"], whole["method"]) == (1, "kto")
    assert {"desirable_weight"} <= {one["name"] for one in whole["arguments"]}
    assert main(["options", "--method", "all", "--format", "json"]) == 0
    each = json.loads(capsys.readouterr().out)["methods"]
    assert tuple(each) == METHODS
    assert each["kto"] == whole
    assert main(["options", "--method", "kto"]) == 0
    assert "desirable_weight (method; float; default 1.0)" in capsys.readouterr().out
