"""preference-pairs-swapped: what training learns to prefer, the evaluation learns to reject."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.measure import evidence, late, need, shown
from diagnostics.run import Run

NAME = "preference-pairs-swapped"
METHODS = ("dpo", "orpo", "reward")
EXPLAINS = ("overfitting", "preference-displacement")

ROWS = Limit(5, "logged rows", "ours")
EVALUATIONS = Limit(2, "evaluations", "ours: the later half of them, at least two")
LEARNED = Limit(0.6, "share of the training pairs won", "ours: training has learned something")
REVERSED = Limit(0.42, "share of the evaluation pairs won", "ours: 150 pairs at chance lie above it in 97 of 100 cases")


def check(run: Run) -> Finding | None:
    """Compare the accuracy in training with that in evaluation."""
    training = need(run.signal("preference_accuracy"), "train/rewards/accuracies", ROWS)
    evaluation = run.signal("preference_accuracy", "eval")
    if evaluation is None:
        raise CannotJudge("no-evaluation")
    held = evaluation.finite()
    if len(held) < EVALUATIONS:
        raise CannotJudge("too-few-evaluations", points=len(held), need=int(EVALUATIONS))
    later = held.values[-max(int(EVALUATIONS), len(held) // 2) :]
    learned, reached = late(training), float(np.median(later))
    if learned < LEARNED or reached > REVERSED or later[-1] > REVERSED:
        return None
    step = int(held.steps[np.argmax(held.values <= REVERSED)])
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.85,
        first_step=step,
        last_step=int(held.steps[-1]),
        facts={"training": learned, "evaluation": reached},
        evidence=(evidence(held, step), evidence(training, step), *shown(run, step, "margin")),
        causes=("training", "evaluation"),
        fixes=(Fix("columns", "show"),),
    )


WORDS = {
    "en": Words(
        title="Chosen and rejected are swapped",
        summary="Training wins {training:.0%} of its pairs while only {evaluation:.0%} of the evaluation pairs are won: one of "
        "the two sets has its columns swapped.",
        why="If the training set is the wrong one, the run teaches the model what nobody prefers.",
        wrong_if="the evaluation pairs were judged by other people or other rules on purpose",
        causes={
            "training": "chosen and rejected are swapped in the training set.",
            "evaluation": "chosen and rejected are swapped in the evaluation set.",
        },
        fixes={"columns": "Read ten pairs of each set, and swap the columns of the wrong one"},
        about="""Checks whether training and evaluation contradict each other: at least 60 % of the training pairs are won in
the last quarter of the run while at most 42 % of the evaluation pairs are (median of the later half of the evaluations,
and the last one).

A model that merely overfits falls towards one half, not below it. Seen in huggingface/trl#2578.""",
    ),
    "zh": Words(
        title="被选与被拒颠倒了",
        summary="训练中 {training:.0%} 的偏好对判断正确，而评估中只有 {evaluation:.0%}：两个数据集之一的列颠倒了。",
        why="如果错的是训练集，模型学到的正是没人喜欢的东西。",
        wrong_if="评估的偏好对有意由其他人或其他标准判定",
        causes={
            "training": "训练集的 chosen 与 rejected 颠倒了。",
            "evaluation": "评估集的 chosen 与 rejected 颠倒了。",
        },
        fixes={"columns": "各读十个偏好对，把错的那个数据集的列换过来"},
        about="""检查训练与评估是否矛盾：最后四分之一里训练偏好对至少 60% 正确，而评估至多 42%（后半段评估的中位数，以及最后一次）。

只是过拟合的模型会趋近一半，而不会低于一半。见 huggingface/trl#2578。""",
    ),
}
