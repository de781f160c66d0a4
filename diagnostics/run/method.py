"""Which trainer wrote these curves, of which TRL versions? Told by the tags that only it logs.

Tags read in the sources of TRL 1.16 and its predecessors.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo", "orpo")

# Eras, newest first, each with the tags that its first version began to log: any one of them tells it.
GRPO_ERAS = (
    ("1.9+", ("entropy_coef", "policy_loss")),
    ("0.27+", ("step_time", "tools/call_frequency", "cispo_clip_ratio")),
    ("0.23+", ("sampling/sampling_logp_difference/mean", "sampling/importance_sampling_ratio/mean")),
    ("0.20+", ("entropy",)),
    ("0.18+", ("frac_reward_zero_std",)),
    ("0.17+", ("completions/mean_length",)),
)
SFT_ERAS = (
    ("0.23+", ("aux_loss",)),
    ("0.22+", ("entropy",)),
    ("0.16+", ("num_tokens",)),
    ("0.15+", ("mean_token_accuracy",)),
)


def names_of(tags: Collection[str]) -> set[str]:
    """Tags without their `train/` or `eval/`, as the trainer named them."""
    return {tag.split("/", 1)[1] if tag.startswith(("train/", "eval/")) else tag for tag in tags}


def method_of(tags: Collection[str], config: Mapping[str, Any] | None = None) -> str | None:
    """The method whose tags these are; None if they are nobody's in particular.

    RLOO logs GRPO's tags (its first version, before TRL 0.22, PPO's): only its arguments tell it apart, where the
    `config` is known. What LLaMA-Factory's own log keeps of ORPO is what it keeps of DPO, and is called so.
    """
    names, arguments = names_of(tags), config or {}
    rloo = "rloo_k" in arguments or ("normalize_advantages" in arguments and "scale_rewards" not in arguments)
    if any(name.startswith(("ppo/", "objective/")) for name in names):
        return "rloo" if rloo else "ppo"
    if any(name.startswith("completions/") for name in names) or names & {"completion_length", "reward_std"}:
        return "rloo" if rloo else "grpo"
    if names & {"log_odds_ratio", "odds_ratio_loss"}:
        return "orpo"
    if "rewards/accuracies" in names:
        return "dpo"
    if names & {"rewards/chosen", "rewards/rejected"}:
        return "kto"
    if names & {"min_reward", "mean_reward"} or {"accuracy", "margin"} <= names:
        return "reward"
    if "mean_token_accuracy" in names:
        return "sft"
    return None


def era_of(tags: Collection[str], method: str | None = None) -> str | None:
    """The span of TRL versions that logs these tags, as `<method>-<first version>+` or `<method><=<last version>`.

    None if the tags leave it open. Without a `method` it is told from the tags. Numbers mean other things in other eras:
    `reward_std` is the mean over groups up to 0.26, that over the whole batch since. Other eras than of TRL versions:
    `ppo-v1` (to 0.11, raw tags), `ppo-v2` (0.12 to 1.12, also RLOO before 0.22) and `orpo-llamafactory`.
    """
    names = names_of(tags)
    method = method or method_of(tags)
    if any(name.startswith("ppo/") for name in names):
        return "ppo-v1"
    if any(name.startswith("objective/") for name in names):
        return "ppo-v2"
    if method == "grpo":
        if any(name.startswith("completions/") for name in names):
            return newest("grpo", GRPO_ERAS, names)
        # Without `completions/` but for its length: before 0.17, whatever a fork of it logs besides.
        return "grpo<=0.16" if "completion_length" in names else None
    if method == "rloo":
        return "rloo-0.27+" if "step_time" in names else "rloo-0.22+" if "reward" in names else None
    if method == "sft":
        return newest("sft", SFT_ERAS, names)
    if method == "dpo":
        if names & {"entropy", "mean_token_accuracy"}:
            return "dpo-0.29+"
        return "dpo<=0.28" if "logps/chosen" in names else None
    if method == "kto":
        if names & {"entropy", "num_tokens"}:
            return "kto-1.9+"
        return "kto<=1.8" if names & {"rewards/chosen", "rewards/rejected"} else None
    if method == "reward":
        return "reward-0.24+" if "min_reward" in names else None
    if method == "orpo":
        return "orpo-llamafactory" if "odds_ratio_loss" in names else "orpo-trl" if "log_odds_ratio" in names else None
    return None


def newest(method: str, eras: tuple[tuple[str, tuple[str, ...]], ...], names: Collection[str]) -> str | None:
    """The newest era of which a tag was logged."""
    return next((f"{method}-{era}" for era, tags in eras if any(tag in names for tag in tags)), None)
