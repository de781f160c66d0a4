"""A traced estimate of one device turned into that of one of several: what they share is taken out by the published forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from diagnostics.finding import Limit
from diagnostics.memory import formula
from diagnostics.memory.records import BILL, Asked, Estimate, Phase
from diagnostics.memory.sizes import generated_rows, value
from diagnostics.run.refusal import Sentence

# The trace knows one device's tensors to the byte, the forms of ZeRO and FSDP leave out what their buckets do in time.
BELOW = Limit(0.1, "of the peak", "ours: buckets that are not full, gathered weights that are freed before the peak")
ABOVE = Limit(0.15, "of the peak", "ours: NCCL's buffers, fragments of gathered weights, DeepSpeed's own padding")


def alone(asked: Asked) -> Asked:
    """The same step on one device that holds everything: as many rows, as many answers generated at once."""
    more: dict[str, Any] = {"deepspeed": None, "fsdp": None, "fsdp_config": None}
    if asked.method in ("grpo", "rloo"):
        rows = generated_rows(replace(asked, config={**asked.config, "use_vllm": False}))
        # Groups may span devices; no byte depends on how many answers belong together.
        more |= {"generation_batch_size": None, "steps_per_generation": max(1, rows // asked.batch)}
        if rows % int(value(asked, "num_generations")) and rows > 1:
            more["num_generations"] = rows
    if asked.config.get("use_vllm"):
        more["vllm_mode"] = "server"  # its share is added to the answer, not traced
    config = {name: one for name, one in {**asked.config, **more}.items() if one is not None}
    return replace(asked, config=config, processes=1)


def among(asked: Asked, estimate: Callable[[Asked], Estimate]) -> Estimate:
    """An estimate for one of several devices, from one of a device alone."""
    if asked.processes == 1 and not asked.config.get("deepspeed") and not asked.config.get("fsdp"):
        return estimate(asked)
    single = alone(asked)
    return divided(estimate(single), formula.estimate(single), formula.estimate(asked))


def divided(found: Estimate, whole: Estimate, part: Estimate) -> Estimate:
    """An estimate less what the closed form says is shared: `whole` its answer for one device, `part` for one of several.

    Each phase is lowered, or raised by buffers, as much as in the closed form; the peak is that of the phase which is then highest.
    """
    phases = {
        phase: max(0, size + part.phases.get(phase, 0) - whole.phases.get(phase, 0))
        for phase, size in found.phases.items()
    } or {found.phase: max(0, found.peak_allocated + part.peak_allocated - whole.peak_allocated)}
    top = cast("Phase", max(phases, key=lambda one: phases[one]))
    allocated = phases[top]
    reserved = int(allocated * found.peak_reserved / max(1, found.peak_allocated))
    total = reserved + found.context
    return replace(
        found,
        peak_allocated=allocated,
        peak_reserved=reserved,
        low=int(total * (1 - BELOW)),
        high=int(total * (1 + ABOVE)),
        phase=top,
        bill={**scaled(part.bill, allocated), "context": found.context},
        phases=phases,
        timeline=type(found.timeline)(),
        largest=(),
        operation="",
        fits=None,
        notes=(
            *found.notes,
            Sentence(
                "Traced on one device; what several share was taken out by the closed forms of ZeRO, FSDP and DDP.",
                "在一个设备上追踪；多个设备分摊的部分按 ZeRO、FSDP 和 DDP 的闭式公式扣除。",
            ),
        ),
    )


def scaled(bill: Mapping[str, int], allocated: int) -> dict[str, int]:
    """A closed form's bill with its activations and temporaries made to fit a sum; its states are exact."""
    lines = {line: bill.get(line, 0) for line in BILL if line != "context"}
    fixed = sum(lines[line] for line in ("weights", "gradients", "optimizer", "reference"))
    moving = sum(lines.values()) - fixed
    factor = max(0, allocated - fixed) / moving if moving else 0.0
    found = {
        line: size if line in ("weights", "gradients", "optimizer", "reference") else int(size * factor)
        for line, size in lines.items()
    }
    rest = allocated - sum(found.values())
    return {**found, "temporaries": max(0, found["temporaries"] + rest)}
