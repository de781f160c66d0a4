"""Which trainer, of which TRL versions: told by tags, and by the config where tags are shared."""

from __future__ import annotations

import pytest

from diagnostics.run.method import era_of, method_of

GRPO_0_17 = [
    "completions/mean_length",
    "completions/clipped_ratio",
    "rewards/f/mean",
    "reward",
    "reward_std",
    "num_tokens",
]
GRPO_0_18 = [*GRPO_0_17, "frac_reward_zero_std"]
DPO_OLD = ["rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "logps/chosen"]
KTO_OLD = ["rewards/chosen", "rewards/rejected", "logps/chosen", "kl"]
REWARD = ["accuracy", "margin", "min_reward", "mean_reward", "max_reward"]
PPO_2 = ["objective/kl", "objective/scores", "policy/approxkl_avg", "lr", "eps"]


@pytest.mark.parametrize(
    ("names", "method", "era"),
    [
        (["loss", "grad_norm", "learning_rate"], None, None),
        (["mean_token_accuracy"], "sft", "sft-0.15+"),
        (["mean_token_accuracy", "num_tokens"], "sft", "sft-0.16+"),
        (["mean_token_accuracy", "num_tokens", "entropy"], "sft", "sft-0.22+"),
        (["mean_token_accuracy", "num_tokens", "entropy", "aux_loss"], "sft", "sft-0.23+"),
        (REWARD, "reward", "reward-0.24+"),
        (["accuracy", "margin"], "reward", None),
        (["accuracy"], None, None),
        (["rewards/accuracies"], "dpo", None),
        (DPO_OLD, "dpo", "dpo<=0.28"),
        ([*DPO_OLD, "entropy", "mean_token_accuracy", "num_tokens"], "dpo", "dpo-0.29+"),
        (KTO_OLD, "kto", "kto<=1.8"),
        (["rewards/chosen", "kl", "entropy", "num_tokens"], "kto", "kto-1.9+"),
        ([*DPO_OLD, "log_odds_ratio", "log_odds_chosen"], "orpo", "orpo-trl"),
        ([*DPO_OLD, "odds_ratio_loss", "sft_loss"], "orpo", "orpo-llamafactory"),
        (["completion_length", "rewards/f", "reward", "reward_std", "clip_ratio", "kl"], "grpo", "grpo<=0.16"),
        (["completion_length", "reward", "reward_std", "entropy", "zero_std_ratio"], "grpo", "grpo<=0.16"),
        (["reward", "reward_std"], "grpo", None),
        (GRPO_0_17, "grpo", "grpo-0.17+"),
        ([*GRPO_0_18, "completion_length"], "grpo", "grpo-0.18+"),
        ([*GRPO_0_18, "entropy"], "grpo", "grpo-0.20+"),
        ([*GRPO_0_18, "entropy", "sampling/importance_sampling_ratio/mean"], "grpo", "grpo-0.23+"),
        ([*GRPO_0_18, "entropy", "step_time"], "grpo", "grpo-0.27+"),
        ([*GRPO_0_18, "entropy", "step_time", "policy_loss"], "grpo", "grpo-1.9+"),
        (PPO_2, "ppo", "ppo-v2"),
    ],
)
def test_method_and_era(names: list[str], method: str | None, era: str | None) -> None:
    for prefix in ("train/", "eval/"):
        tags = [prefix + name for name in names]
        assert method_of(tags) == method
        assert era_of(tags) == era


def test_first_ppo_is_told_by_its_raw_tags() -> None:
    tags = ["ppo/loss/total", "objective/kl", "env/reward_mean", "tokens/responses_len_mean"]
    assert (method_of(tags), era_of(tags)) == ("ppo", "ppo-v1")


@pytest.mark.parametrize(
    ("names", "config", "method", "era"),
    [
        (GRPO_0_18, {"normalize_advantages": False, "num_generations": 2}, "rloo", "rloo-0.22+"),
        ([*GRPO_0_18, "step_time"], {"normalize_advantages": False}, "rloo", "rloo-0.27+"),
        (GRPO_0_18, {"scale_rewards": "group", "num_generations": 8}, "grpo", "grpo-0.18+"),
        (PPO_2, {"rloo_k": 2}, "rloo", "ppo-v2"),
        (PPO_2, {"kl_coef": 0.05}, "ppo", "ppo-v2"),
        (DPO_OLD, {"rloo_k": 2}, "dpo", "dpo<=0.28"),
    ],
)
def test_rloo_is_told_by_its_arguments(names: list[str], config: dict[str, object], method: str, era: str) -> None:
    tags = ["train/" + name for name in names]
    assert method_of(tags, config) == method
    assert era_of(tags, method) == era
