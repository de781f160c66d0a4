"""Arguments that contradict each other, before anything is estimated: what TRL, transformers or our PPO would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostics.memory.defaults import defaults_of
from diagnostics.run.refusal import Refusal

AT_LEAST_ONE = (
    "per_device_train_batch_size", "per_device_eval_batch_size", "gradient_accumulation_steps", "max_length",
    "max_completion_length", "response_length", "lora_r", "num_generations", "steps_per_generation", "num_mini_batches",
    "generation_batch_size",
)  # fmt: skip
# Pairs of which only one can be on, and which methods know both.
APART = (
    ("bf16", "fp16"),
    ("load_in_4bit", "load_in_8bit"),
    ("precompute_ref_log_probs", "sync_ref_model"),
    ("use_peft", "sync_ref_model"),
    ("deepspeed", "fsdp"),
    ("generation_batch_size", "steps_per_generation"),
)


class AskedWrong(Refusal):
    """A question cannot be answered as it was put. The message is one sentence: what, where, what was expected."""


def check(method: str, config: Mapping[str, Any], processes: int) -> None:
    """Refuse a config that no training would start with.

    Raises:
        AskedWrong: a number is none, or arguments contradict each other.
    """
    whole = {**defaults_of(method), **config}
    for name in AT_LEAST_ONE:
        value = whole.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise AskedWrong(
                f"{name}: {value!r}: a whole number of at least 1 was expected.",
                f"{name}：{value!r}：应为至少 1 的整数。",
            )
    for one, other in APART:
        if config.get(one) and config.get(other):
            raise AskedWrong(
                f"{one} and {other} are both asked for: only one of them can be.",
                f"同时要求了 {one} 和 {other}：二者只能取一。",
            )
    for name in ("load_in_4bit", "load_in_8bit"):
        if whole.get(name) and not whole.get("use_peft"):
            raise AskedWrong(
                f"{name}: quantized weights cannot be trained themselves; add use_peft, which trains an adapter.",
                f"{name}：量化的权重本身不能训练；请加上 use_peft，改为训练适配器。",
            )
    share = whole.get("vllm_gpu_memory_utilization")
    if whole.get("use_vllm") and (not isinstance(share, int | float) or not 0 < share <= 1):
        raise AskedWrong(
            f"vllm_gpu_memory_utilization: {share!r}: a share above 0 and up to 1 was expected.",
            f"vllm_gpu_memory_utilization：{share!r}：份额应大于 0 且不超过 1。",
        )
    if method in ("grpo", "rloo"):
        generations(method, whole, processes)
    if method == "kto" and whole["per_device_train_batch_size"] < 2:
        raise AskedWrong(
            "per_device_train_batch_size: KTO compares rows of a batch with each other; at least 2 was expected.",
            "per_device_train_batch_size：KTO 要在一批之内互相比较各行；至少应为 2。",
        )
    if method == "ppo":
        mini_batches(whole)


def generations(method: str, whole: Mapping[str, Any], processes: int) -> None:
    """Refuse a generation batch that does not hold whole groups, as GRPOConfig and RLOOConfig do.

    Raises:
        AskedWrong: it does not.
    """
    at_once = whole["per_device_train_batch_size"] * processes
    group = whole["num_generations"]
    if group < 2:
        raise AskedWrong(
            f"num_generations: {group}: {method.upper()} compares answers of a group; at least 2 was expected.",
            f"num_generations：{group}：{method.upper()} 要比较同组的回答；至少应为 2。",
        )
    size = whole["generation_batch_size"]
    if size is None:
        size = at_once * (whole["steps_per_generation"] or whole["gradient_accumulation_steps"])
    elif size % at_once:
        raise AskedWrong(
            f"generation_batch_size: {size} is no multiple of the {at_once} rows that the devices take at once.",
            f"generation_batch_size：{size} 不是各设备一次所取 {at_once} 行的整数倍。",
        )
    if size % group:
        raise AskedWrong(
            f"num_generations: {group} does not divide the {size} answers that are generated at once.",
            f"num_generations：{group} 不能整除一次生成的 {size} 条回答。",
        )


def mini_batches(whole: Mapping[str, Any]) -> None:
    """Refuse mini-batches that are no whole device batches, as our PPOConfig does; and shards, which it cannot gather.

    Raises:
        AskedWrong: they are none, or the weights are sharded.
    """
    rows = whole["per_device_train_batch_size"] * whole["gradient_accumulation_steps"]
    mini = max(rows // whole["num_mini_batches"], 1)
    if rows % whole["num_mini_batches"] or mini % min(whole["per_device_train_batch_size"], mini):
        raise AskedWrong(
            f"num_mini_batches: {whole['num_mini_batches']} does not divide the {rows} rows of a rollout evenly.",
            f"num_mini_batches：{whole['num_mini_batches']} 不能整除一次采样的 {rows} 行。",
        )
    if whole.get("fsdp") or stage_of(whole.get("deepspeed")) == 3:
        raise AskedWrong(
            "ppo: FSDP and ZeRO-3 are not supported, generation needs whole weights; use DDP or ZeRO-1 or 2.",
            "ppo：不支持 FSDP 和 ZeRO-3，因为生成需要完整的权重；请用 DDP，或 ZeRO 第 1、2 阶段。",
        )


def stage_of(deepspeed: Any) -> int:
    """The ZeRO stage of a DeepSpeed config, given as a mapping, a file or its text; 0 without one, 3 where it is not told."""
    from pathlib import Path

    from diagnostics.run.files import read_json

    if not deepspeed:
        return 0
    content = deepspeed
    if isinstance(deepspeed, str):
        try:
            content = read_json(Path(deepspeed))
        except (OSError, ValueError):
            found = [digit for digit in "123" if f"zero{digit}" in deepspeed.lower().replace("_", "").replace("-", "")]
            return int(found[0]) if found else 3
    zero = content.get("zero_optimization") if isinstance(content, Mapping) else None
    stage = zero.get("stage", 0) if isinstance(zero, Mapping) else 0
    return stage if isinstance(stage, int) and 0 <= stage <= 3 else 0
