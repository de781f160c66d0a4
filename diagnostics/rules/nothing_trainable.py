"""nothing-trainable: no parameter receives a gradient from the first step on, or the saved weights never changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from diagnostics.checkpoints import label, settled
from diagnostics.finding import CannotJudge, Evidence, Finding, Fix, Limit, TableEvidence, TextEvidence, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, shown
from diagnostics.postmortem.causes import cause_for, verdict_of
from diagnostics.run import Run, Series
from diagnostics.run.checkpoint import Checkpoint, base_folder, checkpoint_at
from diagnostics.run.tensors import same_values, zero

NAME = "nothing-trainable"
METHODS = None
EXPLAINS = (
    "not-learning",
    "run-died",
    "preference-flat",
    "reward-model-at-chance",
    "reward-collapse",
    "collective-timeout",
)

ROWS = Limit(3, "logged rows", "ours: a single 0 may be a skipped step")
BUDGET = Limit(1 << 30, "bytes compared", "ours: weights that were trained differ in the first tensors")
# A rate below this share of the peak may leave bfloat16 weights as they were in the last steps of a schedule.
LIVE_RATE = Limit(0.1, "of the peak learning rate", "ours")
SHARED = Limit(0.9, "of the tensors", "ours: names that two models hardly share are no comparison")


def check(run: Run) -> Finding | None:
    """Judge by the console and the gradient; where they accuse nobody, by the saved weights."""
    try:
        found = by_gradient(run)
    except CannotJudge as reason:
        # A gradient of 0 with another cause leaves the weights as they were: that is the other cause's to tell.
        found = by_weights(run) if reason.reason != "zero-gradient-has-other-cause" else None
        if found is None:
            raise
        return found
    return found or by_weights(run)


def by_gradient(run: Run) -> Finding | None:
    """Look for PyTorch's own message, else for a gradient that is exactly 0 in every row and has no other cause."""
    gradient = run.get("train/grad_norm")
    said = by_console(run, gradient)
    if said is not None:
        return said
    if gradient is None:
        raise CannotJudge("no-series", tag="train/grad_norm")
    if len(gradient) < ROWS:
        raise CannotJudge("too-few-points", points=len(gradient), need=int(ROWS))
    if np.any(gradient.values != 0):
        return None
    other = other_cause(run)
    if other:
        raise CannotJudge("zero-gradient-has-other-cause", cause=other)
    step = int(gradient.steps[0])
    curves = (evidence(gradient, step), *shown(run, step, "loss"))
    return finding(run, "zero", step, int(gradient.steps[-1]), 0.85, curves)


def by_console(run: Run, gradient: Series | None) -> Finding | None:
    """PyTorch's error; or its warning, where no gradient above 0 says otherwise and nothing else ended the run."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    verdict = verdict_of(run)
    warned = cause.role == "warning"
    if warned and (verdict.first not in (None, cause) or verdict.unknown is not None):
        return None
    if warned and gradient is not None and np.any(gradient.values > 0):
        return None
    lines = TextEvidence(verdict.console.name, verdict.lines(cause.place))
    confidence = 0.7 if warned and gradient is None else cause.confidence
    return finding(run, cause.kind, 0, run.last_step, confidence, (lines,))


def by_weights(run: Run) -> Finding | None:
    """Compare the newest checkpoint with the base model and with the checkpoint before it; of LoRA look whether all B are 0."""
    try:
        whole = [one for one in settled(run) if one.whole]
    except CannotJudge:
        return None
    rate = run.signal("learning_rate")
    if not whole or rate is None or other_cause(run) is not None:
        return None
    one = whole[0]
    trained = rate.steps[(rate.steps <= one.step) & (rate.values > 0)]
    if len(trained) < ROWS:
        return None
    if one.adapter is not None and untouched(one):
        return of_weights(run, "adapter-zero", one, None, int(trained[0]))
    base = base_folder(argument(run, "model_name_or_path"), run.path)
    if one.adapter is None and base is not None and same_weights(one, checkpoint_at(base, 0)):
        return of_weights(run, "same-as-base", one, base.name, int(trained[0]))
    before = next((other for other in whole[1:] if other.step < one.step), None)
    if before is None:
        return None
    live = (rate.steps > before.step) & (rate.steps <= one.step) & (rate.values > LIVE_RATE * rate.values.max())
    if live.sum() < ROWS or not same_weights(one, before):
        return None
    return of_weights(run, "same-as-before", one, label(run, before), before.step)


def untouched(one: Checkpoint) -> bool:
    """Whether an adapter is as it began: every matrix B of LoRA is 0, and nothing else is in its file."""
    tensors = one.tensors()
    matrices = {name: held for name, held in tensors.items() if ".lora_B" in name or ".lora_embedding_B" in name}
    if not matrices or any(".lora_" not in name for name in tensors):
        return False
    return all(zero(file, tensor) for file, tensor in matrices.values())


def same_weights(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether two checkpoints hold the same numbers, for as far as the budget of bytes reaches; ends at the first other one."""
    mine, theirs = one.tensors(), other.tensors()
    shared = sorted(mine.keys() & theirs.keys())
    if not shared or len(shared) < SHARED * max(len(mine), len(theirs)):
        return False
    left = int(BUDGET)
    for name in shared:
        if not same_values(*mine[name], *theirs[name]):
            return False
        left -= mine[name][1].size
        if left <= 0:
            break
    return True


