"""loss-not-finite: the loss became NaN or infinite, or the Trainer hides that it did."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, Words
from diagnostics.measure import argument, evidence, peak_learning_rate
from diagnostics.run import Run, Series

NAME = "loss-not-finite"
EXPLAINS = ("loss-diverged", "not-learning", "overfitting", "nothing-trainable", "loss-spike", "gradient-not-finite")

# The HF Trainer's `logging_nan_inf_filter` (on by default) replaces a NaN step loss by 0 in the logged mean, so a dead
# run logs 0.0, or repeats its last value, beside a NaN grad_norm. Source: transformers 5.23, Trainer._inner_training_loop,
# and a run whose weights were poisoned on purpose. One such row may be a skipped step of mixed precision: two are not.
HIDDEN_ROWS = 2
# A new learning rate a tenth of the old: the usual first step in the issues read; no measurement says it is the best.
CUT = 10


def check(run: Run) -> Finding | None:
    """Find the first step from which the loss is not finite, openly or behind the Trainer's filter."""
    loss, gradient, entropy = (run.get(f"train/{name}") for name in ("loss", "grad_norm", "entropy"))
    evaluation = run.get("eval/loss")
    if loss is None and evaluation is None and gradient is None:
        raise CannotJudge("no-series", tag="train/loss")

    openly = first_not_finite(loss)
    hidden = first_hidden(loss, gradient)
    judged = first_not_finite(evaluation)
    onsets = {"open": openly, "hidden": hidden, "evaluation": judged}
    found = {kind: step for kind, step in onsets.items() if step is not None}
    if not found:
        return None
    kind = min(found, key=lambda one: (found[one], ("open", "hidden", "evaluation").index(one)))
    step = found[kind]

    shown = [series for series in (loss, gradient, entropy) if series is not None]
    if judged is not None and evaluation is not None:
        shown.append(evaluation)
    before = gradient_before(gradient, step)
    causes = []
    if before is not None and before > 10:
        causes.append("learning-rate")
    if argument(run, "fp16"):
        causes.append("fp16")
    causes += [cause for cause in ("learning-rate", "data") if cause not in causes]
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.98 if kind == "open" else 0.95,
        first_step=step,
        last_step=max(run.last_step, step),
        facts={"kind": kind, "step": step, "rose": before or 1.0},
        evidence=tuple(evidence(series, step) for series in shown),
        causes=tuple(causes),
        fixes=fixes(run),
    )


def first_not_finite(series: Series | None) -> int | None:
    """The first step whose value is NaN or infinite."""
    if series is None:
        return None
    bad = np.flatnonzero(~np.isfinite(series.values))
    return int(series.steps[bad[0]]) if len(bad) else None


def first_hidden(loss: Series | None, gradient: Series | None) -> int | None:
    """The first of `HIDDEN_ROWS` rows in a row with a NaN grad_norm beside a loss of exactly 0 or the one before it.

    The loss of the first NaN step is still averaged with healthy ones in its logging window, so the onset is the
    first NaN grad_norm of the stretch.
    """
    if loss is None or gradient is None:
        return None
    values = dict(zip(loss.steps.tolist(), loss.values.tolist(), strict=True))
    stretch: list[int] = []
    frozen = 0
    previous: float | None = None
    for step, norm in zip(gradient.steps.tolist(), gradient.values.tolist(), strict=True):
        value = values.get(step)
        if not np.isnan(norm):
            stretch, frozen = [], 0
        else:
            stretch.append(step)
            frozen += value is not None and (value == 0.0 or value == previous)
            if frozen >= HIDDEN_ROWS:
                return stretch[0]
        if value is not None:
            previous = value
    return None


def gradient_before(gradient: Series | None, step: int) -> float | None:
    """How many times its median the gradient norm reached in the 10 rows before the step; None if it is not known."""
    if gradient is None:
        return None
    before = gradient.values[(gradient.steps < step) & np.isfinite(gradient.values)]
    if len(before) < 5 or not (median := float(np.median(before))):
        return None
    return float(before[-10:].max()) / median


