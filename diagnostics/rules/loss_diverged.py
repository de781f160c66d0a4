"""loss-diverged: the training loss rose, and stayed where it rose to."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import Finding, Limit, Words
from diagnostics.fixing import RATE_WORDS, lower_rate
from diagnostics.measure import (
    MEDIAN_ERROR,
    PREFERENCE,
    evidence,
    moving_median,
    noise,
    peak_learning_rate,
    training_loss,
)
from diagnostics.run import Run, Series

NAME = "loss-diverged"
METHODS = None
EXPLAINS = (
    "not-learning",
    "held-out-score-falls",
    "overfitting",
    "loss-spike",
    "gradient-explosion",
    "memorised",
    "preference-flat",
    "preference-displacement",
)

POINTS = Limit(10, "logged rows", "ours: fewer have no level to speak of")
# A rise must be large against the run's own noise and against its level.
NOISE = Limit(6.0, "standard deviations of the run's noise", "ours: medians wander by 2 of them in healthy runs")
RELATIVE = Limit(0.25, "of the level", "ours: a robust sigma alone calls a 2 % wiggle of a smooth curve a catastrophe")
# A preference loss begins at a value that is known (ln 2 for DPO's sigmoid): only the later level has noise.
ERRORS = Limit(
    3.0,
    "standard errors of the later level",
    "ours, for preferences: a DPO run of the demo at 150 times its rate lay above ln 2 in 39 of 40 rows, swinging",
)
GIVEN_BACK = Limit(0.5, "of what had been learned", "ours, unless the run ends above where it began")


def check(run: Run) -> Finding | None:
    """Compare the level the loss ended at with the best it had reached, and with its start."""
    loss = training_loss(run, POINTS)
    width = max(3, len(loss) // 20 | 1)
    level = moving_median(loss.values, width)
    spread = noise(loss.values)
    # The first row alone: in a run that diverges at once, its second row is already part of the fault.
    start = float(loss.values[0])
    end = float(np.median(loss.values[-max(3, len(loss) // 10) :]))
    best_at = int(np.argmin(level[: max(1, len(level) - width)]))
    best = min(float(level[best_at]), start)
    allowed = max(NOISE * spread, RELATIVE * abs(best))

    above_start = end > start + max(NOISE * spread, RELATIVE * abs(start))
    worse_than_reference = False
    if run.method in PREFERENCE and not above_start and len(loss) >= 2 * POINTS:
        half = loss.values[len(loss) // 2 :]
        error = MEDIAN_ERROR * spread / len(half) ** 0.5
        later = float(np.median(half))
        if later > start + max(ERRORS * error, RELATIVE * abs(start)):
            above_start, worse_than_reference, end = True, True, later
    gave_back = end > best + allowed and end - best > GIVEN_BACK * (start - best)
    if not (above_start or gave_back):
        return None
    # Where the start was never beaten, the fault may begin with the second row; else it begins after the best level.
    from_start = worse_than_reference or start <= float(level[best_at])
    ceiling = best + max(NOISE * spread, RELATIVE * abs(best))
    if worse_than_reference:
        ceiling = start + RELATIVE * abs(start)
    onset = onset_of(loss, ceiling, after=0 if from_start else best_at)
    rate, warmup = peak_learning_rate(run), warmup_rows(run)
    at_once = onset <= float(loss.steps[0]) + 0.1 * float(loss.steps[-1] - loss.steps[0])
    causes = (["no-warmup"] if warmup == 0 and at_once else []) + ["learning-rate", "data"]
    shown = [evidence(loss, onset)]
    for tag in ("train/grad_norm", "train/learning_rate"):
        series = run.get(tag)
        if series is not None:
            shown.append(evidence(series, onset))
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.95 if above_start else 0.85,
        first_step=onset,
        last_step=int(loss.steps[-1]),
        facts={
            "kind": "above-start" if above_start else "gave-back",
            "step": onset,
            "start": start,
            "best": best,
            "end": end,
            "worst": float(loss.values.max()),
            "rate": rate or 0.0,
        },
        evidence=tuple(shown),
        causes=tuple(causes),
        fixes=lower_rate(run, onset),
    )


def onset_of(loss: Series, ceiling: float, after: int) -> int:
    """The step of the first loss above the ceiling after which at least half of all further ones are above it too."""
    above = loss.values > ceiling
    for place in range(after, len(loss)):
        if above[place] and above[place:].mean() >= 0.5:
            return int(loss.steps[place])
    return int(loss.steps[-1])


def warmup_rows(run: Run) -> int | None:
    """How many logged rows the learning rate took to rise to its peak; None if it was not logged.

    The first row of a warm-up may show a rate of 0: it is logged before the first step of the schedule.
    """
    series = run.signal("learning_rate")
    if series is None:
        return None
    return int(np.argmax(series.values >= 0.99 * series.values.max()))


WORDS = {
    "en": Words(
        title="The loss diverged",
        summary={
            "above-start": "The loss rose at step {step} and ended at {end:.3g}, above the {start:.3g} it began with "
            "(worst {worst:.3g}).",
            "gave-back": "The loss had come down to {best:.3g}, rose again at step {step} and ended at {end:.3g}.",
        },
        why="The model knows less than before training; later checkpoints are worse than earlier ones.",
        wrong_if="the data become much harder on purpose at that step (a curriculum, a change of mixture)",
        causes={
            "no-warmup": "The run began at its full learning rate of {rate:.3g}: Adam's first steps, with no history to "
            "scale them, are the largest.",
            "learning-rate": "The learning rate, {rate:.3g} at its peak, is too high for this model and batch.",
            "data": "Damaged or very different rows from that step on.",
        },
        fixes=RATE_WORDS["en"],
        about="""Checks for a training loss that rose and did not come back.

