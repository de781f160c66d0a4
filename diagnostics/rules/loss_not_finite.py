"""loss-not-finite: the loss became NaN or infinite, or the Trainer hides that it did."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, edits, lower_rate
from diagnostics.measure import ONLINE, argument, evidence, shown
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run, Series

NAME = "loss-not-finite"
METHODS = None
EXPLAINS = (
    "checkpoint-not-finite",
    "held-out-score-falls",
    "loss-diverged",
    "not-learning",
    "overfitting",
    "nothing-trainable",
    "loss-spike",
    "gradient-not-finite",
    "gradient-explosion",
    "memorised",
    "preference-saturated",
    "reward-collapse",
    "value-function-failing",
    "collective-timeout",
    "run-died",
)

# The HF Trainer's `logging_nan_inf_filter` (on by default) replaces a NaN step loss by 0 in the logged mean, so a dead
# run logs 0.0, or repeats its last value, beside a NaN grad_norm. Source: transformers 5.23, Trainer._inner_training_loop,
# and a run whose weights were poisoned on purpose.
HIDDEN_ROWS = Limit(2, "rows in a row", "ours: one may be a skipped step of mixed precision")
# DeepSpeed reports the norm of NaN gradients as a constant, the square root of the number of parameter groups.
FROZEN_ROWS = Limit(2, "rows in a row", "hiyouga/LLaMA-Factory#8261 (1.4142135), #9567 (1.7320508)")
CONFIDENCE = {"open": 0.98, "hidden": 0.95, "frozen": 0.85, "policy": 0.95, "evaluation": 0.9}
FEW = 0.85  # of the confidence where a single row is all there is
LAST_ROWS = Limit(
    3, "rows at the end", "ours: a policy loss that is NaN to the end is dead, a NaN between is a skipped step"
)


def check(run: Run) -> Finding | None:
    """Find the first step from which the loss is not finite, openly or behind the Trainer's filter."""
    loss, gradient = run.get("train/loss"), run.get("train/grad_norm")
    evaluation, policy = run.get("eval/loss"), run.signal("policy_loss")
    if loss is None and evaluation is None and gradient is None and policy is None:
        if said := by_console(run):
            return said
        raise CannotJudge("no-series", tag="train/loss")
    onsets = {
        "open": first_not_finite(loss),
        "hidden": first_hidden(loss, gradient, run.method in ONLINE),
        "frozen": first_frozen(loss, gradient),
        "policy": first_of_the_end(policy),
        "evaluation": first_not_finite(evaluation),
    }
    found = {kind: step for kind, step in onsets.items() if step is not None}
    if not found:
        return by_console(run)
    kind = min(found, key=lambda one: (found[one], list(onsets).index(one)))
    step = found[kind]

    curves = [series for series in (loss, gradient, run.signal("entropy"), policy) if series is not None]
    if evaluation is not None and onsets["evaluation"] is not None:
        curves.append(evaluation)
    before = gradient_before(gradient, step)
    causes = []
    if before is not None and before > 10:
        causes.append("learning-rate")
    if argument(run, "fp16"):
        causes.append("fp16")
    causes += [cause for cause in ("learning-rate", "data", "kernel") if cause not in causes]
    return Finding(
        rule=NAME,
        severity="error",
        confidence=CONFIDENCE[kind] if loss is None or len(loss) >= HIDDEN_ROWS else FEW * CONFIDENCE[kind],
        first_step=step,
        last_step=max(run.last_step, step),
        facts={"kind": kind, "step": step, "rose": before or 1.0, "norm": norm_at(gradient, step)},
        evidence=(*(evidence(series, step) for series in curves), *shown(run, step, "learning_rate")),
        causes=tuple(causes),
        fixes=fixes(run, step),
    )


def first_frozen(loss: Series | None, gradient: Series | None) -> int | None:
    """The first of the last rows whose loss is exactly 0 beside a gradient norm frozen at sqrt(2), sqrt(3) and so on."""
    if loss is None or gradient is None:
        return None
    last = float(gradient.values[-1])
    squared = last * last
    if not (
        np.isfinite(last) and 0.5 < squared < 64.5 and abs(squared - round(squared)) < 1e-5 and loss.values[-1] == 0
    ):
        return None
    same = gradient.values == last
    rows = len(same) - (int(np.flatnonzero(~same)[-1]) + 1 if not same.all() else 0)
    # A norm of 1 may be one row's by chance.
    if rows < min(FROZEN_ROWS, len(gradient)) or (rows < FROZEN_ROWS and squared < 1.5):
        return None
    return int(gradient.steps[len(gradient) - rows])


