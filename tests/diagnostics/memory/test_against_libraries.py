"""The tables that stand for torch and TRL, held against the installed ones."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from diagnostics.memory import defaults, families
from diagnostics.memory.architecture import architecture_of

COUNT = """
import json, sys, torch
from transformers import AutoConfig, AutoModelForCausalLM
for config in json.load(sys.stdin):
    config.pop("architectures")
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
    print(sum(one.numel() for one in {id(one): one for one in model.parameters()}.values()))
"""


@pytest.mark.slow
def test_every_known_model_has_as_many_parameters_as_transformers_gives_it() -> None:
    import json

    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        input=json.dumps(list(families.MODELS.values())),
        capture_output=True,
        text=True,
        check=True,
    )
    counted = [int(line) for line in done.stdout.split()]
    assert counted == [architecture_of(config).parameters for config in families.MODELS.values()]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo"])
def test_defaults_are_those_of_the_config_classes(method: str) -> None:
    import trl

    from training.ppo_config import PPOConfig

    classes: dict[str, Any] = {
        "sft": trl.SFTConfig,
        "reward": trl.RewardConfig,
        "dpo": trl.DPOConfig,
        "kto": trl.KTOConfig,
        "grpo": trl.GRPOConfig,
        "rloo": trl.RLOOConfig,
        "ppo": PPOConfig,
    }
    fields = {
        one.name: one.default for one in (*dataclasses.fields(trl.ModelConfig), *dataclasses.fields(classes[method]))
    }
    for name, value in defaults.defaults_of(method).items():
        assert name in fields, name
        assert fields[name] == value, name


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo"])
def test_known_arguments_are_those_of_the_classes(method: str) -> None:
    import trl
    from trl.scripts.grpo import GRPOScriptArguments

    from diagnostics.memory.arguments import LAUNCH, known
    from training.ppo_config import PPOConfig
    from training.request import ClinicArguments

    names = {"sft": "SFT", "reward": "Reward", "dpo": "DPO", "kto": "KTO", "grpo": "GRPO", "rloo": "RLOO"}
    config = PPOConfig if method == "ppo" else getattr(trl, f"{names[method]}Config")
    script = GRPOScriptArguments if method in ("grpo", "rloo", "ppo") else trl.ScriptArguments
    fields = {
        one.name for each in (config, script, trl.ModelConfig, ClinicArguments) for one in dataclasses.fields(each)
    }
    found = known(method)
    assert found is not None
    assert fields <= found
    more = found - fields - LAUNCH - set(getattr(config, "OTHER_NAMES", {}))
    # A line of a docstring or of another class may look like a field; none of these is one that people would misspell.
    assert not {one for one in more if one in defaults.defaults_of("grpo" if method != "grpo" else "dpo")}


@pytest.mark.slow
def test_lora_targets_are_those_of_peft() -> None:
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as TABLE

    for config in families.MODELS.values():
        kind = config["model_type"]
        ours = defaults.targets_of(kind, None)
        assert (None if kind not in TABLE else tuple(TABLE[kind])) == ours, kind


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fsdp1", "fsdp2", "multi_gpu", "single_gpu", "zero1", "zero2", "zero3"])
def test_profiles_are_those_that_trl_ships(name: str) -> None:
    import trl
    import yaml

    content = yaml.safe_load(
        (Path(trl.__file__).parent / f"accelerate_configs/{name}.yaml").read_text(encoding="utf-8")
    )
    processes, brings = defaults.PROFILES[name]
    # That of one GPU says 8 processes too, but is not distributed: accelerate starts one.
    assert processes == (1 if content["distributed_type"] == "NO" else content["num_processes"])
    assert bool(brings.get("fsdp")) == (content["distributed_type"] == "FSDP")
    assert brings.get("deepspeed", {}).get("zero_optimization", {}).get("stage", 0) == content.get(
        "deepspeed_config", {}
    ).get("zero_stage", 0)


CASES: list[tuple[str, dict[str, Any]]] = [
    ("sft", {}),
    ("sft", {"processes": 2}),
    ("sft", {"use_peft": True}),
    ("sft", {"model_init_kwargs": {"dtype": "float32"}, "attn_implementation": "eager"}),
    ("reward", {}),
    ("dpo", {"gradient_checkpointing": False, "eval_strategy": "steps", "eval_steps": 5}),
    ("kto", {}),
    ("grpo", {"gradient_accumulation_steps": 4}),
    ("grpo", {"processes": 2}),
    ("rloo", {"use_vllm": True}),
    ("ppo", {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "config"), CASES)
def test_every_change_is_one_that_our_training_takes(method: str, config: dict[str, Any], tmp_path: Path) -> None:
    import importlib.util

    import trl
    from trl.scripts.grpo import GRPOScriptArguments

    from diagnostics.memory.levers import levers
    from tests.diagnostics.memory.asked import question
    from training.ppo_config import PPOConfig
    from training.request import Request
    from training.worker.arguments import parse

    names = {"sft": "SFT", "reward": "Reward", "dpo": "DPO", "kto": "KTO", "grpo": "GRPO", "rloo": "RLOO"}
    args = PPOConfig if method == "ppo" else getattr(trl, f"{names[method]}Config")
    script = GRPOScriptArguments if method in ("grpo", "rloo", "ppo") else None
    before = question(method, "llama-3.2-3b", **config)
    tried = 0
    for lever in (one for group in levers(before).values() for one in group):
        changes = lever.changes(before)
        if not changes or (lever.needs and importlib.util.find_spec(lever.needs) is None):
            continue
        child = {**before.changed(changes).config, "dataset_name": "x"}
        parse(Request(method, child, tmp_path), args, script)
        tried += 1
    assert tried >= 4