def fixes(run: Run) -> tuple[Fix, ...]:
    """A lower learning rate with clipping; no fp16 where it was on; and a rerun that shows the NaN."""
    found = []
    rate = peak_learning_rate(run)
    edits = []
    if rate:
        edits.append(Edit("learning_rate", argument(run, "learning_rate") or rate, float(f"{rate / CUT:.3g}")))
    if argument(run, "max_grad_norm") == 0:
        edits.append(Edit("max_grad_norm", 0, 1.0))
    if edits:
        found.append(Fix("learning-rate", "ask", tuple(edits), {"factor": CUT}))
    if argument(run, "fp16"):
        found.append(Fix("bf16", "ask", (Edit("fp16", True, False), Edit("bf16", argument(run, "bf16"), True))))
    if argument(run, "logging_nan_inf_filter") is not False:
        found.append(
            Fix("filter", "safe", (Edit("logging_nan_inf_filter", argument(run, "logging_nan_inf_filter"), False),))
        )
    return tuple(found)


WORDS = {
    "en": Words(
        title="The loss is not a number",
        summary={
            "open": "From step {step} on the logged loss is NaN or infinite.",
            "hidden": "From step {step} on grad_norm is NaN while the Trainer logs a loss of 0.0 or repeats its last.",
            "evaluation": "At step {step} the evaluation loss is NaN or infinite.",
        },
        why="Every step after the first NaN trains on nothing, and the checkpoints saved since hold NaN weights.",
        wrong_if="a single bad evaluation batch made eval/loss NaN while training went on well",
        causes={
            "learning-rate": "The learning rate is too high for this model and batch (the gradient norm rose first).",
            "fp16": "fp16 overflowed: its largest number is 65504.",
            "data": "A batch without any label to train on, or with damaged rows.",
        },
        fixes={
            "learning-rate": "Train again with a learning rate {factor} times lower and gradients clipped at 1.0",
            "bf16": "Use bf16 instead of fp16: same memory, the range of fp32",
            "filter": "Log NaN as NaN instead of 0.0, so that the next one is seen at once",
        },
        about="""Checks for a training or evaluation loss that became NaN or infinite.

The HF Trainer hides it by default: `logging_nan_inf_filter=True` replaces a NaN step loss by zero in the logged mean.
A dead run then logs `loss: 0.0` (or repeats its last value) while `grad_norm` and `entropy` are NaN. This rule reads
those beside the loss, so it sees both faces.

Why it matters: once a weight is NaN, every later step is lost, and every checkpoint saved since is useless.

Threshold: any non-finite loss, once; behind the filter, 2 logged rows in a row with a NaN gradient norm and a frozen
loss. A single NaN gradient norm that recovers is a skipped step of mixed precision, not this fault.

Not this fault: `loss: 0.0` of GRPO (its normal value), an infinite gradient norm at scattered steps of fp16 (the loss
scaler at work).""",
    ),
    "zh": Words(
        title="损失不是有限数",
        summary={
            "open": "从第 {step} 步起，记录的损失是 NaN 或无穷大。",
            "hidden": "从第 {step} 步起 grad_norm 是 NaN，而 Trainer 记录的损失是 0.0 或一直重复旧值。",
            "evaluation": "第 {step} 步的评估损失是 NaN 或无穷大。",
        },
        why="第一个 NaN 之后的每一步都是白训，此后保存的检查点权重里全是 NaN。",
        wrong_if="只是某个评估批次让 eval/loss 变成 NaN，而训练本身正常",
        causes={
            "learning-rate": "学习率对这个模型和批量来说太高（梯度范数先升高）。",
            "fp16": "fp16 溢出：它能表示的最大数是 65504。",
            "data": "某个批次没有任何可训练的标签，或数据行已损坏。",
        },
        fixes={
            "learning-rate": "学习率降到 1/{factor}，梯度裁剪到 1.0，重新训练",
            "bf16": "用 bf16 代替 fp16：显存相同，数值范围与 fp32 一样",
            "filter": "把 NaN 如实记录为 NaN 而不是 0.0，下次可以立刻看到",
        },
        about="""检查训练或评估损失是否变成 NaN 或无穷大。

HF Trainer 默认会掩盖它：`logging_nan_inf_filter=True` 在记录的均值里把 NaN 损失当作 0。于是一个已经失败的训练会显示
`loss: 0.0`（或一直重复最后的值），而 `grad_norm` 和 `entropy` 是 NaN。本规则把它们放在一起看，两种情形都能发现。

为什么重要：一旦权重变成 NaN，之后每一步都白训，此后保存的检查点也都不能用。

阈值：损失出现一次非有限数即报告；被过滤器掩盖时，要求连续 2 行梯度范数为 NaN 且损失冻结。只出现一次又恢复的 NaN
梯度是混合精度跳过的一步，不算本故障。

不是本故障：GRPO 的 `loss: 0.0`（正常值）；fp16 下零星出现的无穷大梯度范数（损失缩放器在工作）。""",
    ),
}
