"""precision-unsupported: the device does not compute in the precision asked for, or the weights do not go with it."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, TextEvidence, Words
from diagnostics.fixing import edits as run_edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.preflight import plan
from diagnostics.preflight.material import Machine, Material
from diagnostics.run import Run

NAME = "precision-unsupported"
METHODS = None
EXPLAINS = ("run-died", "loss-not-finite", "collective-timeout")

HALF = ("float16", "fp16", "torch.float16", "half")


# What is behind each kind of sentence on a console, most likely first.
CAUSES = {
    "half-weights": ("console-loaded",),
    "bf16": ("console-device",),
    "fp16": ("console-device", "console-cpu"),
    "both": ("console-both",),
    "tf32": ("console-device",),
    "flash": ("console-parts",),
    "ampere": ("console-device",),
    "operation": ("console-cpu", "console-device"),
    "mixed": ("console-parts", "console-loaded"),
    "sharded": ("console-parts",),
    "scaler": ("console-parts", "console-loaded"),
}


def check(run: Run) -> Finding | None:
    """Look on the console of a run that died."""
    return by_console(run)


def by_console(run: Run) -> Finding | None:
    """The cause that the table of signs tells from the console."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(
        run,
        cause,
        causes=CAUSES[cause.kind],
        fixes=console_fixes(run, cause.kind),
        facts={"kind": f"console-{cause.kind}"},
    )