def of_weights(run: Run, kind: str, one: Checkpoint, other: str | None, first: int) -> Finding:
    """The finding by weights, with the logged learning rate beside it."""
    cells = (label(run, one), str(len(one.tensors())), other or "lora_B = 0", "0")
    table = TableEvidence(label(run, one), ("checkpoint", "tensors", "against", "different"), (cells,))
    made = finding(run, kind, first, one.step, 0.95, (table, *shown(run, one.step, "learning_rate", "grad_norm")))
    half = kind != "adapter-zero" and any(tensor.dtype in ("BF16", "F16") for _, tensor in one.tensors().values())
    return replace(
        made,
        facts={**made.facts, "checkpoint": label(run, one), "other": other or "-"},
        causes=(*(["rounding"] if half else []), *made.causes),
    )


def other_cause(run: Run) -> str | None:
    """Another fault that makes the gradient exactly 0, each with marks of its own; its rule name, or None."""

    def always(tag: str, value: float) -> bool:
        series = run.get(tag)
        return series is not None and bool(np.all(series.values == value))

    if always("train/learning_rate", 0.0):
        return "schedule-fault"
    if always("train/frac_reward_zero_std", 1.0) or always("train/reward_std", 0.0):
        return "reward-groups-constant"
    if run.method in ("grpo", "rloo") and run.get("train/reward") is None:
        return "reward-missing"
    if always("train/loss", 0.0) and (always("train/entropy", 0.0) or always("train/mean_token_accuracy", 0.0)):
        return "labels-all-masked"
    chosen, rejected = run.get("train/logps/chosen"), run.get("train/logps/rejected")
    if chosen is not None and rejected is not None and np.array_equal(chosen.values, rejected.values):
        return "preference-pairs-identical"
    if run.method == "reward" and always("train/margin", 0.0):
        return "preference-pairs-identical"
    return None


def finding(run: Run, kind: str, first: int, last: int, confidence: float, shown: tuple[Evidence, ...]) -> Finding:
    """The finding, with the causes that fit the run's config."""
    lora = bool(argument(run, "use_peft"))
    checkpointing = bool(argument(run, "gradient_checkpointing"))
    causes = [
        *(["checkpointing"] if lora and checkpointing else []),
        *(["adapter"] if lora else []),
        "frozen",
        *([] if lora else ["adapter"]),
    ]
    fixes = []
    if lora and checkpointing:
        fixes.append(Fix("reentrant", "safe", edits(run, gradient_checkpointing_kwargs={"use_reentrant": False})))
    fixes.append(Fix("unfreeze", "show"))
    return Finding(
        NAME, "error", confidence, first, last, {"kind": kind, "rows": last}, shown, tuple(causes), tuple(fixes)
    )