def by_console(run: Run) -> Finding | None:
    """What PyTorch, DeepSpeed or a person says of it, where no logged number shows it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    fp16 = bool(argument(run, "fp16"))
    causes = (*(["fp16"] if fp16 or cause.kind == "scale" else []), "learning-rate", "kernel")
    return finding_of(run, cause, causes=causes, fixes=fixes(run, max(run.last_step, 0)), severity="error")


def first_of_the_end(series: Series | None) -> int | None:
    """The first step of the stretch of non-finite values that reaches to the end; None if it is shorter than allowed."""
    if series is None:
        return None
    finite = np.flatnonzero(np.isfinite(series.values))
    start = int(finite[-1]) + 1 if len(finite) else 0
    return int(series.steps[start]) if len(series) - start >= LAST_ROWS else None


def norm_at(gradient: Series | None, step: int) -> float:
    """The gradient norm at a step, 0 if it was not logged."""
    if gradient is None:
        return 0.0
    return float(gradient.values[min(int(np.searchsorted(gradient.steps, step)), len(gradient) - 1)])


def first_not_finite(series: Series | None) -> int | None:
    """The first step whose value is NaN or infinite."""
    if series is None:
        return None
    bad = np.flatnonzero(~np.isfinite(series.values))
    return int(series.steps[bad[0]]) if len(bad) else None


def first_hidden(loss: Series | None, gradient: Series | None, online: bool = False) -> int | None:
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
    # The last row alone, with a loss of exactly 0: what is 0 in GRPO on any day is nothing but NaN elsewhere.
    last = values.get(stretch[-1]) if stretch else None
    return stretch[0] if last == 0.0 and not online else None


def gradient_before(gradient: Series | None, step: int) -> float | None:
    """How many times its median the gradient norm reached in the 10 rows before the step; None if it is not known."""
    if gradient is None:
        return None
    before = gradient.values[(gradient.steps < step) & np.isfinite(gradient.values)]
    if len(before) < 5 or not (median := float(np.median(before))):
        return None
    return float(before[-10:].max()) / median


def fixes(run: Run, step: int) -> tuple[Fix, ...]:
    """A lower learning rate with clipping; no fp16 where it was on; and a rerun that shows the NaN."""
    found = []
    if argument(run, "fp16"):
        found.append(Fix("bf16", "ask", edits(run, fp16=False, bf16=True)))
    found += lower_rate(run, step)
    if argument(run, "logging_nan_inf_filter") is not False:
        found.append(Fix("filter", "safe", edits(run, logging_nan_inf_filter=False)))
    return tuple(found)


WORDS = {
    "en": Words(
        title="The loss is not a number",
        summary={
            "open": "From step {step} on the logged loss is NaN or infinite.",
            "hidden": "From step {step} on grad_norm is NaN while the Trainer logs a loss of 0.0 or repeats its last.",
            "frozen": "From step {step} on the loss is logged as 0.0 and grad_norm stands still at {norm:.7g}: DeepSpeed's "
            "sign of NaN gradients.",
            "policy": "From step {step} to the end the policy loss is NaN or infinite.",
            "evaluation": "At step {step} the evaluation loss is NaN or infinite.",
            "sampling": "The model's probabilities are NaN or infinite, so no answer could be drawn{where}. {line}",
            "zero3": "ZeRO-3 found a gradient norm that is no number{where}. {line}",
            "scale": "fp16's loss scale fell to its minimum: every step overflows{where}. {line}",
            "anomaly": "The backward pass returned NaN{where}. {line}",
            "said": "The program itself says so{where}: {line}",
            "told": "The text beside the log tells of it: {line}",
        },
        why="Every step after the first NaN trains on nothing, and the checkpoints saved since hold NaN weights.",
        wrong_if="a single bad evaluation batch made eval/loss NaN while training went on well",
        causes={
            "learning-rate": "The learning rate is too high for this model and batch (the gradient norm rose first).",
            "fp16": "fp16 overflowed: its largest number is 65504.",
            "data": "A batch without any label to train on, or with damaged rows.",
            "kernel": "An attention kernel that returns NaN for padded rows (hiyouga/LLaMA-Factory#8088): try another "
            "attn_implementation.",
        },
        fixes={
            "bf16": "Use bf16 instead of fp16: same memory, the range of fp32",
            "filter": "Log NaN as NaN instead of 0.0, so that the next one is seen at once",
            **RATE_WORDS["en"],
        },
        about="""Checks for a training or evaluation loss that became NaN or infinite.