def console_fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "half-weights":
        return (
            Fix("console-full", "safe", run_edits(run, dtype="float32")),
            Fix("console-bf16", "ask", run_edits(run, bf16=True, fp16=False)),
        )
    if kind == "bf16":
        return (
            Fix("console-fp16", "ask", run_edits(run, bf16=False, fp16=True)),
            Fix("console-none", "safe", run_edits(run, bf16=False, fp16=False)),
        )
    if kind == "fp16":
        return (Fix("console-none", "safe", run_edits(run, fp16=False, bf16=False)),)
    if kind == "both":
        return (Fix("console-one", "ask", run_edits(run, fp16=False)),)
    if kind == "tf32":
        return (Fix("console-none", "safe", run_edits(run, tf32=False)),)
    if kind == "flash":
        return (Fix("console-same", "show"),)
    if kind == "ampere":
        return (Fix("console-eager", "safe", run_edits(run, attn_implementation="sdpa")),)
    if kind == "operation":
        return (
            Fix("console-none", "safe", run_edits(run, fp16=False, bf16=False)),
            Fix("console-same", "show"),
        )
    return (Fix("console-same", "show"),)


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
            "console-half-weights": (
                "The weights that are trained are in fp16, which mixed precision cannot scale{where}. {line}"
            ),
            "console-bf16": "bf16 was asked for on a device that has none{where}. {line}",
            "console-fp16": "fp16 was asked for on a device that has none{where}. {line}",
            "console-both": "fp16 and bf16 were both asked for{where}. {line}",
            "console-tf32": "tf32 was asked for on a device that has none{where}. {line}",
            "console-flash": "Flash attention computes in fp16 or bf16 only, and was given fp32{where}. {line}",
            "console-ampere": "Flash attention needs a GPU of the Ampere generation or newer{where}. {line}",
            "console-operation": "The device has no such operation for this number format{where}. {line}",
            "console-mixed": "Two number formats met in one operation{where}. {line}",
            "console-sharded": "Parameters of different formats were to be sharded together{where}. {line}",
            "console-scaler": "The gradient scaler saw no gradient to scale{where}. {line}",
        },
        why="The trainer refuses to start, or the first step fails.",
        wrong_if="training runs on another machine than this one",
        causes={
            "default": "TRL turns bf16 on unless fp16 is asked for.",
            "copied": "The config was written for another device.",
            "console-loaded": "The model was loaded in fp16 (torch_dtype=torch.float16) and trained with fp16=True.",
            "console-device": (
                "The GPU is older than Ampere (V100, T4), or there is none; TRL asks for bf16 unless told otherwise."
            ),
            "console-parts": (
                "Parts of the model are in another format: an adapter, a quantised base, a head, a layer norm."
            ),
            "console-cpu": "The model is in fp16 and runs on the CPU.",
            "console-both": "Two arguments that exclude each other.",
        },
        fixes={
            "set": "Set {edits}",
            "console-full": "Load the weights in fp32; mixed precision still computes in half",
            "console-bf16": "Train in bf16, which needs no scaling (Ampere or newer)",
            "console-fp16": "Train in fp16 with weights in fp32",
            "console-none": "Train in fp32",
            "console-one": "Keep bf16 alone",
            "console-eager": "Use torch's own attention",
            "console-same": (
                "Give all parts one dtype: load with dtype='bfloat16', and cast the adapter or the head after it"
            ),
        },
        about="""Compares bf16, fp16 and dtype with what torch sees of the machine.

TRL turns bf16 on by itself unless fp16 is asked for; GPUs before Ampere (V100, T4) have no bf16 (only emulation, which is
slow). fp16 scales the loss and needs weights of float32: with weights of float16 the first optimizer step raises "Attempting
to unscale FP16 gradients". With LoRA the adapters are float32, and this does not arise.

Reads the console for the errors of torch, transformers, accelerate and vLLM about number formats: `Attempting to unscale
FP16 gradients`, `Your setup doesn't support bf16/gpu`, `expected scalar type Half but found Float` and their like.

Sources: huggingface/peft#1336, huggingface/diffusers#6086, haotian-liu/LLaVA#363.""",
    ),
    "zh": Words(
        title="精度与设备不匹配",
        summary={
            "both": "同时要求 bf16 和 fp16，只能二选一。",
            "fp16-on-cpu": "要求在 CPU 上使用 fp16，但不会生效：实际以 float32 训练。",
            "bf16-on-cpu": "要求 bf16，但没有加速器（{device}）：不设 use_cpu 时 transformers 会拒绝。",
            "half-weights": "权重以 float16 加载，又用 fp16 训练：其梯度无法反缩放。",
            "no-bf16": "bf16 已开启，但 {device} 不支持：训练会被拒绝，或慢上许多倍。",
            "console-half-weights": "被训练的权重是 fp16，混合精度无法缩放其梯度{where}。{line}",
            "console-bf16": "设备不支持所要求的 bf16{where}。{line}",
            "console-fp16": "设备不支持所要求的 fp16{where}。{line}",
            "console-both": "同时要求了 fp16 与 bf16{where}。{line}",
            "console-tf32": "设备不支持所要求的 tf32{where}。{line}",
            "console-flash": "FlashAttention 只支持 fp16 或 bf16，却收到了 fp32{where}。{line}",
            "console-ampere": "FlashAttention 需要 Ampere 或更新的 GPU{where}。{line}",
            "console-operation": "设备上没有该数值格式的这种运算{where}。{line}",
            "console-mixed": "同一运算里混用了两种数值格式{where}。{line}",
            "console-sharded": "不同格式的参数要放在一起分片{where}。{line}",
            "console-scaler": "梯度缩放器没有看到可缩放的梯度{where}。{line}",
        },
        why="训练器会拒绝启动，或在第一步失败。",
        wrong_if="实际训练在另一台机器上进行",
        causes={
            "default": "只要没有要求 fp16，TRL 就默认开启 bf16。",
            "copied": "配置是为另一种设备写的。",
            "console-loaded": "模型以 fp16 载入（torch_dtype=torch.float16），又用 fp16=True 训练。",
            "console-device": "GPU 早于 Ampere（V100、T4）或没有 GPU；TRL 默认要求 bf16。",
            "console-parts": "模型的一部分是另一种格式：适配器、量化底座、输出头、层归一化。",
            "console-cpu": "模型是 fp16 而在 CPU 上运行。",
            "console-both": "两个参数互斥。",
        },
        fixes={
            "set": "设置 {edits}",
            "console-full": "以 fp32 载入权重；混合精度仍以半精度计算",
            "console-bf16": "改用无需缩放的 bf16 训练（需要 Ampere 或更新）",
            "console-fp16": "用 fp16 训练，权重保持 fp32",
            "console-none": "用 fp32 训练",
            "console-one": "只保留 bf16",
            "console-eager": "使用 torch 自带的注意力",
            "console-same": "让各部分的 dtype 一致：以 dtype='bfloat16' 载入，再转换适配器或输出头",
        },
        about="""把 bf16、fp16 和 dtype 与 torch 看到的机器相比较。

TRL 在没有要求 fp16 时默认开启 bf16；Ampere 之前的 GPU（V100、T4）没有 bf16（只有很慢的模拟）。fp16 需要缩放损失，权重必须
是 float32：权重为 float16 时第一次优化就会报 "Attempting to unscale FP16 gradients"。使用 LoRA 时适配器是 float32，
不会出现这个问题。

在控制台里查找 torch、transformers、accelerate 与 vLLM 关于数值格式的报错：`Attempting to unscale FP16 gradients`、
`Your setup doesn't support bf16/gpu`、`expected scalar type Half but found Float` 等。

来源：huggingface/peft#1336、huggingface/diffusers#6086、haotian-liu/LLaVA#363。""",
    ),
}
