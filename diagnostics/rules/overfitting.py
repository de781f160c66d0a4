"""overfitting: the evaluation loss has turned up while the training loss goes on falling."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import evidence, loss_must_tell, noise
from diagnostics.run import Run, Series

NAME = "overfitting"
METHODS = None
EXPLAINS = ("memorised", "best-checkpoint-not-saved", "held-out-score-falls")

EVALUATIONS = Limit(4, "evaluations", "finetune-doctor 0.2.2 and runmedic 0.1.1")
NOISE = Limit(2.0, "standard deviations of the evaluations' noise", "finetune-doctor 0.2.2")
WORSE = Limit(0.03, "above the best evaluation", "finetune-doctor 0.2.2: 10 of 24 public runs look worse by noise only")
MUCH_WORSE = Limit(0.10, "above the best evaluation", "finetune-doctor 0.2.2, an error there too")
FEWEST = Limit(3, "evaluations", "ours: for a note, two after the best that rise each")
PARTED = Limit(0.05, "fall of the training loss since the best evaluation", "ours: the two courses have parted")


def check(run: Run) -> Finding | None:
    """Compare the last evaluation with the best one before it."""
    evaluation = evaluation_loss(run)
    if evaluation is None:
        raise CannotJudge("no-evaluation")
    loss_must_tell(run)
    if len(evaluation) < FEWEST:
        raise CannotJudge("too-few-evaluations", points=len(evaluation), need=int(FEWEST))
    best_at = int(np.argmin(evaluation.values))
    best, last = float(evaluation.values[best_at]), float(evaluation.values[-1])
    after = evaluation.values[best_at + 1 :]
    rise = (last - best) / abs(best) if best else 0.0
    # The noise is measured up to the best: past it, the rise itself would pass for noise.
    spread = noise(evaluation.values[: best_at + 1])
    # The better of the last two, so that one bad evaluation at the end does not make a verdict.
    sure = len(after) >= 2 and float(after[-2:].min()) > best * (1 + WORSE)
    step = int(evaluation.steps[best_at])
    training = run.get("train/loss")
    grave = sure and len(evaluation) >= EVALUATIONS and rise > WORSE and last - best > NOISE * spread
    if grave:
        if training is not None and not still_falling(training.finite(), step):
            return None
    elif not slightly(evaluation, best_at, training) or float(after[-2:].min()) - best <= NOISE * spread:
        return None
    saved = sorted(run.checkpoints, key=lambda one: abs(one - step))
    shown = [evidence(evaluation, step)] + ([evidence(training, step)] if training is not None else [])
    return Finding(
        rule=NAME,
        severity="info" if not grave else "error" if rise >= MUCH_WORSE else "warning",
        confidence=0.5 if not grave else 0.9 if rise >= MUCH_WORSE else 0.75,
        first_step=step,
        last_step=int(evaluation.steps[-1]),
        facts={
            "kind": "saved" if saved and saved[0] == step else "near" if saved else "not-saved",
            "step": step,
            "best": best,
            "last": last,
            "rise": 100 * rise,
            "near": saved[0] if saved else 0,
        },
        evidence=tuple(shown),
        causes=("epochs", "few-rows", "learning-rate"),
        fixes=fixes(run, step),
    )


def evaluation_loss(run: Run) -> Series | None:
    """The evaluation loss; of several data sets (`eval/<name>_loss`) the one evaluated most often."""
    named = [one for tag, one in run.series.items() if tag.startswith("eval/") and tag.endswith("_loss")]
    found = run.get("eval/loss") or max(named, key=len, default=None)
    return found.finite() if found is not None else None


def slightly(evaluation: Series, best_at: int, training: Series | None) -> bool:
    """Whether each evaluation since the best was worse than the one before, at least two, while training went on falling."""
    since = evaluation.values[best_at:]
    if len(since) < FEWEST or not (np.diff(since) > 0).all() or training is None:
        return False
    known = training.finite()
    before = known.values[known.steps <= evaluation.steps[best_at]]
    after = known.values[known.steps > evaluation.steps[best_at]]
    if not len(before) or not len(after):
        return False
    start, end = float(np.median(before[-3:])), float(np.median(after[-3:]))
    return start - end > PARTED * abs(start)


def still_falling(training: Series, step: int) -> bool:
    """Whether the training loss is lower after the step than around it: what makes a rise of evaluation overfitting."""
    before = training.values[training.steps <= step]
    after = training.values[training.steps > step]
    if not len(before) or not len(after):
        return True
    return float(np.median(after[-max(3, len(after) // 3) :])) < float(np.median(before[-max(3, len(before) // 3) :]))


def fixes(run: Run, step: int) -> tuple[Fix, ...]:
    """Keep the best checkpoint; and stop where it was."""
    keep = edits(run, load_best_model_at_end=True, metric_for_best_model="eval_loss", save_strategy="best")
    return (Fix("keep-best", "safe", keep), Fix("stop", "ask", edits(run, max_steps=step), {"step": step}))


WORDS = {
    "en": Words(
        title="The run is overfitting",
        summary={
            "saved": "The evaluation loss was best at step {step} ({best:.4g}) and is {rise:.1f} % higher at the end "
            "({last:.4g}); checkpoint-{step} is the one to keep.",
            "near": "The evaluation loss was best at step {step} ({best:.4g}) and is {rise:.1f} % higher at the end "
            "({last:.4g}); the nearest checkpoint kept is checkpoint-{near}.",
            "not-saved": "The evaluation loss was best at step {step} ({best:.4g}) and is {rise:.1f} % higher at the end "
            "({last:.4g}); no checkpoint was kept there.",
        },
        why="The last checkpoint knows the training rows better and everything else worse than an earlier one.",
        wrong_if="the evaluation set is drawn from other data than the run is meant for",
        causes={
            "epochs": "Too many passes over the data.",
            "few-rows": "Too few rows for a model of this size.",
            "learning-rate": "A learning rate that memorises quickly.",
        },
        fixes={
            "keep-best": "Keep the best checkpoint and load it at the end",
            "stop": "Train to step {step} only, where the evaluation was best",
        },
        about="""Checks for an evaluation loss that turns up while the training loss goes on falling.

