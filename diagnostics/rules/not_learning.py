"""not-learning: the training loss ended where it began."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, Words
from diagnostics.measure import argument, evidence, noise, peak_learning_rate, training_loss
from diagnostics.run import Run

NAME = "not-learning"
EXPLAINS = ()

POINTS = 20
# Less than 3 % from the first to the last tenth is no learning: finetune-doctor 0.2.2 draws the line there after 89
# public runs.
FALL = 0.03
# The difference of two medians of n noisy rows has a standard error of about 1.25 * sigma * sqrt(2 / n); twice that is
# what chance alone would show.
ERRORS = 2.0
# The usual learning rate of each method (TRL 1.16's defaults). A peak below a tenth of it is named as the first cause.
USUAL_RATE = {"sft": 2e-5, "reward": 1e-4, "dpo": 1e-6, "kto": 1e-6, "orpo": 1e-6}
RAISE = 10
# A loss this low has little left to fall by: TRL's SFT of a well-matched model sits here from the start.
LOW = 0.05


def check(run: Run) -> Finding | None:
    """Compare the first tenth of the loss with the last."""
    loss = training_loss(run, POINTS)
    tenth = max(5, len(loss) // 10)
    first, last = loss.values[:tenth], loss.values[-tenth:]
    start, end = float(np.median(first)), float(np.median(last))
    fall = (start - end) / abs(start) if start else 0.0
    by_chance = ERRORS * 1.25 * noise(loss.values) * (2 / tenth) ** 0.5
    if start == 0 or start - end > max(FALL * abs(start), by_chance):
        return None
    if abs(start) < LOW:
        raise CannotJudge("loss-already-low", loss=start)
    if by_chance > 0.10 * abs(start):
        # A fall of a tenth, which nobody would call no learning, would drown in this noise.
        raise CannotJudge("too-noisy", noise=noise(loss.values), points=len(loss))
    rate = peak_learning_rate(run)
    usual = USUAL_RATE.get(run.method or "")
    low = rate is not None and usual is not None and rate < usual / RAISE
    shown = [evidence(loss, int(loss.steps[0]), int(loss.steps[-1]))]
    for tag in ("train/learning_rate", "train/grad_norm"):
        series = run.get(tag)
        if series is not None:
            shown.append(evidence(series, int(series.steps[0])))
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.85 if low else 0.7,
        first_step=int(loss.steps[0]),
        last_step=int(loss.steps[-1]),
        facts={
            "start": start,
            "end": end,
            "fall": 100 * fall,
            "points": len(loss),
            "rate": rate or 0.0,
            "usual": usual or 0.0,
        },
        evidence=tuple(shown),
        causes=("learning-rate", "data", "learned") if low else ("learned", "learning-rate-high", "data"),
        fixes=fixes(run, rate, low),
    )


def fixes(run: Run, rate: float | None, low: bool) -> tuple[Fix, ...]:
    """A higher learning rate, where the run's is low for its method; else a look at the data by hand."""
    if not rate or not low:
        return (Fix("look", "show"),)
    edit = Edit("learning_rate", argument(run, "learning_rate") or rate, float(f"{rate * RAISE:.3g}"))
    return (Fix("learning-rate", "ask", (edit,), {"factor": RAISE}),)


WORDS = {
    "en": Words(
        title="The model is not learning",
        summary="The loss went from {start:.4g} to {end:.4g} over {points} logged rows: a change of {fall:.1f} %.",
        why="The compute is spent, and the checkpoint answers like the model it began from.",
        wrong_if="the model had already learned this data before the run began",
        causes={
            "learning-rate": "The learning rate, {rate:.3g} at its peak, is more than ten times below the usual "
            "{usual:.3g}.",
            "learning-rate-high": "A learning rate so high that every step undoes the last ({rate:.3g} at its peak).",
            "data": "Labels that carry nothing to learn: masked, constant, or random.",
            "learned": "The data were learned before: there is nothing left to gain from them.",
        },
        fixes={
            "learning-rate": "Train again with a learning rate {factor} times higher",
            "look": "Read ten rows as the trainer sees them, decoded and with their masked labels, and let the starting "
            "model answer them: either nothing is trained on, or nothing is new",
        },
        about="""Checks for a training loss that ends where it began.

The median of the first tenth of the rows is compared with that of the last tenth (at least 5 rows each, 20 in all). It
is no learning if the loss fell by less than 3 %, or by no more than chance would show given the run's own noise. If the
noise would hide even a fall of 10 %, the rule says that it cannot judge. A loss already below 0.05 is not judged.

The loss of GRPO, RLOO and PPO tells nothing about learning, so they are not judged by it.

Where the gradient is exactly zero, nothing-trainable says why; where the loss rose, loss-diverged.""",
    ),
    "zh": Words(
        title="模型没有在学习",
        summary="损失在 {points} 行记录中从 {start:.4g} 变到 {end:.4g}：变化 {fall:.1f}%。",
        why="算力白费了，检查点的回答与起始模型一样。",
        wrong_if="训练开始前模型已经学会了这些数据",
        causes={
            "learning-rate": "学习率峰值 {rate:.3g} 不到常用值 {usual:.3g} 的十分之一。",
            "learning-rate-high": "学习率太高，每一步都抵消上一步（峰值 {rate:.3g}）。",
            "data": "标签里没有可学的东西：被掩码、恒定不变，或是随机的。",
            "learned": "这些数据以前已经学过，没有更多可学。",
        },
        fixes={
            "learning-rate": "学习率提高 {factor} 倍，重新训练",
            "look": "按训练器看到的样子读十行数据（解码后，连同被掩码的标签），并让起始模型回答它们：要么没有可训练的标签，"
            "要么没有新东西",
        },
        about="""检查训练损失是否结束时与开始时一样。

比较最初十分之一与最后十分之一的中位数（各至少 5 行，共至少 20 行）。如果降幅不到 3%，或者不超过该训练自身噪声下偶然
会出现的差别，就判为没有学习。如果噪声大到连 10% 的下降都看不出来，本规则会说明无法判断。损失已低于 0.05 时不判断。

GRPO、RLOO、PPO 的损失不反映学习情况，因此不据此判断。

梯度恰好为零时由 nothing-trainable 说明原因；损失升高时由 loss-diverged 说明。""",
    ),
}
