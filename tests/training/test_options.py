"""What every worker takes beside its method: LoRA with checkpointed activations, packing, and 4 bits where there is no GPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from diagnostics.run import open_run
from diagnostics.run.status import read_status
from tests.training.control.workers import QUICK, start
from training.demo.data import write_post_training_data

pytestmark = pytest.mark.slow
ONLINE = {"reward_funcs": ["length"], "max_completion_length": 16, "save_steps": 2}
GROUPS = {**ONLINE, "num_generations": 2}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "sft": ("sft", {}),
    "reward": ("reward", {}),
    "dpo": ("dpo", {}),
    "kto": ("kto", {}),
    "grpo": ("prompts", GROUPS),
    "rloo": ("prompts", GROUPS),
    "ppo": ("prompts", {**ONLINE, "num_ppo_epochs": 1}),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_post_training_data(folder)
    return folder


def config_of(method: str, data: Path, base: Path, **changes: Any) -> dict[str, Any]:
    folder, own = METHODS[method]
    config = {**QUICK, "model_name_or_path": str(base), "dataset_name": str(data / folder), "max_steps": 2, **own}
    if folder == "prompts":
        del config["max_length"]
    return {**config, **changes}


def finished(run: Path, method: str, config: dict[str, Any]) -> None:
    process = start(run, method, config)
    output, error = process.communicate(timeout=240)
    assert process.returncode == 0, output + error


@pytest.mark.parametrize("method", METHODS)
def test_adapter_with_checkpointed_activations(tmp_path: Path, data: Path, base_checkpoint: Path, method: str) -> None:
    run = tmp_path / method
    lora = {"use_peft": True, "lora_r": 4, "lora_target_modules": ["q_proj", "v_proj"], "gradient_checkpointing": True}
    finished(run, method, config_of(method, data, base_checkpoint, save_steps=2, **lora))
    checkpoint = run / "checkpoint-2"
    assert json.loads((checkpoint / "adapter_config.json").read_text())["r"] == 4
    assert not (checkpoint / "model.safetensors").exists()
    with safe_open(checkpoint / "adapter_model.safetensors", "np") as weights:
        trained = [name for name in weights.keys() if "lora_B" in name]  # noqa: SIM118  safe_open is no dict
        assert trained
        # B begins at 0, so that an adapter of zeros was never trained. Of GRPO and RLOO a step may have no gradient:
        # where all answers of every group get one reward, nothing is to be learned.
        moved = any(abs(weights.get_tensor(name)).max() > 0 for name in trained)
        assert moved or set(open_run(run).series["train/reward_std"].values.tolist()) == {0.0}
    assert len(open_run(run).series["train/loss"].values) == 2


def test_packing_puts_several_conversations_into_a_row(tmp_path: Path, data: Path, base_checkpoint: Path) -> None:
    for name, packing in (("packed", True), ("plain", False)):
        config = config_of("sft", data, base_checkpoint, packing=packing, max_length=256)
        finished(tmp_path / name, "sft", config)
    packed, plain = (open_run(tmp_path / name).series["train/num_tokens"].values[-1] for name in ("packed", "plain"))
    assert packed > 3 * plain


@pytest.mark.parametrize("method", ["sft", "ppo"])
def test_four_bits_without_the_library_are_refused_with_its_name(
    tmp_path: Path, data: Path, base_checkpoint: Path, method: str
) -> None:
    process = start(
        tmp_path / "run", method, config_of(method, data, base_checkpoint, load_in_4bit=True, use_peft=True)
    )
    _, error = process.communicate(timeout=240)
    assert process.returncode == 2
    assert "bitsandbytes" in error
    status = read_status(tmp_path / "run")
    assert status.state == "failed"
    assert "4-bit" in (status.reason or "")
    assert status.step == 0


def test_four_bits_are_asked_for_as_trl_has_them() -> None:
    import torch
    import trl

    quantization = trl.get_quantization_config(
        trl.ModelConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", use_bnb_nested_quant=True, dtype="bfloat16")
    )
    assert quantization is not None
    asked = quantization.to_dict()
    assert (asked["load_in_4bit"], asked["bnb_4bit_quant_type"], asked["bnb_4bit_use_double_quant"]) == (
        True,
        "nf4",
        True,
    )
    assert quantization.bnb_4bit_compute_dtype == torch.bfloat16
