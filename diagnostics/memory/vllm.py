"""vLLM's share of a device on which it lives beside the training: added to a trace, which knows the training alone."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from diagnostics.memory.records import Asked, Estimate, Phase
from diagnostics.memory.sizes import value
from diagnostics.run.refusal import Sentence


def share_of(asked: Asked) -> int:
    """What vLLM takes of the device while it is awake: `vllm_gpu_memory_utilization` of the whole, weights and cache together.

    0 where it does not live on the training's device, or the device is not known.
    """
    if asked.method not in ("grpo", "rloo") or not value(asked, "use_vllm") or value(asked, "vllm_mode") != "colocate":
        return 0
    return int((asked.device or 0) * float(value(asked, "vllm_gpu_memory_utilization")))


def beside(found: Estimate, asked: Asked) -> Estimate:
    """An estimate of the training with vLLM's share added, in the bill's line of the KV cache.

    Asleep (`vllm_enable_sleep_mode`) it holds nothing while the policy is trained; then the peak is that of training, or
    of generation with vLLM awake beside weights and states.
    """
    share = share_of(asked)
    if not share:
        return found
    asleep = bool(value(asked, "vllm_enable_sleep_mode"))
    waiting = sum(found.bill.get(line, 0) for line in ("weights", "optimizer", "reference"))
    phases = {phase: size + (0 if asleep else share) for phase, size in found.phases.items()}
    phases["generation"] = max(found.phases.get("generation", 0), waiting) + share
    top = cast("Phase", max(phases, key=lambda one: phases[one]))
    beside_training = phases[top] - found.peak_allocated
    bill = dict(found.bill)
    if top != found.phase:
        bill = {
            line: found.bill.get(line, 0) if line in ("weights", "optimizer", "reference", "context") else 0
            for line in bill
        }
    held = 0 if asleep and top != "generation" else share
    bill["kv_cache"] = bill.get("kv_cache", 0) + held
    bill["temporaries"] = bill.get("temporaries", 0) + phases[top] + found.context - sum(bill.values())
    return replace(
        found,
        peak_allocated=phases[top],
        peak_reserved=found.peak_reserved + beside_training,
        low=found.low + beside_training,
        high=found.high + beside_training,
        phase=top,
        phases=phases,
        bill=bill,
        fits=None if held else found.fits,
        notes=(
            *found.notes,
            Sentence(
                f"vLLM's share of the device, {share / (1 << 30):.2f} GiB, stands in the line of the KV cache.",
                f"vLLM 占用的设备份额 {share / (1 << 30):.2f} GiB 计入 KV 缓存一项。",
            ),
        ),
    )
