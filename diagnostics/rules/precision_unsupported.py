"""precision-unsupported: the device does not compute in the precision asked for, or the weights do not go with it."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, TextEvidence, Words
from diagnostics.preflight import plan
from diagnostics.preflight.material import Machine, Material

NAME = "precision-unsupported"
METHODS = None
EXPLAINS = ("run-died", "loss-not-finite")

HALF = ("float16", "fp16", "torch.float16", "half")


def preflight(material: Material) -> Finding | None:
    """Compare bf16, fp16 and the weights' type with the device."""
    plan.need_config(material)
    if material.machine is None:
        raise CannotJudge("no-machine")
    machine, fp16 = material.machine, plan.on(material, "fp16")
    cpu = machine.device == "cpu" or plan.on(material, "use_cpu")
    # TRL: bf16 unless fp16; the worker: none of both on a machine without an accelerator unless asked for.
    asked = material.asked.config.get("bf16")
    bf16 = plan.on(material, "bf16") if asked is not None else not fp16 and machine.device != "cpu"
    if fp16 and bf16:
        return finding(material, machine, "both", "error", (plan.edit(material, "fp16", False),))
    if cpu and fp16:  # accelerate leaves it out without a word
        return finding(material, machine, "fp16-on-cpu", "info", (plan.edit(material, "fp16", False),))
    if machine.device == "cpu" and bf16 and not plan.on(material, "use_cpu"):
        return finding(material, machine, "bf16-on-cpu", "error", (plan.edit(material, "bf16", False),))
    # fp16 computes with weights of float32 under it: gradients of float16 weights cannot be unscaled. Adapters are float32.
    if fp16 and str(plan.value(material, "dtype")) in HALF and not plan.on(material, "use_peft"):
        return finding(material, machine, "half-weights", "error", (plan.edit(material, "dtype", "float32"),))
    if bf16 and not cpu and not machine.bf16:
        edits = (plan.edit(material, "bf16", False), *((plan.edit(material, "fp16", True),) if machine.fp16 else ()))
        return finding(material, machine, "no-bf16", "warning", edits)
    return None


def finding(material: Material, machine: Machine, kind: str, severity: str, edits: tuple[Edit, ...]) -> Finding:
    """The finding of one kind."""
    return Finding(
        NAME,
        severity,  # type: ignore[arg-type]
        0.85 if severity == "warning" else 0.95,
        0,
        0,
        {"kind": kind, "device": machine.name or machine.device},
        (TextEvidence("config", plan.shown(material, "bf16", "fp16", "dtype", "use_cpu")),),
        ("default",) if kind == "no-bf16" and not plan.given(material, "bf16") else ("copied",),
        (Fix("set", "ask", edits, {"edits": ", ".join(f"{one.path}={one.new}" for one in edits)}),),
    )


WORDS = {
    "en": Words(
        title="The precision does not go with the device",
        summary={
            "both": "bf16 and fp16 are both asked for; only one of them can be.",
            "fp16-on-cpu": "fp16 is asked for on the CPU, where it is not applied: training is in float32.",
            "bf16-on-cpu": "bf16 is asked for and there is no accelerator ({device}): transformers refuses it without use_cpu.",
            "half-weights": "The weights are loaded in float16 and trained with fp16: their gradients cannot be unscaled.",
            "no-bf16": "bf16 is on, and {device} does not compute in it: training is refused, or many times slower.",
        },
        why="The trainer refuses to start, or the first step fails.",
        wrong_if="training runs on another machine than this one",
        causes={
            "default": "TRL turns bf16 on unless fp16 is asked for.",
            "copied": "The config was written for another device.",
        },
        fixes={"set": "Set {edits}"},
        about="""Compares bf16, fp16 and dtype with what torch sees of the machine.

TRL turns bf16 on by itself unless fp16 is asked for; GPUs before Ampere (V100, T4) have no bf16 (only emulation, which is
slow). fp16 scales the loss and needs weights of float32: with weights of float16 the first optimizer step raises "Attempting
to unscale FP16 gradients". With LoRA the adapters are float32, and this does not arise.""",
    ),
    "zh": Words(
        title="精度与设备不匹配",
        summary={
            "both": "同时要求 bf16 和 fp16，只能二选一。",
            "fp16-on-cpu": "要求在 CPU 上使用 fp16，但不会生效：实际以 float32 训练。",
            "bf16-on-cpu": "要求 bf16，但没有加速器（{device}）：不设 use_cpu 时 transformers 会拒绝。",
            "half-weights": "权重以 float16 加载，又用 fp16 训练：其梯度无法反缩放。",
            "no-bf16": "bf16 已开启，但 {device} 不支持：训练会被拒绝，或慢上许多倍。",
        },
        why="训练器会拒绝启动，或在第一步失败。",
        wrong_if="实际训练在另一台机器上进行",
        causes={"default": "只要没有要求 fp16，TRL 就默认开启 bf16。", "copied": "配置是为另一种设备写的。"},
        fixes={"set": "设置 {edits}"},
        about="""把 bf16、fp16 和 dtype 与 torch 看到的机器相比较。

TRL 在没有要求 fp16 时默认开启 bf16；Ampere 之前的 GPU（V100、T4）没有 bf16（只有很慢的模拟）。fp16 需要缩放损失，权重必须
是 float32：权重为 float16 时第一次优化就会报 "Attempting to unscale FP16 gradients"。使用 LoRA 时适配器是 float32，
不会出现这个问题。""",
    ),
}
