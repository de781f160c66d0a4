"""The built-in reward functions, one file each, and the short names by which `reward_funcs` knows them."""

from __future__ import annotations

# Ours, by what they measure. Each is 0 to 1, higher is better, in English and in Chinese; none needs a model.
BUILT_IN = {
    "relevance": "training.rewards.relevance:relevance_reward",
    "fluency": "training.rewards.fluency:fluency_reward",
    "helpfulness": "training.rewards.helpfulness:helpfulness_reward",
    "politeness": "training.rewards.politeness:politeness_reward",
    "length": "training.rewards.length:length_reward",
    "format": "training.rewards.format:format_reward",
    "repetition": "training.rewards.repetition:repetition_reward",
}
# The names that `trl grpo` and `trl rloo` of TRL 1.16 know (trl/scripts/grpo.py).
OF_TRL = {
    "accuracy_reward": "trl.rewards:accuracy_reward",
    "reasoning_accuracy_reward": "trl.rewards:reasoning_accuracy_reward",
    "think_format_reward": "trl.rewards:think_format_reward",
    "get_soft_overlong_punishment": "training.rewards.overlong:soft_overlong_punishment",
}
SHORT_NAMES = {**BUILT_IN, **OF_TRL}
