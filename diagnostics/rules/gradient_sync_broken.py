"""gradient-sync-broken: the backward pass does not fit what wraps the model: a gradient twice, or never."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "gradient-sync-broken"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout")

# What is behind each kind, most likely first.
CAUSES = {
    "twice": ("reentrant", "own"),
    "unused": ("unused",),
    "changed": ("unused", "own"),
    "recomputed": ("differs", "reentrant"),
    "graph": ("own", "reentrant"),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "twice":
        return (Fix("reentrant", "safe", edits(run, gradient_checkpointing_kwargs={"use_reentrant": False})),)
    if kind in ("unused", "changed"):
        return (Fix("find", "safe", edits(run, ddp_find_unused_parameters=True)),)
    if kind == "recomputed":
        return (
            Fix("cache", "show"),
            Fix("reentrant", "safe", edits(run, gradient_checkpointing_kwargs={"use_reentrant": False})),
        )
    return (Fix("loop", "show"),)


WORDS = {
    "en": Words(
        title="The backward pass does not fit its wrapping",
        summary={
            "twice": (
                "A parameter's gradient was computed twice in one step, which DDP and ZeRO do not allow{where}. {line}"
            ),
            "unused": ("Some parameters took no part in the loss, and DDP waits for their gradients{where}. {line}"),
            "changed": (
                "The graph changed from one step to the next, which a static graph does not allow{where}. {line}"
            ),
            "recomputed": "Gradient checkpointing computed something else the second time{where}. {line}",
            "graph": ("The backward pass went through something that was changed or already freed{where}. {line}"),
        },
        why="The run ends in its first backward pass.",
        wrong_if="the model itself shares layers on purpose",
        causes={
            "reentrant": "Gradient checkpointing in its reentrant form under DDP, most often with LoRA.",
            "unused": (
                "Layers or adapters that the loss does not reach (a vision tower, experts without "
                "tokens, a value head)."
            ),
            "differs": "Dropout, a cache or a mixed precision that differs between the two passes.",
            "own": "The training loop calls backward twice, or changes a tensor in place.",
        },
        fixes={
            "reentrant": "Use gradient checkpointing without reentrance",
            "find": "Let DDP look for unused parameters",
            "cache": "Set model.config.use_cache = False and keep dropout equal in both passes",
            "loop": "Call backward once a step; clone a tensor before it is changed in place",
        },
        about="""Reads the console for the errors of DDP, ZeRO, autograd and gradient checkpointing about gradients that come twice, never, or
from another computation than the first.

Sources: huggingface/trl#921, modelscope/ms-swift#2746.""",
    ),
    "zh": Words(
        title="反向传播与包装方式不匹配",
        summary={
            "twice": "同一步里某个参数的梯度计算了两次，DDP 与 ZeRO 不允许{where}。{line}",
            "unused": "有些参数没有参与损失计算，而 DDP 在等它们的梯度{where}。{line}",
            "changed": "计算图在两步之间发生变化，而静态图不允许{where}。{line}",
            "recomputed": "梯度检查点重算时得到了不同的结果{where}。{line}",
            "graph": "反向传播经过了已被修改或已释放的内容{where}。{line}",
        },
        why="训练在第一次反向传播时就结束。",
        wrong_if="模型本身有意共享层",
        causes={
            "reentrant": "DDP 下使用可重入的梯度检查点，最常见于 LoRA。",
            "unused": "损失到不了的层或适配器（视觉塔、没有词元的专家、价值头）。",
            "differs": "两次前向之间的 dropout、缓存或混合精度不同。",
            "own": "训练循环调用了两次 backward，或原地修改了张量。",
        },
        fixes={
            "reentrant": "使用非重入的梯度检查点",
            "find": "让 DDP 查找未使用的参数",
            "cache": "设置 model.config.use_cache = False，并保证两次前向的 dropout 一致",
            "loop": "每步只调用一次 backward；原地修改前先 clone 张量",
        },
        about="""在控制台里查找 DDP、ZeRO、autograd 与梯度检查点关于梯度重复、缺失或与首次计算不一致的报错。

来源：huggingface/trl#921、modelscope/ms-swift#2746。""",
    ),
}
