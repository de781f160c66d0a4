"""preference-saturated: the preference loss is at 0: every pair is won by far, and nothing more is learned from it."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, edits, lower_rate
from diagnostics.measure import PREFERENCE, argument, evidence, first_run_of, late, need, shown
from diagnostics.run import Run, Series

NAME = "preference-saturated"
METHODS = PREFERENCE
EXPLAINS = ("preference-displacement", "memorised", "overfitting", "loss-spike", "gradient-explosion")

ROWS = Limit(3, "logged rows", "ours: a loss of 0 needs no statistics")
NOTHING = Limit(0.005, "loss", "ours: a margin of 5 for each pair; logs round to four digits")
SHARE = Limit(0.10, "share of the rows", "ours, after huggingface/trl#1236")
MOST = Limit(0.5, "share of the rows", "ours: the run was over halfway through")
MARGIN = Limit(10, "nats times beta", "huggingface/trl#1236 shows 13 to 23")
ALL = Limit(0.99, "share of pairs", "ours: no pair is left to learn from")


def check(run: Run) -> Finding | None:
    """Count the rows whose loss is nothing, and look at margin and accuracy."""
    loss = need(run.get("train/loss"), "train/loss", ROWS)
    margin, accuracy = run.signal("margin"), run.signal("preference_accuracy")
    if margin is None and accuracy is None:
        raise CannotJudge("no-series", tag="train/rewards/margins")
    far = end_of(margin) > MARGIN
    won = accuracy is None or end_of(accuracy) >= ALL
    nothing = loss.values < NOTHING
    share = float(nothing.mean())
    if not (share > SHARE and (far or won)) and not (far and won):
        return None
    if accuracy is None and not far:
        return None
    step = onset(loss, nothing, margin)
    grave = share > MOST and end_of(margin) > 2 * MARGIN
    return Finding(
        rule=NAME,
        severity="error" if grave else "warning",
        confidence=0.9 if share > SHARE and far else 0.75,
        first_step=step,
        last_step=max(int(loss.steps[-1]), step),
        facts={"step": step, "share": share, "margin": end_of(margin),
               "accuracy": end_of(accuracy) if accuracy is not None else 1.0},
        evidence=(evidence(loss, step), *shown(run, step, "margin", "preference_accuracy", "chosen_logp",
                                               "rejected_logp")),
        causes=("easy", "learning-rate", "passes"),
        fixes=fixes(run),
    )  # fmt: skip


def end_of(series: Series | None) -> float:
    """The median of a curve's last quarter, 0 if it was not logged."""
    return late(finite, least=2) if series is not None and len(finite := series.finite()) else 0.0


def onset(loss: Series, nothing: np.ndarray, margin: Series | None) -> int:
    """The step from which the loss is nothing for two rows, or the margin beyond its limit."""
    place = first_run_of(nothing, min(2, len(nothing)))
    if place is not None:
        return int(loss.steps[place])
    if margin is not None and (margin.values > MARGIN).any():
        return int(margin.steps[np.argmax(margin.values > MARGIN)])
    return int(loss.steps[-1])


def fixes(run: Run) -> tuple[Fix, ...]:
    """A lower rate, one pass, and labels that are allowed to be wrong."""
    found = list(lower_rate(run))
    if isinstance(passes := argument(run, "num_train_epochs"), int | float) and passes > 1:
        found.append(Fix("one-pass", "ask", edits(run, num_train_epochs=1)))
    if run.method == "dpo" and argument(run, "loss_type") in (None, "sigmoid", ["sigmoid"]):
        found.append(Fix("robust", "ask", edits(run, loss_type="robust", label_smoothing=0.1)))
    return (*found, Fix("harder", "show"))


WORDS = {
    "en": Words(
        title="The preference loss is used up",
        summary="In {share:.0%} of the rows the loss is nothing (since step {step}); the margin ends at {margin:.3g}, "
        "{accuracy:.0%} of the pairs are won.",
        why="Past this point the policy only drives the rejected answers further down, and often the chosen ones with them.",
        wrong_if="the held-out answers still get better",
        causes={
            "easy": "Pairs that a shortcut tells apart (length, a closing phrase, a template).",
            "learning-rate": "A learning rate too high.",
            "passes": "Too many passes over the pairs.",
        },
        fixes={
            "one-pass": "Train for one pass over the pairs",
            "robust": "Use a loss that allows one label in ten to be wrong",
            "harder": "Look at the pairs: if one feature tells them apart, make harder ones",
            **RATE_WORDS["en"],
        },
        about="""Checks whether a preference loss has reached 0: more than 10 % of the rows below 0.005 while the margin is
above 10 or 99 % of the pairs are won; or a margin above 10 with 99 % won. An error where more than half of the rows are
so and the margin is above 20.

Source of the margins: huggingface/trl#1236, where they reached 13 to 23. A loss of exactly 0 with a NaN gradient is
loss-not-finite.""",
    ),
    "zh": Words(
        title="偏好损失已耗尽",
        summary="{share:.0%} 的行里损失几乎为 0（自第 {step} 步起）；间隔最终为 {margin:.3g}，{accuracy:.0%} 的偏好对已经区分。",
        why="过了这一点，策略只是把被拒的回答压得更低，被选的往往也跟着下降。",
        wrong_if="留出的回答仍在变好",
        causes={
            "easy": "偏好对可以靠捷径区分（长度、结尾用语、模板）。",
            "learning-rate": "学习率过高。",
            "passes": "偏好对重复的遍数太多。",
        },
        fixes={
            "one-pass": "只训练一轮",
            "robust": "使用允许十分之一标签出错的损失",
            "harder": "检查偏好对：如果一个特征就能区分，请制作更难的",
            **RATE_WORDS["zh"],
        },
        about="""检查偏好损失是否已到 0：超过 10% 的行低于 0.005，且间隔超过 10 或 99% 的偏好对已区分；或间隔超过 10 且 99% 已区分。
超过一半的行如此且间隔超过 20 时为错误。

间隔的来源：huggingface/trl#1236，其中达到 13 到 23。损失恰好为 0 而梯度为 NaN 属于 loss-not-finite。""",
    ),
}
