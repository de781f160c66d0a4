"""The demo's recipes: which stages there are, what each starts from, and its whole config.

    base            the base model: the kept one with its curves, or trained here with --from-scratch
    sft-too-hot     SFT at a learning rate far too high, without warm-up: it diverges
    sft             SFT as it should be, from base
    dpo, kto        the short roads, from sft
    sft-overtrained SFT whose data shrink to eight rows at step 80: its checkpoints from there on are worse
    reward          the reward model, from sft
    ppo, grpo, rloo the road through the reward model: from sft, rewarded by it

Every run but the reward model's answers the same held-out prompts at every checkpoint, so that the scores can be
compared. The judge of those answers (score.py) is no part of any reward.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCORE = "score"
REWARDS = ["training.demo.score:" + name for name in (SCORE, "right_topic", "right_order", "polite")]

# What every worker is told; a recipe that learns from given texts adds how long they may be.
TRAINING: dict[str, Any] = {"per_device_eval_batch_size": 64, "warmup_steps": 5}
TEXTS: dict[str, Any] = TRAINING | {"max_length": 128}
SAMPLES: dict[str, Any] = {"sample_rewards": REWARDS, "sample_max_new_tokens": 56}
BASE = TEXTS | {
    "learning_rate": 3e-3,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 40,
    "adam_beta2": 0.98,
    "weight_decay": 0.05,
    "max_steps": 1900,
    "per_device_train_batch_size": 12,
    "train_sampling_strategy": "group_by_length",
    "logging_steps": 20,
    "eval_strategy": "steps",
    "eval_steps": 200,
    "save_steps": 950,
}
SFT = TEXTS | {
    "learning_rate": 2e-3,
    "max_steps": 240,
    "per_device_train_batch_size": 16,
    "assistant_only_loss": True,
    "logging_steps": 4,
    "eval_strategy": "steps",
    "eval_steps": 24,
    "save_steps": 60,
}
# A fault that happens to people: somebody else's learning rate, and no warm-up.
TOO_HOT = SFT | {
    "learning_rate": 5e-2,
    "warmup_steps": 0,
    "lr_scheduler_type": "constant",
    "max_steps": 60,
    "logging_steps": 1,
    "eval_strategy": "no",
    "save_steps": 30,
}
# Another: the data run out, and what is left is trained on over and over. In the order of the file, so that the step at
# which it begins is known (OVERTRAINING_ROWS in data.py): 80.
OVERTRAINED = SFT | {
    "train_sampling_strategy": "sequential",
    "lr_scheduler_type": "constant_with_warmup",
    "max_steps": 160,
    "eval_strategy": "no",
    "save_steps": 20,
}
DPO = TEXTS | {
    "learning_rate": 2e-4,
    "max_steps": 60,
    "per_device_train_batch_size": 16,
    "beta": 0.1,
    "logging_steps": 2,
    "eval_strategy": "steps",
    "eval_steps": 12,
    "save_steps": 20,
}
KTO = TEXTS | {
    "learning_rate": 4e-4,
    "max_steps": 120,
    "per_device_train_batch_size": 16,
    "beta": 0.1,
    "logging_steps": 4,
    "eval_strategy": "steps",
    "eval_steps": 40,
    "save_steps": 40,
}
REWARD = TEXTS | {
    "learning_rate": 1e-3,
    "max_steps": 160,
    "per_device_train_batch_size": 16,
    "logging_steps": 4,
    "eval_strategy": "steps",
    "eval_steps": 40,
    "save_steps": 80,
}
# The online methods write their own answers, 64 at a time; eight to a prompt where answers are judged against each other.
# More steps are no better: from step 12 on the reward rises further and the held-out score does not (36 were measured).
GROUPS = TRAINING | {
    "max_steps": 24,
    "per_device_train_batch_size": 64,
    "num_generations": 8,
    "max_completion_length": 48,
    "temperature": 1.0,
    "logging_steps": 1,
    "save_steps": 8,
}
GRPO = GROUPS | {"learning_rate": 5e-4, "beta": 0.04}
RLOO = GROUPS | {"learning_rate": 5e-4, "beta": 0.05}
# Near the SFT model and not for long: at kl_coef 0.05 and 24 rollouts the policy found what the reward model mistakes for a
# right answer. Its reward rose on, its held-out score fell from 0.97 at rollout 8 to 0.90 at the end (seed 1, measured).
PPO = TRAINING | {
    "learning_rate": 2e-4,
    "total_episodes": 16 * 64,
    "per_device_train_batch_size": 64,
    "num_ppo_epochs": 2,
    "num_mini_batches": 2,
    "response_length": 48,
    "temperature": 1.0,
    "kl_coef": 0.2,
    "cliprange": 0.2,
    "cliprange_value": 0.2,
    "vf_coef": 0.1,
    "gamma": 1.0,
    "lam": 0.95,
    "missing_eos_penalty": 1.0,
    "logging_steps": 4,
    "save_steps": 16,
}


@dataclass(frozen=True, eq=False)
class Stage:
    """One run of the demo: its name, method and config, and the stages that it needs.

    `start`: the stage whose last checkpoint it starts from; None for the first. `reward_model`: the one whose last
    checkpoint rewards it.
    """

    name: str
    method: str
    config: dict[str, Any]
    start: str | None
    reward_model: str | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        """The stages that must have finished before it."""
        return tuple(one for one in (self.start, self.reward_model) if one)

    @property
    def steps(self) -> int:
        """How many optimiser steps it takes; of PPO a step for each mini-batch of each epoch of each rollout."""
        if "max_steps" in self.config:
            return int(self.config["max_steps"])
        episodes, rows, epochs, mini_batches = (
            int(self.config[name])
            for name in ("total_episodes", "per_device_train_batch_size", "num_ppo_epochs", "num_mini_batches")
        )
        return episodes // rows * epochs * mini_batches


def stages(work: Path, seed: int = 0) -> list[Stage]:
    """The demo's stages, in the order in which they are to start; the paths in their configs lie below `work`.

    `seed` is that of every training but the base model's, which is kept.
    """

    def asked(recipe: dict[str, Any], data: str, *, seed: int = seed, answers: bool = True) -> dict[str, Any]:
        samples = SAMPLES | {"sample_prompts": str(work / "held_out.jsonl")} if answers else {}
        return recipe | samples | {"dataset_name": str(work / data), "seed": seed}

    base = asked(BASE, "base", seed=0) | {"model_name_or_path": str(work / "initial")}
    return [
        Stage("base", "sft", base, None),
        Stage("sft-too-hot", "sft", asked(TOO_HOT, "sft"), "base"),
        Stage("sft", "sft", asked(SFT, "sft"), "base"),
        Stage("dpo", "dpo", asked(DPO, "dpo"), "sft"),
        Stage("sft-overtrained", "sft", asked(OVERTRAINED, "overtraining"), "base"),
        Stage("reward", "reward", asked(REWARD, "reward", answers=False), "sft"),
        Stage("kto", "kto", asked(KTO, "kto"), "sft"),
        Stage("ppo", "ppo", asked(PPO, "prompts"), "sft", reward_model="reward"),
        Stage("grpo", "grpo", asked(GRPO, "prompts"), "sft", reward_model="reward"),
        Stage("rloo", "rloo", asked(RLOO, "prompts"), "sft", reward_model="reward"),
    ]
