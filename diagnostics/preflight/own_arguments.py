"""The arguments that TRL does not have: this project's own, and those of its PPO, with their defaults."""

from __future__ import annotations

from typing import Any

# `training/request.py: ClinicArguments`; a test holds the two together.
OWN_DEFAULTS: dict[str, Any] = {
    "sample_prompts": None,
    "sample_rewards": [],
    "sample_max_new_tokens": 64,
    "column_mapping": None,
    "curriculum": None,
    "curriculum_stages": 3,
    "ref_model_name_or_path": None,
}
# `training/ppo_config.py: PPOConfig`, beside those of TrainingArguments; the same test.
PPO_DEFAULTS: dict[str, Any] = {
    "learning_rate": 3e-6,
    "dataset_num_proc": None,
    "model_init_kwargs": None,
    "trust_remote_code": False,
    "total_episodes": None,
    "response_length": 53,
    "temperature": 0.7,
    "stop_token": None,
    "stop_token_id": None,
    "local_rollout_forward_batch_size": 64,
    "reward_weights": None,
    "missing_eos_penalty": None,
    "kl_coef": 0.05,
    "kl_estimator": "k1",
    "whiten_rewards": False,
    "gamma": 1.0,
    "lam": 0.95,
    "whiten_advantages": True,
    "num_ppo_epochs": 4,
    "num_mini_batches": 1,
    "cliprange": 0.2,
    "cliprange_value": 0.2,
    "vf_coef": 0.1,
    "target_kl": None,
    "value_model": "separate",
    "value_model_path": None,
}
# How a config names its reward model: TRL's scripts, then PPO before TRL 1.13.
REWARD_MODEL = ("reward_model_name_or_path", "reward_model_path")
# Other names that the PPO worker takes for its own.
PPO_OTHER_NAMES = {
    "max_completion_length": "response_length",
    "beta": "kl_coef",
    "num_iterations": "num_ppo_epochs",
    "epsilon": "cliprange",
    REWARD_MODEL[1]: REWARD_MODEL[0],
    "sft_model_path": "model_name_or_path",
}
