"""weights-not-gathered: a model was used while its weights were partitioned over the processes, or not loaded at all."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "weights-not-gathered"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "partitioned": ("second-model", "outside"),
    "inflight": ("outside",),
    "no-optimizer": ("second-model",),
    "meta": ("loading",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "meta":
        return (Fix("load", "show"),)
    return (
        Fix("prepare", "show"),
        Fix("stage", "show"),
    )


WORDS = {
    "en": Words(
        title="Weights were used while they were not there",
        summary={
            "partitioned": "A weight was used that ZeRO-3 or FSDP holds only in parts{where}. {line}",
            "inflight": "A weight was used again while ZeRO-3 was still fetching it{where}. {line}",
            "no-optimizer": (
                "A model without an optimizer, such as the reference, was given to ZeRO stage 2{where}. {line}"
            ),
            "meta": "A model whose weights have no data (meta device) was used{where}. {line}",
        },
        why="The step cannot be computed: the run ends before it has trained.",
        wrong_if="the shape is wrong for a reason of the model's own code",
        causes={
            "second-model": (
                "Only one of two models went through DeepSpeed: the reference or the reward model keeps empty weights."
            ),
            "outside": (
                "A layer is called, or a weight read, outside the wrapped model (generation, resizing, a custom loss)."
            ),
            "loading": "The model was loaded lazily, and its weights never came.",
        },
        fixes={
            "prepare": (
                "Upgrade TRL, whose trainers prepare the reference with DeepSpeed; in own code wrap "
                "it, or read weights inside deepspeed.zero.GatheredParameters"
            ),
            "stage": "Use ZeRO-2 where the model fits, or LoRA, which needs no second model",
            "load": ("Load the model without device_map and low_cpu_mem_usage, or with to_empty() and its weights"),
        },
        about="""Reads the console for the errors that follow from weights which a process holds only in part: `'weight' must be 2-D`,
shapes of 0 elements in the current model, parameters still in flight, tensors on the meta device.

Sources: huggingface/trl#669, #687, #825.""",
    ),
    "zh": Words(
        title="使用了尚未收集的权重",
        summary={
            "partitioned": "使用了被 ZeRO-3 或 FSDP 分片、尚未收集的权重{where}。{line}",
            "inflight": "ZeRO-3 尚在取回权重时又使用了它{where}。{line}",
            "no-optimizer": "没有优化器的模型（例如参考模型）被交给了 ZeRO-2{where}。{line}",
            "meta": "使用了没有数据的权重（meta 设备）{where}。{line}",
        },
        why="这一步无法计算：训练在开始前就结束了。",
        wrong_if="形状错误是模型自身代码的问题",
        causes={
            "second-model": "两个模型只有一个经过了 DeepSpeed：参考模型或奖励模型的权重是空的。",
            "outside": "在包装后的模型之外调用了某层或读取了权重（生成、扩词表、自定义损失）。",
            "loading": "模型以惰性方式载入，权重一直没有到位。",
        },
        fixes={
            "prepare": (
                "升级 TRL（其训练器会用 DeepSpeed 准备参考模型）；自己的代码里要包装它，或在 deepspeed.zero.GatheredParameters 中读取权"
                "重"
            ),
            "stage": "模型放得下时用 ZeRO-2，或用 LoRA（不需要第二个模型）",
            "load": "不用 device_map 与 low_cpu_mem_usage 载入模型，或先 to_empty() 再载入权重",
        },
        about="""在控制台里查找因进程只持有部分权重而出现的错误：`'weight' must be 2-D`、当前模型里 0 个元素的形状、仍在传输的参数、meta
设备上的张量。

来源：huggingface/trl#669、#687、#825。""",
    ),
}
