"""The quantities that trainers log, under one name each whatever the trainer and its era call them, with their units.

Read in the sources of TRL 0.11.4 (PPO v1), 0.12 to 1.12 (PPO v2) and 1.16, and in logs of LLaMA-Factory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diagnostics.run.record import Series

PER_TOKEN = "nats per token"  # noqa: S105 - a unit
PER_SEQUENCE = "nats per sequence"


@dataclass(frozen=True)
class Signal:
    """One quantity: its unit, and its names, the newest first.

    A name is a tag without its `train/` or `eval/`. Names of PPO v1, which wrote raw tags, are found without a prefix.
    """

    unit: str
    names: tuple[str, ...]


SIGNALS: dict[str, Signal] = {
    # Every Trainer
    "loss": Signal("the method's own", ("loss",)),
    "grad_norm": Signal("L2 norm before clipping", ("grad_norm",)),
    "learning_rate": Signal("per step", ("learning_rate", "lr", "ppo/learning_rate")),
    "epoch": Signal("passes over the data", ("epoch",)),
    "entropy": Signal(PER_TOKEN, ("entropy", "policy/entropy_avg", "ppo/policy/entropy")),
    "token_accuracy": Signal("share of tokens", ("mean_token_accuracy",)),
    # Preferences: DPO, ORPO, KTO, and the reward model, whose names lack the `rewards/`
    "preference_accuracy": Signal("share of pairs", ("rewards/accuracies", "accuracy")),
    "margin": Signal("nats per sequence times beta (reward model: score)", ("rewards/margins", "margin")),
    "chosen_reward": Signal("nats per sequence times beta", ("rewards/chosen",)),
    "rejected_reward": Signal("nats per sequence times beta", ("rewards/rejected",)),
    "chosen_logp": Signal(PER_SEQUENCE, ("logps/chosen",)),
    "rejected_logp": Signal(PER_SEQUENCE, ("logps/rejected",)),
    "mean_reward": Signal("score", ("mean_reward",)),
    "min_reward": Signal("score", ("min_reward",)),
    "max_reward": Signal("score", ("max_reward",)),
    # Online methods: GRPO, RLOO, PPO
    "reward": Signal("score", ("reward", "objective/scores", "env/reward_mean", "ppo/mean_scores")),
    "reward_std": Signal("score", ("reward_std", "env/reward_std", "ppo/std_scores")),
    "zero_std_groups": Signal("share of prompts", ("frac_reward_zero_std", "zero_std_ratio")),
    "kl": Signal("see unit_of", ("kl", "objective/kl")),
    "length": Signal("tokens", ("completions/mean_length", "completion_length", "tokens/responses_len_mean")),
    "longest": Signal("tokens", ("completions/max_length",)),
    "truncated": Signal("share of completions", ("completions/clipped_ratio",)),
    "terminated_length": Signal("tokens", ("completions/mean_terminated_length",)),
    "end_tokens": Signal("end tokens in a batch", ("val/num_eos_tokens",)),
    "ratio": Signal("new over old probability", ("val/ratio",)),
    "clip_fraction": Signal(
        "share of tokens",
        ("policy/clipfrac_avg", "ppo/policy/clipfrac", "clip_ratio/region_mean", "clip_ratio"),
    ),
    "approximate_kl": Signal("nats per token, new against old policy", ("policy/approxkl_avg", "ppo/policy/approxkl")),
    "policy_loss": Signal("the method's own", ("loss/policy_avg", "ppo/loss/policy", "policy_loss")),
    "value_loss": Signal("score squared", ("loss/value_avg", "ppo/loss/value")),
    "explained_variance": Signal("1: all, 0: none", ("val/explained_variance", "ppo/val/var_explained")),
    "sampling_difference": Signal(PER_TOKEN, ("sampling/sampling_logp_difference/mean",)),
    "sampling_ratio": Signal("trainer over sampler probability", ("sampling/importance_sampling_ratio/mean",)),
}

# The KL to the reference is logged as a sum over the sequence by PPO, as a mean over tokens by GRPO and RLOO (RLOO's
# reward subtracts the sum all the same); KTO logs its estimate for a batch of mismatched pairs, summed over the
# sequence. Sources: ppo_trainer.py of TRL 1.12; rloo_trainer.py, grpo_trainer.py and kto_trainer.py of TRL 1.16.
KL_UNITS = {"grpo": PER_TOKEN, "rloo": PER_TOKEN, "ppo": PER_SEQUENCE, "kto": PER_SEQUENCE}


def unit_of(signal: str, method: str | None) -> str:
    """The unit of a signal as a method logs it.

    Raises:
        KeyError: there is no such signal.
    """
    return KL_UNITS.get(method or "", PER_TOKEN) if signal == "kl" else SIGNALS[signal].unit


def find(series: Mapping[str, Series], signal: str, split: str = "train") -> Series | None:
    """The curve of a signal in one split (`train` or `eval`), under the newest of its names that was logged.

    Raises:
        KeyError: there is no such signal.
    """
    for name in SIGNALS[signal].names:
        found = series.get(f"{split}/{name}")
        if found is None and split == "train":
            found = series.get(name)
        if found is not None and len(found):
            return found
    return None


def reward_components(series: Mapping[str, Series], split: str = "train") -> dict[str, Series]:
    """The curve of each reward function of GRPO or RLOO by its name: `rewards/NAME/mean`, before TRL 0.17 `rewards/NAME`.

    The preference methods' `rewards/chosen` and its kin are none.
    """
    preference = {"chosen", "rejected", "accuracies", "margins"}
    found = {}
    for tag, one in series.items():
        start, _, rest = tag.partition("/rewards/")
        if start != split or not rest:
            continue
        name = rest.removesuffix("/mean")
        if not rest.endswith("/std") and name not in preference and len(one):
            found[name] = one
    return found
