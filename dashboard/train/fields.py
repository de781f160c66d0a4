"""Which of TRL's arguments stand on the Train page's form for each method, and with what each template fills them."""

from __future__ import annotations

from typing import Any

ALL = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
TEXTS_IN = ("sft", "reward", "dpo", "kto")
ONLINE = ("grpo", "rloo", "ppo")
GROUPED = ("grpo", "rloo")

# The fields of the form in their order: those of the method first, then those of every training.
METHOD_FIELDS: dict[str, tuple[str, ...]] = {
    "reward_funcs": ONLINE,
    "reward_model_name_or_path": ONLINE,
    "max_length": TEXTS_IN,
    "packing": ("sft",),
    "assistant_only_loss": ("sft",),
    "completion_only_loss": ("sft",),
    "beta": ("dpo", "kto", "grpo", "rloo"),
    "loss_type": ("dpo", "kto", "grpo"),
    "desirable_weight": ("kto",),
    "undesirable_weight": ("kto",),
    "center_rewards_coefficient": ("reward",),
    "num_generations": GROUPED,
    "max_completion_length": GROUPED,
    "response_length": ("ppo",),
    "temperature": ONLINE,
    "epsilon": ("grpo",),
    "total_episodes": ("ppo",),
    "kl_coef": ("ppo",),
    "cliprange": ("ppo",),
    "num_ppo_epochs": ("ppo",),
    "num_mini_batches": ("ppo",),
    "target_kl": ("ppo",),
}
TRAINING_FIELDS: dict[str, tuple[str, ...]] = {
    "learning_rate": ALL,
    "num_train_epochs": ALL,
    "max_steps": ALL,
    "per_device_train_batch_size": ALL,
    "gradient_accumulation_steps": ALL,
    "lr_scheduler_type": ALL,
    "warmup_steps": ALL,
    "use_peft": ALL,
    "lora_r": ALL,
    "logging_steps": ALL,
    "save_steps": ALL,
    "eval_strategy": ALL,
    "eval_steps": ALL,
    "seed": ALL,
}
FIELDS = {**METHOD_FIELDS, **TRAINING_FIELDS}

# Rates for all weights and for an adapter: those of the methods' pages (docs/methods), which name their sources. Where a
# page says no more than that LoRA stands more, TRL's default is taken for both.
RATES: dict[str, tuple[float, float]] = {
    "sft": (2e-5, 2e-4),
    "reward": (1e-5, 1e-4),
    "dpo": (5e-7, 5e-6),
    "kto": (5e-7, 5e-7),
    "grpo": (1e-6, 1e-6),
    "rloo": (1e-6, 1e-6),
    "ppo": (3e-6, 3e-6),
}
# 32 rows a step in 4 passes, with checkpoints and an evaluation on the way that Compare and the rules can read.
COMMON: dict[str, Any] = {
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 4,
    "warmup_steps": 10,
    "logging_steps": 5,
    "save_steps": 100,
}
TRIAL: dict[str, Any] = {"max_steps": 20, "logging_steps": 1, "save_steps": 10, "per_device_train_batch_size": 4}
KINDS = ("lora", "full", "trial")


def shown(method: str | None) -> tuple[str, ...]:
    """The fields of a method's form."""
    return tuple(name for name, methods in FIELDS.items() if method in methods)


def template(kind: str, method: str) -> dict[str, Any]:
    """What a template of ours fills a method's form with: `lora`, `full`, or `trial`, twenty steps that show whether it runs."""
    full, adapter = RATES[method]
    if kind == "lora":
        own: dict[str, Any] = {**COMMON, "learning_rate": adapter, "use_peft": True, "lora_r": 16}
    elif kind == "full":
        own = {**COMMON, "learning_rate": full}
    else:
        own = {**TRIAL, "learning_rate": full}
    if method in GROUPED:
        own |= {"per_device_train_batch_size": 8, "num_generations": 8}
    if method == "ppo" and kind == "trial":
        own |= {"total_episodes": 64, "num_ppo_epochs": 1}
        del own["max_steps"]
    if method in TEXTS_IN and kind != "trial":
        own |= {"eval_strategy": "steps", "eval_steps": 100}
    return own