The level at the end (median of the last tenth, at least 3 rows) is compared with the start and with the best level
reached. It is a divergence if the end lies above the start, or if more than half of what was learned is lost again, by
more than 6 times the run's own noise and more than 25 %. The noise is measured from the differences of neighbouring
rows. The onset is the first row above that line after which most rows stay above it.

A preference loss begins at a value that is known, ln 2 for DPO, so only its later half is weighed: a median 25 % above
the start, by more than 3 standard errors, is worse than no training at all, however wildly the rows swing.

A spike that recovers is not this fault (loss-spike). The loss of GRPO, RLOO and PPO tells nothing about learning, so
they are not judged by it.

Thresholds are ours: chosen so that healthy runs of public projects stay silent.""",
    ),
    "zh": Words(
        title="损失发散",
        summary={
            "above-start": "损失在第 {step} 步升高，最终为 {end:.3g}，高于开始时的 {start:.3g}（最高 {worst:.3g}）。",
            "gave-back": "损失曾降到 {best:.3g}，从第 {step} 步起回升，最终为 {end:.3g}。",
        },
        why="模型比训练前还差；越晚的检查点越糟。",
        wrong_if="从那一步起数据被有意变难（课程学习、更换数据配比）",
        causes={
            "no-warmup": "训练一开始就用满学习率 {rate:.3g}：Adam 最初几步没有历史可供缩放，步子最大。",
            "learning-rate": "学习率峰值 {rate:.3g} 对这个模型和批量来说太高。",
            "data": "从那一步起数据损坏或差别很大。",
        },
        fixes=RATE_WORDS["zh"],
        about="""检查训练损失是否升高后没有回落。

把结束时的水平（最后十分之一的中位数，至少 3 行）与开始时和曾达到的最好水平比较。如果结束时高于开始时，或者学到的
东西丢了一半以上，并且升幅超过该训练自身噪声的 6 倍、且超过 25%，就判为发散。噪声由相邻行之差估计。起始步是第一个
超过这条线、且之后多数行都在线上的那一步。

偏好损失的起点是已知的（DPO 为 ln 2），因此只看后一半：其中位数比起点高出 25%、且超过 3 倍标准误，就比不训练还差，无论各行
波动多大。

升高后又恢复的尖峰不是本故障（见 loss-spike）。GRPO、RLOO、PPO 的损失不反映学习情况，因此不据此判断。

阈值是我们自己定的：以公开项目的健康训练不误报为准。""",
    ),
}
