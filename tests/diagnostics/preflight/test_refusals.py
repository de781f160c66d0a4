"""What the config rules call an error TRL refuses indeed: each contradiction is given to the installed config class."""

from __future__ import annotations

from typing import Any

import pytest

from diagnostics.preflight.own_arguments import PPO_OTHER_NAMES
from diagnostics.probes.signatures import CONFIGS
from tests.diagnostics.preflight.test_config_rules import CLASHES, FAULTS

# Refused by the trainer or the loading of the model, which this test does not build, or by a parser of two names.
LATER = {
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


def test_model_config_refuses_two_quantisations() -> None:
    import trl

    with pytest.raises(ValueError, match="8 bit and 4 bit"):
        trl.ModelConfig(load_in_4bit=True, load_in_8bit=True)
