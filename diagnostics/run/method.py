"""Which trainer wrote these curves? Told by the tags that only it logs.

Tags read in the sources of TRL 1.16 and its predecessors.
"""

from __future__ import annotations

from collections.abc import Collection

METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo", "orpo")


def method_of(tags: Collection[str]) -> str | None:
    """The method whose tags these are; None if they are nobody's in particular."""
    names = {tag.split("/", 1)[1] if tag.startswith(("train/", "eval/")) else tag for tag in tags}
    if any(name.startswith(("ppo/", "objective/")) for name in names):
        return "ppo"
    if any(name.startswith("completions/") for name in names) or "completion_length" in names or "reward_std" in names:
        return "grpo"  # RLOO logs the same tags: only its config tells it apart
    if "log_odds_ratio" in names or "odds_ratio_loss" in names:
        return "orpo"
    if "rewards/accuracies" in names:
        return "dpo"
    if "rewards/chosen" in names or "rewards/rejected" in names:
        return "kto"
    if "min_reward" in names or "mean_reward" in names or ("accuracy" in names and "margin" in names):
        return "reward"
    if "mean_token_accuracy" in names:
        return "sft"
    return None
