"""Builds TRL's real trainers on a stand-in, so that their own preparation, checks and collator come to work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostics.probes.preparing.asking import arguments
from diagnostics.probes.preparing.standin import StandIn

INDEX = "preflight_row"
# The columns that hold token ids after the preparation, by method.
PREPARED = {
    "sft": ("input_ids", "labels"),
    "reward": ("chosen_ids", "rejected_ids"),
    "dpo": ("prompt_ids", "chosen_ids", "rejected_ids"),
    "kto": ("prompt_ids", "completion_ids"),
}


def build(method: str, config: Mapping[str, Any], stand_in: StandIn, dataset: Any, folder: str, **changes: Any) -> Any:
    """The trainer of a method over a data set, prepared; never to be trained."""
    import trl

    args = arguments(method, config, folder, **changes)
    common = {"args": args, "train_dataset": dataset, "processing_class": stand_in.tokenizer}
    if method == "sft":
        return trl.SFTTrainer(model=stand_in.model(), **common)
    if method == "reward":
        return trl.RewardTrainer(model=stand_in.model(one_label=True), **common)
    if method == "dpo":
        return trl.DPOTrainer(model=stand_in.model(), ref_model=stand_in.model(), **common)
    if method == "kto":
        return trl.KTOTrainer(model=stand_in.model(), ref_model=stand_in.model(), **common)
    kind = trl.GRPOTrainer if method == "grpo" else trl.RLOOTrainer
    return kind(model=stand_in.model(), reward_funcs=no_reward, **common)


def no_reward(completions: list[Any], **_: Any) -> list[float]:
    """Stands for the reward functions, which the rows do not depend on."""
    return [0.0] * len(completions)


def collated(trainer: Any, examples: list[dict[str, Any]]) -> dict[str, Any]:
    """A real batch of some prepared rows, with the columns that the trainer would pass to its collator."""
    trainer._set_signature_columns_if_needed()
    wanted = set(trainer._signature_columns)
    batch: dict[str, Any] = trainer.data_collator(
        [{name: value for name, value in one.items() if name in wanted} for one in examples]
    )
    return batch
