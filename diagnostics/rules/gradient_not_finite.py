"""gradient-not-finite: gradients were NaN or infinite more often than a loss scaler explains, while the loss lived on."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, edits, lower_rate
from diagnostics.measure import argument, evidence, shown
from diagnostics.run import Run, Series

NAME = "gradient-not-finite"
METHODS = None
EXPLAINS = ()

SHARE = Limit(0.01, "share of the logged rows", "finetune-doctor 0.2.2: below it, fp16's loss scaler at its usual work")
COUNT = Limit(3, "rows", "ours: one or two are a skipped step, not a habit")
SETTLING = Limit(10, "rows", "ours: fp16 begins at a loss scale of 65,536 and halves it within its first steps")


def check(run: Run) -> Finding | None:
    """Count the rows whose gradient norm (PPO: policy loss) is not finite after the loss scale has settled."""
    series = run.get("train/grad_norm")
    if series is None and run.method == "ppo":
        series = run.signal("policy_loss")
    if series is None:
        raise CannotJudge("no-series", tag="train/grad_norm")
    bad = ~np.isfinite(series.values)
    later = bad.copy()
    later[: int(SETTLING)] = False
    count = int(later.sum())
    if count < COUNT or count < SHARE * len(series):
        return None
    first = int(np.flatnonzero(later)[0])
    step, last = int(series.steps[first]), int(series.steps[np.flatnonzero(later)[-1]])
    nan = bool(np.isnan(series.values[later]).any())
    half = argument(run, "fp16") is True
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.85 if nan else 0.7,
        first_step=step,
        last_step=last,
        facts={
            "kind": "policy" if series.tag.endswith(("policy_avg", "policy")) else "gradient",
            "count": count,
            "rows": len(series),
            "share": 100 * count / len(series),
            "step": step,
        },
        evidence=(evidence(series, step), *shown(run, step, "loss", "learning_rate")),
        causes=("fp16", "data", "learning-rate") if half or not nan else ("data", "fp16", "learning-rate"),
        fixes=fixes(run, series, step),
    )


def fixes(run: Run, series: Series, step: int) -> tuple[Fix, ...]:
    """bf16 where fp16 is on; else a look at the batches, and a lower rate."""
    if argument(run, "fp16") is True:
        return (Fix("bf16", "ask", edits(run, fp16=False, bf16=True)),)
    return (Fix("look", "show", facts={"step": step}), *lower_rate(run))


WORDS = {
    "en": Words(
        title="Gradients are not finite",
        summary={
            "gradient": "The gradient norm is NaN or infinite in {count} of {rows} logged rows ({share:.0f} %), first at "
            "step {step}.",
            "policy": "The policy loss is NaN or infinite in {count} of {rows} logged rows ({share:.0f} %), first at step "
            "{step}.",
        },
        why="Each such step is skipped or spoils the weights: the run trains on fewer batches than it seems to, or on "
        "none.",
        wrong_if="fp16 is on and the infinite norms stand alone: then the loss scaler skips them, as it should",
        causes={
            "fp16": "fp16 overflows: 65504 is its largest number.",
            "data": "Batches without a token to train on, or a division by an empty mask.",
            "learning-rate": "Weights grown so large that activations overflow.",
        },
        fixes={
            "bf16": "Use bf16 instead of fp16: the same memory, the range of fp32",
            "look": "Look at the batches whose gradient is not finite, the first at step {step}",
            **RATE_WORDS["en"],
        },
        about="""Counts the rows whose gradient norm is NaN or infinite while the loss goes on.

More than 1 % of the logged rows, and at least 3, after the first 10 rows, in which fp16 finds its loss scale. PPO logs
no gradient norm; its policy loss is read instead.

Not this fault: a loss that is dead from there on (loss-not-finite); scattered infinite norms of fp16 below 1 %.""",
    ),
    "zh": Words(
        title="梯度不是有限数",
        summary={
            "gradient": "{rows} 行记录中有 {count} 行（{share:.0f}%）的梯度范数是 NaN 或无穷大，最早在第 {step} 步。",
            "policy": "{rows} 行记录中有 {count} 行（{share:.0f}%）的策略损失是 NaN 或无穷大，最早在第 {step} 步。",
        },
        why="这样的一步要么被跳过，要么损坏权重：实际参与训练的批次比看上去少。",
        wrong_if="使用 fp16 且无穷大只是零星出现：那是损失缩放器在正常跳过",
        causes={
            "fp16": "fp16 溢出：它能表示的最大数是 65504。",
            "data": "某些批次没有可训练的词元，或除以了空掩码。",
            "learning-rate": "权重过大，激活值溢出。",
        },
        fixes={
            "bf16": "用 bf16 代替 fp16：显存相同，数值范围与 fp32 一样",
            "look": "检查梯度不是有限数的批次，最早在第 {step} 步",
            **RATE_WORDS["zh"],
        },
        about="""统计损失仍在正常记录、而梯度范数为 NaN 或无穷大的行。

阈值：跳过 fp16 调整损失缩放的前 10 行之后，超过记录行数的 1%，且至少 3 行。PPO 不记录梯度范数，改看其策略损失。

不是本故障：损失从此失效（见 loss-not-finite）；低于 1% 的零星 fp16 无穷大。""",
    ),
}