WORDS = {
    "en": Words(
        title="Nothing is trained",
        summary={
            "message": "PyTorch stopped the run: the loss depends on no parameter that requires a gradient.",
            "cut": "PyTorch warned that no input of a checkpointed layer requires a gradient: its gradients are None.",
            "zero": "The gradient norm is exactly 0 in every logged row: no parameter receives a gradient.",
            "same-as-base": "{checkpoint} holds the very weights of the base model {other}, after training at a learning "
            "rate above 0.",
            "same-as-before": "{checkpoint} holds the very weights of {other}, after further training at a learning rate "
            "above 0.",
            "adapter-zero": "{checkpoint}: every matrix B of the adapter is still 0, as LoRA begins: it changes nothing.",
        },
        why="The weights never change, whatever the loss shows: the checkpoint is the model it began from.",
        wrong_if="the rewards or labels carry no signal in a way that this run's curves do not show",
        causes={
            "checkpointing": "Gradient checkpointing in its reentrant form cuts the gradient of a frozen base off its "
            "adapter.",
            "adapter": "An adapter that is loaded for inference, so that its weights are frozen "
            "(PeftModel.from_pretrained without is_trainable=True).",
            "frozen": "All parameters have requires_grad=False.",
            "rounding": "The weights are kept in 16 bits, and each update is smaller than their rounding: load them in "
            "float32 (dtype), or train at a higher rate.",
        },
        fixes={
            "reentrant": "Use gradient checkpointing without reentrance",
            "unfreeze": "Give the trainer peft_config= and the plain base model, or load the adapter with "
            "is_trainable=True; print the count of parameters that require a gradient before training",
        },
        about="""Checks for a run in which no parameter receives a gradient.

Either PyTorch said so ("element 0 of tensors does not require grad and does not have a grad_fn" in console.log), or the
gradient norm is exactly 0 in every logged row, at least 3 of them.

A gradient of exactly 0 has other causes with marks of their own, and then this rule is silent and names them: a learning
rate of 0, GRPO groups whose rewards are all the same, preference pairs that are identical, labels that are all masked.

Where neither accuses anybody, the saved weights are compared, tensor by tensor and without loading a model, with those of
the base model (if model_name_or_path is a folder here) and of the checkpoint before; of an adapter all matrices B must not
be 0. Up to 1 GB is compared, and the first number that differs ends it.

Seen most with LoRA: gradient checkpointing in reentrant form, a PeftModel loaded frozen, target modules that do not
exist in the base (huggingface/trl#1311, huggingface/peft#2125).""",
    ),
    "zh": Words(
        title="没有任何参数被训练",
        summary={
            "message": "PyTorch 中止了训练：损失不依赖任何需要梯度的参数。",
            "cut": "PyTorch 警告：梯度检查点层的输入都不需要梯度，其梯度为 None。",
            "zero": "每一行记录的梯度范数都恰好是 0：没有参数收到梯度。",
            "same-as-base": "{checkpoint} 的权重与底座模型 {other} 完全相同，而训练的学习率大于 0。",
            "same-as-before": "{checkpoint} 的权重与 {other} 完全相同，而其间训练的学习率大于 0。",
            "adapter-zero": "{checkpoint}：适配器的所有 B 矩阵仍是 LoRA 初始的 0，它什么也没有改变。",
        },
        why="不管损失显示什么，权重从未改变：检查点就是起始模型。",
        wrong_if="奖励或标签里没有信号，而这次训练的曲线看不出来",
        causes={
            "checkpointing": "可重入的梯度检查点把冻结底座的梯度与适配器切断了。",
            "adapter": "适配器是为推理载入的，权重被冻结（PeftModel.from_pretrained 没有 is_trainable=True）。",
            "frozen": "所有参数的 requires_grad 都是 False。",
            "rounding": "权重以 16 位保存，而每次更新都小于其舍入误差：用 float32 载入（dtype），或提高学习率。",
        },
        fixes={
            "reentrant": "使用非重入的梯度检查点",
            "unfreeze": "把 peft_config= 和原始底座模型交给 trainer，或载入适配器时设 is_trainable=True；训练前打印需要梯度的"
            "参数个数",
        },
        about="""检查是否没有任何参数收到梯度。

要么 PyTorch 自己说了（console.log 里有 "element 0 of tensors does not require grad and does not have a grad_fn"），要么每
一行记录的梯度范数都恰好是 0（至少 3 行）。

梯度恰好为 0 还有别的原因，各有特征，那时本规则不报，而是指出它们：学习率为 0、GRPO 各组奖励全相同、偏好对完全相同、
标签全被掩码。

两者都不成立时，再逐个张量比较保存的权重（不载入模型）：与底座模型比（model_name_or_path 是本机文件夹时），与上一个
检查点比；适配器的 B 矩阵不得全为 0。最多比较 1 GB，遇到第一个不同的数就停止。

最常见于 LoRA：可重入的梯度检查点、以冻结方式载入的 PeftModel、目标模块在底座里不存在（huggingface/trl#1311、
huggingface/peft#2125）。""",
    ),
}
