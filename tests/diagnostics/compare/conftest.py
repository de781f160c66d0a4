"""What several tests of the comparison need: variants of the kept base model, made without training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from diagnostics.compare.models.sources import Source, source_of


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory, base_checkpoint: Path) -> list[Source]:
    """Two LoRA adapters with random weights, large enough to change what is said; the second is another one."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_pretrained(base_checkpoint)
        wrapped = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
        for name, weight in wrapped.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.3)
        folder = tmp_path_factory.mktemp("adapters") / f"a{seed}"
        wrapped.save_pretrained(folder)
        config = json.loads((folder / "adapter_config.json").read_text())
        # As trained adapters say: what is missing from the file starts at nothing.
        config |= {"base_model_name_or_path": str(base_checkpoint), "init_lora_weights": True}
        (folder / "adapter_config.json").write_text(json.dumps(config))
        made.append(source_of(str(folder)))
    return made


@pytest.fixture
def merged(adapters: list[Source], base_checkpoint: Path, tmp_path: Path) -> Source:
    """The first adapter merged into its base."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base_checkpoint), adapters[0].path)
    shutil.copytree(base_checkpoint, tmp_path / "merged")
    (tmp_path / "merged" / "model.safetensors").unlink()
    model.merge_and_unload().save_pretrained(tmp_path / "merged")
    return source_of(str(tmp_path / "merged"))


@pytest.fixture
def scaled(base_checkpoint: Path, tmp_path: Path) -> Callable[[str, float], Source]:
    """A function that makes a copy of the base whose last norm is scaled, under a name."""
    from safetensors.numpy import load_file, save_file

    def make(name: str, factor: float) -> Source:
        folder = tmp_path / name / "checkpoint-1"
        shutil.copytree(base_checkpoint, folder)
        tensors = load_file(folder / "model.safetensors")
        tensors["model.norm.weight"] = tensors["model.norm.weight"] * factor
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return source_of(str(folder), name)

    return make
