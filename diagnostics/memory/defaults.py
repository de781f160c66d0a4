"""What an argument is where a config says nothing: the defaults of TRL 1.16 that decide memory, by method.

A test compares them with TRL's own config classes, so that this table needs neither torch nor TRL.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# transformers.TrainingArguments as TRL's `_BaseConfig` sets them, and TRL's ModelConfig. `bf16` is True unless `fp16` is.
COMMON: Mapping[str, Any] = {
    "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "gradient_checkpointing": True,
    "bf16": None,
    "fp16": False,
    "optim": "adamw_torch_fused",
    "label_smoothing_factor": 0.0,
    "eval_strategy": "no",
    "eval_accumulation_steps": None,
    "prediction_loss_only": False,
    "save_strategy": "steps",
    "save_only_model": False,
    "save_total_limit": None,
    "save_steps": 500,
    "dataloader_num_workers": 0,
    "dataloader_prefetch_factor": None,
    "dataloader_pin_memory": True,
    "deepspeed": None,
    "fsdp": None,
    "fsdp_config": None,
    "use_liger_kernel": False,
    "num_train_epochs": 3.0,
    "max_steps": -1,
    "dtype": "float32",
    "attn_implementation": None,
    "use_peft": False,
    "lora_r": 16,
    "lora_alpha": 32,
    "lora_target_modules": None,
    "lora_modules_to_save": None,
    "use_dora": False,
    "load_in_4bit": False,
    "load_in_8bit": False,
    "use_bnb_nested_quant": False,
}
ONLINE: Mapping[str, Any] = {
    "max_completion_length": 512,
    "steps_per_generation": None,
    "generation_batch_size": None,
    "num_iterations": 1,
    "use_vllm": False,
    "vllm_mode": "colocate",
    "vllm_gpu_memory_utilization": 0.3,
    "vllm_enable_sleep_mode": False,
    "sync_ref_model": False,
}
METHODS: Mapping[str, Mapping[str, Any]] = {
    "sft": {"max_length": 1024, "activation_offloading": False, "packing": False, "padding_free": False, "learning_rate": 2e-5},
    "reward": {"max_length": 1024, "activation_offloading": False, "learning_rate": 1e-4},
    "dpo": {"max_length": 1024, "activation_offloading": False, "precompute_ref_log_probs": False, "padding_free": False,
            "sync_ref_model": False, "beta": 0.1, "learning_rate": 1e-6},
    "kto": {"max_length": 1024, "activation_offloading": False, "precompute_ref_log_probs": False,
            "sync_ref_model": False, "beta": 0.1, "learning_rate": 1e-6},
    "grpo": {**ONLINE, "num_generations": 8, "beta": 0.0, "learning_rate": 1e-6},
    "rloo": {**ONLINE, "num_generations": 2, "beta": 0.05, "learning_rate": 1e-6},
}  # fmt: skip
# Our PPO: training/ppo_config.py.
PPO: Mapping[str, Any] = {
    "response_length": 53,
    "num_mini_batches": 1,
    "local_rollout_forward_batch_size": 64,
    "value_model": "separate",
    "learning_rate": 3e-6,
}
# LoRA's targets where none are named: PEFT 0.21's table by model type; None: PEFT knows none and refuses.
LORA_TARGETS: Mapping[str, tuple[str, ...] | None] = {
    "gpt2": ("c_attn",),
    "gpt_neox": ("query_key_value",),
    "falcon": ("query_key_value",),
    "bloom": ("query_key_value",),
    "phi": ("q_proj", "v_proj", "fc1", "fc2"),
    **dict.fromkeys(("phi3", "olmo", "olmo2", "smollm3", "qwen3_moe"), None),
}
USUAL_TARGETS = ("q_proj", "v_proj")
# What `trl sft --accelerate_config NAME` brings: TRL 1.16's own profiles, of 8 processes but the first.
PROFILES: Mapping[str, tuple[int, Mapping[str, Any]]] = {
    "single_gpu": (1, {}),
    "multi_gpu": (8, {}),
    **{f"zero{stage}": (8, {"deepspeed": {"zero_optimization": {"stage": stage}}}) for stage in (1, 2, 3)},
    **{f"fsdp{version}": (8, {"fsdp": True, "fsdp_config": {"version": version}}) for version in (1, 2)},
}
# What an argument was called before, and what PPO calls what the others call otherwise (training/ppo_config.py).
FORMER = {"max_seq_length": "max_length", "torch_dtype": "dtype", "evaluation_strategy": "eval_strategy",
          "activation_checkpointing": "gradient_checkpointing", "cutoff_len": "max_length"}  # fmt: skip
PPO_NAMES = {"max_completion_length": "response_length", "sft_model_path": "model_name_or_path",
             "reward_model_path": "reward_model_name_or_path"}  # fmt: skip


def defaults_of(method: str) -> dict[str, Any]:
    """All defaults of a method."""
    return {**COMMON, **(PPO if method == "ppo" else METHODS[method])}


def own_name(method: str, name: str) -> str:
    """An argument's present name."""
    name = FORMER.get(name, name)
    return PPO_NAMES.get(name, name) if method == "ppo" else name


def targets_of(model_type: str, named: Any) -> tuple[str, ...] | None:
    """The layers that LoRA is put on: `all-linear`, names, or PEFT's for the type; None where PEFT has none."""
    if isinstance(named, str):
        return (named,)
    if isinstance(named, list | tuple) and named:
        return tuple(str(one) for one in named)
    return LORA_TARGETS.get(model_type, USUAL_TARGETS)