The HF Trainer hides it by default: `logging_nan_inf_filter=True` replaces a NaN step loss by zero in the logged mean.
A dead run then logs `loss: 0.0` (or repeats its last value) while `grad_norm` and `entropy` are NaN. This rule reads
those beside the loss, so it sees both faces.

Why it matters: once a weight is NaN, every later step is lost, and every checkpoint saved since is useless.

Threshold: any non-finite loss, once; behind the filter, 2 logged rows in a row with a NaN gradient norm and a frozen
loss. DeepSpeed hides NaN gradients too: the loss is 0.0 and the norm stands still at the square root of a whole number.
PPO logs no loss; its policy loss is read instead, if it is NaN to the end. A single NaN gradient norm that recovers is a skipped step of mixed precision, not this fault.

Not this fault: `loss: 0.0` of GRPO (its normal value), an infinite gradient norm at scattered steps of fp16 (the loss
scaler at work).""",
    ),
    "zh": Words(
        title="损失不是有限数",
        summary={
            "open": "从第 {step} 步起，记录的损失是 NaN 或无穷大。",
            "hidden": "从第 {step} 步起 grad_norm 是 NaN，而 Trainer 记录的损失是 0.0 或一直重复旧值。",
            "frozen": "从第 {step} 步起损失记录为 0.0，grad_norm 停在 {norm:.7g}：这是 DeepSpeed 梯度为 NaN 的标志。",
            "policy": "从第 {step} 步到结束，策略损失是 NaN 或无穷大。",
            "evaluation": "第 {step} 步的评估损失是 NaN 或无穷大。",
            "sampling": "模型的概率是 NaN 或无穷大，无法采样回答{where}。{line}",
            "zero3": "ZeRO-3 发现梯度范数不是有限数{where}。{line}",
            "scale": "fp16 的损失缩放降到最小：每一步都溢出{where}。{line}",
            "anomaly": "反向传播返回了 NaN{where}。{line}",
            "said": "程序自己说明{where}：{line}",
            "told": "日志旁的文字提到：{line}",
        },
        why="第一个 NaN 之后的每一步都是白训，此后保存的检查点权重里全是 NaN。",
        wrong_if="只是某个评估批次让 eval/loss 变成 NaN，而训练本身正常",
        causes={
            "learning-rate": "学习率对这个模型和批量来说太高（梯度范数先升高）。",
            "fp16": "fp16 溢出：它能表示的最大数是 65504。",
            "data": "某个批次没有任何可训练的标签，或数据行已损坏。",
            "kernel": "注意力算子对填充行返回 NaN（hiyouga/LLaMA-Factory#8088）：换一种 attn_implementation。",
        },
        fixes={
            "bf16": "用 bf16 代替 fp16：显存相同，数值范围与 fp32 一样",
            "filter": "把 NaN 如实记录为 NaN 而不是 0.0，下次可以立刻看到",
            **RATE_WORDS["zh"],
        },
        about="""检查训练或评估损失是否变成 NaN 或无穷大。

HF Trainer 默认会掩盖它：`logging_nan_inf_filter=True` 在记录的均值里把 NaN 损失当作 0。于是一个已经失败的训练会显示
`loss: 0.0`（或一直重复最后的值），而 `grad_norm` 和 `entropy` 是 NaN。本规则把它们放在一起看，两种情形都能发现。

为什么重要：一旦权重变成 NaN，之后每一步都白训，此后保存的检查点也都不能用。

阈值：损失出现一次非有限数即报告；被过滤器掩盖时，要求连续 2 行梯度范数为 NaN 且损失冻结。DeepSpeed 也会
掩盖 NaN 梯度：损失为 0.0，范数停在某个整数的平方根。PPO 不记录损失，改看一直到结束都是 NaN 的策略损失。只出现一次又恢复的 NaN
梯度是混合精度跳过的一步，不算本故障。

不是本故障：GRPO 的 `loss: 0.0`（正常值）；fp16 下零星出现的无穷大梯度范数（损失缩放器在工作）。""",
    ),
}
