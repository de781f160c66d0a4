"""What the config rules call an error TRL refuses indeed: each contradiction is given to the installed config class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diagnostics.preflight.own_arguments import PPO_OTHER_NAMES
from diagnostics.probes.signatures import CONFIGS
from tests.diagnostics.preflight.test_config_rules import CLASHES, FAULTS

# Refused by the trainer or the loading of the model, which this test does not build, or by a parser of two names.
LATER = {
    "server-unused",
    "best-of-what",
    "quantised-both-ways", "quantised-without-adapter", "selective-checkpointing", "padding-free",
    "assistant-only", "unknown-loss", "exo-smoothing", "weighted-aot", "divergence-loss", "synced-and-precomputed",
    "synced-adapter", "single-row", "shuffled-pairs", "synced-without-reference", "reward-weights", "sharding-twice",
    "best-sharded", "adapter-unused", "steps-and-epochs", "quantised-twice", "two-names",
}  # fmt: skip
BATCHES = [
    (kind, *rest) for rule, kind, severity, *rest in FAULTS if (rule, severity) == ("batch-not-divisible", "error")
]


@pytest.mark.parametrize(
    ("kind", "method", "config", "known"), [*(one for one in CLASHES if one[0] not in LATER), *BATCHES]
)
def test_config_class_refuses_it(kind: str, method: str, config: dict[str, Any], known: dict[str, Any]) -> None:
    import trl

    from training.ppo_config import PPOConfig

    made = PPOConfig if method == "ppo" else getattr(trl, CONFIGS[method])
    with pytest.raises(ValueError, match=r"."):
        made(
            output_dir="out", use_cpu=True, **{PPO_OTHER_NAMES.get(name, name): value for name, value in config.items()}
        )


# Kinds that a trainer refuses when it is built, each with what else the trainer needs; `use_peft` becomes an adapter.
BY_TRAINER = {
    "best-of-what",
    "padding-free", "assistant-only", "unknown-loss", "exo-smoothing", "weighted-aot", "divergence-loss", "synced-adapter",
    "synced-and-precomputed", "single-row", "shuffled-pairs", "synced-without-reference", "reward-weights",
    "selective-checkpointing", "bf16-on-cpu",
}  # fmt: skip
BUILT = [one for one in CLASHES if one[0] in BY_TRAINER] + [
    ("bf16-on-cpu", "sft", {"bf16": True, "use_cpu": False}, {}),
]
ROWS: dict[str, dict[str, Any]] = {
    "sft": {"text": "a text"},
    "dpo": {"prompt": "a", "chosen": " b", "rejected": " c"},
    "kto": {"prompt": "a", "completion": " b", "label": True},
    "grpo": {"prompt": "a"},
}


def reward(completions: list[str], **kwargs: Any) -> list[float]:
    return [0.0 for _ in completions]


@pytest.mark.parametrize(("kind", "method", "config", "known"), BUILT)
def test_trainer_refuses_it(
    kind: str, method: str, config: dict[str, Any], known: dict[str, Any], base_checkpoint: Path, tmp_path: Path
) -> None:
    import peft
    import trl
    from datasets import Dataset

    asked = {"use_cpu": True, "output_dir": str(tmp_path), "max_steps": 1, "save_strategy": "no", **config}
    further: dict[str, Any] = {}
    if asked.pop("use_peft", False):
        further["peft_config"] = peft.LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear")
    if names := asked.pop("reward_funcs", [0] if method == "grpo" else []):
        further["reward_funcs"] = [reward for _ in names]
    trainer = getattr(trl, CONFIGS[method].replace("Config", "Trainer"))
    with pytest.raises((ValueError, NotImplementedError), match=r"."):
        trainer(
            model=str(base_checkpoint),
            args=getattr(trl, CONFIGS[method])(**asked),
            train_dataset=Dataset.from_list([ROWS[method]] * 4),
            **further,
        ).train()


def test_model_config_refuses_two_quantisations() -> None:
    import trl

    with pytest.raises(ValueError, match="8 bit and 4 bit"):
        trl.ModelConfig(load_in_4bit=True, load_in_8bit=True)
