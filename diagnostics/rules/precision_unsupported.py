"""precision-unsupported: a number format that the device cannot compute with, or two that were mixed."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "precision-unsupported"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "half-weights": ("loaded",),
    "bf16": ("device",),
    "fp16": ("device", "cpu"),
    "both": ("both",),
    "tf32": ("device",),
    "flash": ("parts",),
    "ampere": ("device",),
    "operation": ("cpu", "device"),
    "mixed": ("parts", "loaded"),
    "sharded": ("parts",),
    "scaler": ("parts", "loaded"),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "half-weights":
        return (
            Fix("full", "safe", edits(run, dtype="float32")),
            Fix("bf16", "ask", edits(run, bf16=True, fp16=False)),
        )
    if kind == "bf16":
        return (
            Fix("fp16", "ask", edits(run, bf16=False, fp16=True)),
            Fix("none", "safe", edits(run, bf16=False, fp16=False)),
        )
    if kind == "fp16":
        return (Fix("none", "safe", edits(run, fp16=False, bf16=False)),)
    if kind == "both":
        return (Fix("one", "ask", edits(run, fp16=False)),)
    if kind == "tf32":
        return (Fix("none", "safe", edits(run, tf32=False)),)
    if kind == "flash":
        return (Fix("same", "show"),)
    if kind == "ampere":
        return (Fix("eager", "safe", edits(run, attn_implementation="sdpa")),)
    if kind == "operation":
        return (
            Fix("none", "safe", edits(run, fp16=False, bf16=False)),
            Fix("same", "show"),
        )
    return (Fix("same", "show"),)


WORDS = {
    "en": Words(
        title="The precision is not supported",
        summary={
            "half-weights": (
                "The weights that are trained are in fp16, which mixed precision cannot scale{where}. {line}"
            ),
            "bf16": "bf16 was asked for on a device that has none{where}. {line}",
            "fp16": "fp16 was asked for on a device that has none{where}. {line}",
            "both": "fp16 and bf16 were both asked for{where}. {line}",
            "tf32": "tf32 was asked for on a device that has none{where}. {line}",
            "flash": "Flash attention computes in fp16 or bf16 only, and was given fp32{where}. {line}",
            "ampere": "Flash attention needs a GPU of the Ampere generation or newer{where}. {line}",
            "operation": "The device has no such operation for this number format{where}. {line}",
            "mixed": "Two number formats met in one operation{where}. {line}",
            "sharded": "Parameters of different formats were to be sharded together{where}. {line}",
            "scaler": "The gradient scaler saw no gradient to scale{where}. {line}",
        },
        why="The first step that computes in it ends the run.",
        wrong_if="a kernel of the user's own mixes the formats",
        causes={
            "loaded": "The model was loaded in fp16 (torch_dtype=torch.float16) and trained with fp16=True.",
            "device": (
                "The GPU is older than Ampere (V100, T4), or there is none; TRL asks for bf16 unless told otherwise."
            ),
            "parts": ("Parts of the model are in another format: an adapter, a quantised base, a head, a layer norm."),
            "cpu": "The model is in fp16 and runs on the CPU.",
            "both": "Two arguments that exclude each other.",
        },
        fixes={
            "full": "Load the weights in fp32; mixed precision still computes in half",
            "bf16": "Train in bf16, which needs no scaling (Ampere or newer)",
            "fp16": "Train in fp16 with weights in fp32",
            "none": "Train in fp32",
            "one": "Keep bf16 alone",
            "eager": "Use torch's own attention",
            "same": ("Give all parts one dtype: load with dtype='bfloat16', and cast the adapter or the head after it"),
        },
        about="""Reads the console for the errors of torch, transformers, accelerate and vLLM about number formats: `Attempting to unscale
FP16 gradients`, `Your setup doesn't support bf16/gpu`, `expected scalar type Half but found Float` and their like.

Sources: huggingface/peft#1336, huggingface/diffusers#6086, haotian-liu/LLaVA#363.""",
    ),
    "zh": Words(
        title="精度不受支持",
        summary={
            "half-weights": "被训练的权重是 fp16，混合精度无法缩放其梯度{where}。{line}",
            "bf16": "设备不支持所要求的 bf16{where}。{line}",
            "fp16": "设备不支持所要求的 fp16{where}。{line}",
            "both": "同时要求了 fp16 与 bf16{where}。{line}",
            "tf32": "设备不支持所要求的 tf32{where}。{line}",
            "flash": "FlashAttention 只支持 fp16 或 bf16，却收到了 fp32{where}。{line}",
            "ampere": "FlashAttention 需要 Ampere 或更新的 GPU{where}。{line}",
            "operation": "设备上没有该数值格式的这种运算{where}。{line}",
            "mixed": "同一运算里混用了两种数值格式{where}。{line}",
            "sharded": "不同格式的参数要放在一起分片{where}。{line}",
            "scaler": "梯度缩放器没有看到可缩放的梯度{where}。{line}",
        },
        why="第一次用它计算就会中断。",
        wrong_if="是用户自己的算子混用了格式",
        causes={
            "loaded": "模型以 fp16 载入（torch_dtype=torch.float16），又用 fp16=True 训练。",
            "device": "GPU 早于 Ampere（V100、T4）或没有 GPU；TRL 默认要求 bf16。",
            "parts": "模型的一部分是另一种格式：适配器、量化底座、输出头、层归一化。",
            "cpu": "模型是 fp16 而在 CPU 上运行。",
            "both": "两个参数互斥。",
        },
        fixes={
            "full": "以 fp32 载入权重；混合精度仍以半精度计算",
            "bf16": "改用无需缩放的 bf16 训练（需要 Ampere 或更新）",
            "fp16": "用 fp16 训练，权重保持 fp32",
            "none": "用 fp32 训练",
            "one": "只保留 bf16",
            "eager": "使用 torch 自带的注意力",
            "same": "让各部分的 dtype 一致：以 dtype='bfloat16' 载入，再转换适配器或输出头",
        },
        about="""在控制台里查找 torch、transformers、accelerate 与 vLLM 关于数值格式的报错：`Attempting to unscale FP16 gradients`、
`Your setup doesn't support bf16/gpu`、`expected scalar type Half but found Float` 等。

来源：huggingface/peft#1336、huggingface/diffusers#6086、haotian-liu/LLaVA#363。""",
    ),
}
