"""reward-model-saturated: the reward model wins every pair early on, and drifts from there."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, late, need, settled_from, shown
from diagnostics.run import Run

NAME = "reward-model-saturated"
METHODS = ("reward",)
EXPLAINS = ("overfitting",)

ROWS = Limit(10, "logged rows", "ours")
ALL = Limit(0.99, "share of pairs", "ours: nothing is left to learn from")
EARLY = Limit(0.4, "of the run", "ours: later, learning may simply have succeeded")
NOTHING = Limit(0.05, "loss", "ours: a margin of 3 for each pair")
DRIFT = Limit(10, "score", "TRL's RewardConfig offers center_rewards_coefficient against it")
HELD = Limit(0.15, "training less held-out accuracy", "ours")
CENTER = 0.01  # TRL's documentation of center_rewards_coefficient


def check(run: Run) -> Finding | None:
    """Look for the step from which all pairs are won, and at the held-out accuracy and the drift of the scores."""
    accuracy = need(run.signal("preference_accuracy"), "train/accuracy", ROWS)
    loss = run.get("train/loss")
    held = run.signal("preference_accuracy", "eval")
    mean = run.signal("mean_reward")
    place = settled_from(accuracy.values >= ALL, 0.9)
    cheap = loss is not None and late(loss.finite()) < NOTHING
    early = place is not None and place <= EARLY * len(accuracy) and cheap and late(accuracy) >= ALL
    gap = late(accuracy) - late(held.finite(), least=1) if held is not None and len(held.finite()) else 0.0
    apart = gap > HELD and late(accuracy) >= ALL
    drifted = mean is not None and len(mean.finite()) >= ROWS and abs(late(mean.finite())) > DRIFT
    if not (early or apart or drifted):
        return None
    kind = "apart" if apart else "early" if early else "drift"
    at = place if place is not None and kind != "drift" else drift_place(run)
    step = int(accuracy.steps[min(at, len(accuracy) - 1)])
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.85 if kind != "drift" else 0.7,
        first_step=step,
        last_step=int(accuracy.steps[-1]),
        facts={
            "kind": kind,
            "step": step,
            "accuracy": late(accuracy),
            "loss": late(loss.finite()) if loss is not None else 0.0,
            "gap": gap,
            "mean": late(mean.finite()) if mean is not None and len(mean.finite()) else 0.0,
        },
        evidence=(evidence(accuracy, step), *shown(run, step, "loss", "margin", "mean_reward")),
        causes=("shortcut", "passes", "uncentred") if kind != "drift" else ("uncentred", "passes"),
        fixes=fixes(run, kind),
    )


def drift_place(run: Run) -> int:
    """The place at which the mean score left its range."""
    mean = run.signal("mean_reward")
    return int(np.argmax(np.abs(mean.values) > DRIFT)) if mean is not None else 0


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """One pass, centred scores, and harder pairs."""
    found = []
    passes = argument(run, "num_train_epochs")
    if isinstance(passes, int | float) and passes > 1:
        found.append(Fix("one-pass", "ask", edits(run, num_train_epochs=1)))
    if not argument(run, "center_rewards_coefficient"):
        found.append(Fix("center", "ask", edits(run, center_rewards_coefficient=CENTER)))
    return (*found, Fix("harder", "show")) if kind != "drift" else tuple(found)


WORDS = {
    "en": Words(
        title="The reward model is saturated",
        summary={
            "early": "From step {step} on {accuracy:.0%} of the pairs are won, and the loss ends at {loss:.2g}.",
            "apart": "{accuracy:.0%} of the training pairs are won, {gap:.0%} more than of the held-out ones.",
            "drift": "The mean score drifted to {mean:.3g}: scores have no fixed zero.",
        },
        why="It has found a shortcut that tells the pairs apart; its scores then grow without meaning anything more.",
        wrong_if="the pairs really are that easy, and so is the task",
        causes={
            "shortcut": "A feature that all chosen answers share: length, a closing phrase, a template.",
            "passes": "Too many passes over the pairs.",
            "uncentred": "Nothing keeps the scores near 0.",
        },
        fixes={
            "one-pass": "Train for one pass over the pairs",
            "center": "Keep the scores near 0 (center_rewards_coefficient)",
            "harder": "Add rejected answers that share the shortcut: polite but wrong, long but off topic",
        },
        about="""Checks whether a reward model wins 99 % of its training pairs from within the first 40 % of the run on, at a
loss below 0.05; or wins 99 % and 15 points more than held out; or whether its mean score drifts beyond 10.

A reward model of ours reached an accuracy of 1.000 by looking for a closing phrase only; with polite answers that were
off the topic among the rejected, it had to learn more.""",
    ),
    "zh": Words(
        title="奖励模型已饱和",
        summary={
            "early": "从第 {step} 步起 {accuracy:.0%} 的偏好对判断正确，损失最终为 {loss:.2g}。",
            "apart": "训练偏好对 {accuracy:.0%} 判断正确，比留出集高 {gap:.0%}。",
            "drift": "平均得分漂移到 {mean:.3g}：分数没有固定的零点。",
        },
        why="它找到了区分偏好对的捷径；之后分数增长不再有更多含义。",
        wrong_if="这些偏好对、这个任务确实如此容易",
        causes={
            "shortcut": "所有被选回答共有的特征：长度、结尾用语、模板。",
            "passes": "偏好对重复的遍数太多。",
            "uncentred": "没有任何东西把分数保持在 0 附近。",
        },
        fixes={
            "one-pass": "只训练一轮",
            "center": "把分数保持在 0 附近（center_rewards_coefficient）",
            "harder": "加入同样具有该捷径的被拒回答：礼貌但错误、很长但离题",
        },
        about="""检查奖励模型是否在训练的前 40% 之内就开始判断对 99% 的训练偏好对，且损失低于 0.05；或判断对 99% 且比留出集高 15 个百分点；
或平均得分漂移超过 10。

我们自己的一个奖励模型只靠寻找结尾用语就达到了 1.000 的准确率；在被拒回答里加入礼貌但离题的之后，它才不得不学更多。""",
    ),
}
