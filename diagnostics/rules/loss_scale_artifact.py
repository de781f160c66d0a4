"""loss-scale-artifact: the logged training loss is a multiple of the real one, by gradient accumulation."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.measure import evidence, need, number_argument
from diagnostics.rules.overfitting import evaluation_loss
from diagnostics.run import Run, Series

NAME = "loss-scale-artifact"
METHODS = ("sft", "dpo", "orpo", "kto", "reward", None)
EXPLAINS = ()

TIMES = Limit(1.8, "times the evaluation loss", "ours: dropout and a hard training set explain less")
STEADY = Limit(0.25, "relative spread", "ours: a scale is the same all along, a gap between two losses grows")
EVALUATIONS = Limit(2, "evaluations", "ours: one would not show that it is steady")
NEAR = Limit(0.15, "relative distance to gradient_accumulation_steps", "huggingface/trl#2604, with room for noise")
UNIFORM = Limit(
    13.0, "nats per token", "ln 256,000 = 12.5: a model that knows nothing of the largest vocabulary in use"
)
ROWS = Limit(2, "logged rows", "ours: the scale shows in each row")


def check(run: Run) -> Finding | None:
    """Compare training with evaluation loss; without evaluation, with what a uniform guess would cost."""
    loss = need(run.get("train/loss"), "train/loss", ROWS)
    evaluation = evaluation_loss(run)
    accumulated = number_argument(run, "gradient_accumulation_steps")
    ratio = ratio_of(loss, evaluation) if evaluation is not None else None
    if ratio is not None:
        if ratio < TIMES or (accumulated and abs(ratio / accumulated - 1) > NEAR and accumulated > 1):
            return None
        return finding(run, loss, evaluation, "evaluation", ratio, accumulated)
    # The share that every row exceeds: a divergence begins below it.
    if run.method in ("sft", None) and float(loss.values.min()) > UNIFORM:
        return finding(run, loss, None, "uniform", float(loss.values[0]) / float(UNIFORM), accumulated)
    if evaluation is None:
        raise CannotJudge("no-evaluation")
    return None


def ratio_of(loss: Series, evaluation: Series) -> float | None:
    """The steady ratio of training to evaluation loss, both taken at the evaluations; None if there is none.

    The training loss is the median of the rows nearest before each evaluation.
    """
    if len(evaluation) < EVALUATIONS:
        return None
    ratios = []
    for step, value in zip(evaluation.steps, evaluation.values, strict=True):
        place = int(np.searchsorted(loss.steps, step, side="right"))
        if place >= 1 and value > 0:
            ratios.append(float(np.median(loss.values[max(0, place - 3) : place])) / value)
    if len(ratios) < EVALUATIONS:
        return None
    middle = float(np.median(ratios))
    # The first evaluation may stand beside a loss that is still falling steeply.
    spread = float(np.median(np.abs(np.array(ratios[1:] or ratios) - middle))) / middle if middle else 1.0
    return middle if spread < STEADY else None


def finding(
    run: Run, loss: Series, evaluation: Series | None, kind: str, ratio: float, accumulated: float | None
) -> Finding:
    """The finding, a note: nothing about the learning is wrong."""
    step = int(loss.steps[0])
    curves = [evidence(loss, step)] + ([evidence(evaluation, int(evaluation.steps[0]))] if evaluation else [])
    return Finding(
        rule=NAME,
        severity="info",
        confidence=0.85 if accumulated else 0.6,
        first_step=step,
        last_step=int(loss.steps[-1]),
        facts={"kind": kind, "ratio": ratio, "loss": float(loss.values[0]), "steps": int(accumulated or 0)},
        evidence=tuple(curves),
        causes=("accumulation", "summed"),
        fixes=(Fix("upgrade", "show"),),
    )


WORDS = {
    "en": Words(
        title="The logged loss is on another scale",
        summary={
            "evaluation": "The training loss is {ratio:.1f} times the evaluation loss all along: it was summed over "
            "gradient-accumulation steps, not averaged.",
            "uniform": "The loss is above {loss:.3g} nats per token, more than a uniform guess over any vocabulary costs: it "
            "was summed over gradient-accumulation steps, not averaged.",
        },
        why="Nothing is wrong with the learning; but the training loss must not be compared with the evaluation loss, or "
        "with other runs.",
        wrong_if="the evaluation set is much easier than the training set",
        causes={
            "accumulation": "transformers 4.46 to 4.48 logged the sum over gradient_accumulation_steps "
            "(huggingface/transformers#34191, #35856).",
            "summed": "A loss of one's own that sums over tokens or rows.",
        },
        fixes={"upgrade": "Upgrade transformers, or divide the logged loss by gradient_accumulation_steps"},
        about="""Checks whether the logged training loss is a multiple of the real one.

With evaluation: the ratio of training to evaluation loss is at least 1.8 and the same all along (within 25 %); where
gradient_accumulation_steps is known, within 15 % of it. Without: an SFT loss that never falls below 13 nats per token,
more than a uniform guess over 256,000 tokens costs (12.5).

A note, no fault of the learning. Sources: huggingface/trl#2604, huggingface/transformers#34191, #35438, #35856.""",
    ),
    "zh": Words(
        title="记录的损失尺度不同",
        summary={
            "evaluation": "训练损失始终是评估损失的 {ratio:.1f} 倍：它在梯度累积的各步上求了和，而不是平均。",
            "uniform": "损失高于每词元 {loss:.3g}，比在任何词表上均匀猜测还高：它在梯度累积的各步上求了和，而不是平均。",
        },
        why="学习本身没有问题；但训练损失不能与评估损失或其他训练比较。",
        wrong_if="评估集比训练集容易得多",
        causes={
            "accumulation": "transformers 4.46 到 4.48 记录的是 gradient_accumulation_steps 各步之和"
            "（huggingface/transformers#34191、#35856）。",
            "summed": "自定义的损失按词元或行求和。",
        },
        fixes={"upgrade": "升级 transformers，或把记录的损失除以 gradient_accumulation_steps"},
        about="""检查记录的训练损失是否是真实值的倍数。

有评估时：训练与评估损失之比至少 1.8，且始终相同（25% 以内）；若知道 gradient_accumulation_steps，则与其相差 15% 以内。
没有评估时：SFT 损失从未低于每词元 13，高于在 256,000 个词元上均匀猜测的代价（12.5）。

只是提示，不是学习的故障。来源：huggingface/trl#2604，huggingface/transformers#34191、#35438、#35856。""",
    ),
}