The last two evaluations are compared with the best one. It is overfitting if both lie more than 3 % above it (10 %: an
error), outside twice the noise of the evaluations up to the best, and if the training loss is still falling. At least 4
evaluations are needed, two of them after the best.

A smaller rise is a note where each of at least two evaluations since the best is worse than the one before, while the
training loss fell by another 5 %.

Without evaluation nothing can be said: set eval_strategy="steps" and give an evaluation set.

Not this fault: a last evaluation within the noise of the best (keep either), a rise of both losses (loss-diverged).
GRPO, RLOO and PPO are not judged: their loss tells nothing about learning.
For DPO a rising evaluation loss with rising accuracies may still be a better policy: look at the answers.""",
    ),
    "zh": Words(
        title="训练过拟合",
        summary={
            "saved": "评估损失在第 {step} 步最好（{best:.4g}），结束时高出 {rise:.1f}%（{last:.4g}）；应保留 "
            "checkpoint-{step}。",
            "near": "评估损失在第 {step} 步最好（{best:.4g}），结束时高出 {rise:.1f}%（{last:.4g}）；保留下来的最近的是 "
            "checkpoint-{near}。",
            "not-saved": "评估损失在第 {step} 步最好（{best:.4g}），结束时高出 {rise:.1f}%（{last:.4g}）；那里没有保存检查点。",
        },
        why="最后的检查点更熟悉训练数据，对其他一切却比早先的更差。",
        wrong_if="评估集与训练目标不是同一类数据",
        causes={
            "epochs": "数据重复的遍数太多。",
            "few-rows": "相对模型大小，数据行太少。",
            "learning-rate": "学习率偏高，很快就背下了数据。",
        },
        fixes={"keep-best": "保留最好的检查点，并在结束时载入", "stop": "只训练到评估最好的第 {step} 步"},
        about="""检查评估损失是否回升而训练损失继续下降。

把最后两次评估与最好的一次比较。如果都高出 3% 以上（10% 以上为错误），且超过最好点之前评估噪声的两倍，同时训练损失仍在
下降，就判为过拟合。至少需要 4 次评估，其中两次在最好点之后。

升幅较小时，如果最好点之后至少两次评估一次比一次差，而训练损失又下降了 5%，则作为提示。

没有评估就无从判断：请设 eval_strategy="steps" 并提供评估集。

不是本故障：最后一次与最好一次之差在噪声之内（保留哪个都行）；两条损失同时升高（见 loss-diverged）。GRPO、RLOO、PPO 的损失不反映学习情况，因此不
判断。对 DPO 来说，评估
损失上升而准确率也上升时，策略仍可能更好：请看回答。""",
    ),
}
