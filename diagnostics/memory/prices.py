"""What each change costs, in time and in what is learned: our guesses with their reasons, to be set otherwise by who knows better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diagnostics.finding import Limit


@dataclass(frozen=True)
class Price:
    """`time`: the share by which a step takes longer. `quality`: 0 where the same is learned, else how far it is changed."""

    time: Limit
    quality: Limit


def price(time: float, why: str, quality: float = 0.0, kind: str = "the same is learned") -> Price:
    """A price from its two numbers and the reason for each."""
    return Price(Limit(time, "of a step's time more", why), Limit(quality, "of 1 for another method of training", kind))


# A quality of 1 stands for full fine-tuning changed into LoRA; the others are placed before or behind it.
PRICES: Mapping[str, Price] = {
    "batch": price(0.03, "ours, for each halving: smaller matrices use the device a little worse; the gradient is the same"),
    "rollout": price(0.05, "ours, for each halving: fewer answers are generated side by side"),
    "evaluation-batch": price(0.01, "ours: evaluation is a small part of a training"),
    "attention": price(0.0, "SDPA is faster than attention written out, and computes the same"),
    "precompute": price(0.02, "one more pass over the data before the first step, none of the reference in any step"),
    "checkpointing": price(0.25, "one more forward pass a step: 20 % by TRL's documentation, 33 % by counting operations"),
    "offloading": price(0.3, "ours: the activations cross the bus twice a step; it is overlapped with computation in part"),
    "base-bf16": price(0.0, "the frozen weights are used in bf16 under autocast anyway"),
    "optimizer-8bit": price(0.02, "8-bit states train as well as 32-bit ones (Dettmers et al. 2022)"),
    "optimizer-paged": price(0.25, "ours: states that do not fit cross the bus in each step"),
    "sleep": price(0.1, "ours: vLLM gives its memory back while the policy is trained, and takes it again"),
    "vllm-share": price(0.15, "ours: a smaller cache holds fewer answers at once"),
    "zero1": price(0.01, "ZeRO (Rajbhandari et al. 2020), section 7: the same volume of communication"),
    "zero2": price(0.02, "ZeRO, section 7: the same volume of communication"),
    "fsdp": price(0.2, "ZeRO, section 7: 1.5 times the volume of communication for weights that are spread"),
    "zero3": price(0.22, "ZeRO, section 7: as FSDP"),
    "bf16": price(-0.1, "weights of 2 bytes are read faster", 0.5,
                  "updates smaller than 1/256 of a weight are lost; the usual learning rates of fine-tuning come near that"),
    "length": price(-0.3, "fewer tokens", 0.6, "for each halving: longer rows are cut, and what stood at their end is not learned"),
    "generations": price(-0.3, "fewer answers", 0.7, "for each halving: the advantage is estimated from fewer answers"),
    "workers": price(0.05, "ours: batches are made between the steps instead of beside them"),
    "lora": price(-0.1, "few gradients and states", 1.0,
                  "LoRA matches full fine-tuning on small data, not on large (Thinking Machines, LoRA Without Regret, 2025)"),
    "qlora": price(0.4, "weights are unpacked in each pass", 1.3,
                   "QLoRA (Dettmers et al. 2023) found no loss to LoRA in 4 bits on its benchmarks"),
    "smaller": price(-0.4, "a smaller model", 2.0, "for each size: another model is trained"),
}  # fmt: skip
