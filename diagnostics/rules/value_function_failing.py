"""value-function-failing: PPO's critic predicts worse than a constant would, or its loss runs away."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, edits, lower_rate
from diagnostics.measure import early, evidence, first_run_of, late, need, number_argument, shown, trend
from diagnostics.run import Run

NAME = "value-function-failing"
METHODS = ("ppo",)
EXPLAINS = ()

ROWS = Limit(20, "logged rows", "ours: a critic needs some updates to begin with")
TIMES = Limit(3, "times its early level", "rlprobe 0.1.0")
NEGATIVE = Limit(10, "rows in a row below 0", "rlprobe 0.1.0")
USUAL_WEIGHT, USUAL_CLIP = 0.1, 0.2  # TRL 1.12's PPOConfig: vf_coef, cliprange_value


def check(run: Run) -> Finding | None:
    """Look at the explained variance where it is logged, and at the value loss."""
    variance, loss = run.signal("explained_variance"), run.signal("value_loss")
    if variance is None and loss is None:
        raise CannotJudge("no-series", tag="loss/value_avg")
    if loss is not None and len(loss) >= ROWS and not np.isfinite(loss.values[-3:]).any():
        step = int(loss.steps[np.argmax(~np.isfinite(loss.values))])
        return finding(run, "not-finite", step, loss.tag, 0.0, 0.0, 0.95)
    if variance is not None:
        known = need(variance, variance.tag, ROWS)
        later = known.values[len(known) // 5 :]
        place = first_run_of(later < 0, int(NEGATIVE))
        if place is not None and late(known) < 0:
            step = int(known.steps[len(known) // 5 + place])
            return finding(run, "variance", step, known.tag, early(known), late(known), 0.85)
    if loss is not None:
        known = need(loss, loss.tag, ROWS)
        start, end = early(known, 0.2), late(known)
        if end > TIMES * start and start > 0 and trend(known).rose():
            step = int(known.steps[np.argmax(known.values > TIMES * start)])
            return finding(run, "loss", step, known.tag, start, end, 0.75)
    return None


def finding(run: Run, kind: str, step: int, tag: str, start: float, end: float, confidence: float) -> Finding:
    """The finding of one kind, with the usual weight and clip where the run's are others."""
    series = run.get(tag)
    changes = {}
    weight = number_argument(run, "vf_coef")
    if weight is not None and weight > USUAL_WEIGHT:
        changes["vf_coef"] = USUAL_WEIGHT
    clip = number_argument(run, "cliprange_value")
    if clip is not None and clip != USUAL_CLIP:
        changes["cliprange_value"] = USUAL_CLIP
    fixes = [Fix("usual", "ask", edits(run, **changes))] if changes else []
    return Finding(
        rule=NAME,
        severity="error" if kind == "not-finite" else "warning",
        confidence=confidence,
        first_step=step,
        last_step=run.last_step,
        facts={"kind": kind, "step": step, "start": start, "end": end},
        evidence=(*([evidence(series, step)] if series is not None else []), *shown(run, step, "reward", "kl")),
        causes=("scale", "fresh", "learning-rate"),
        fixes=(*fixes, Fix("critic", "show"), *lower_rate(run, step)),
    )


WORDS = {
    "en": Words(
        title="The value function fails",
        summary={
            "not-finite": "The value loss is NaN or infinite from step {step} on.",
            "variance": "From step {step} on the critic explains less of the returns than their mean would ({end:.2g}).",
            "loss": "The value loss rose from {start:.3g} to {end:.3g} (step {step}).",
        },
        why="Advantages are returns less the critic's word: with a wrong critic they are noise, and PPO follows them.",
        wrong_if="the reward itself grew by as much, so that its squared error grew with it",
        causes={
            "scale": "Rewards on a scale that the critic cannot follow (not normalised, not clipped).",
            "fresh": "A critic begun from random weights instead of the reward model's.",
            "learning-rate": "A learning rate too high for the critic.",
        },
        fixes={
            "usual": "Use the usual weight and clip of the value loss",
            "critic": "Begin the critic from the reward model, and normalise or clip the rewards",
            **RATE_WORDS["en"],
        },
        about="""Checks PPO's critic: an explained variance below 0 for ten rows in a row after the first fifth of the run
and at its end; a value loss three times its early level that rises beyond its noise; or one that is not finite.

TRL's PPO v2 logs no explained variance; v1 and this project's worker do. Sources: rlprobe 0.1.0 for the numbers, TRL's
logging guide.""",
    ),
    "zh": Words(
        title="价值函数失效",
        summary={
            "not-finite": "从第 {step} 步起价值损失是 NaN 或无穷大。",
            "variance": "从第 {step} 步起，评论家对回报的解释还不如其平均值（{end:.2g}）。",
            "loss": "价值损失从 {start:.3g} 升到 {end:.3g}（第 {step} 步）。",
        },
        why="优势等于回报减去评论家的预测：预测错误时优势只是噪声，而 PPO 会跟着它走。",
        wrong_if="奖励本身也增大了同样多，平方误差随之增大",
        causes={
            "scale": "奖励的尺度让评论家无法跟上（没有归一化或裁剪）。",
            "fresh": "评论家从随机权重开始，而不是从奖励模型开始。",
            "learning-rate": "学习率对评论家来说太高。",
        },
        fixes={
            "usual": "使用价值损失常用的权重与裁剪",
            "critic": "让评论家从奖励模型开始，并对奖励做归一化或裁剪",
            **RATE_WORDS["zh"],
        },
        about="""检查 PPO 的评论家：跳过前五分之一之后，解释方差连续十行低于 0，且结束时仍低于 0；价值损失升到早期的三倍且超出
噪声；或不是有限数。

TRL 的 PPO v2 不记录解释方差；v1 与本项目的训练进程会记录。数值取自 rlprobe 0.1.0 与 TRL 的日志说明。""",
    ),
}
