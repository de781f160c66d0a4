"""reward-collapse: the reward had risen, and was lost again."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, lower_rate, stronger_penalty
from diagnostics.measure import (
    ONLINE,
    evidence,
    moving_mean,
    need,
    scatter,
    settled_from,
    shown,
)
from diagnostics.run import Run

NAME = "reward-collapse"
METHODS = ONLINE
EXPLAINS = (
    "not-learning",
    "length-collapse",
    "length-explosion",
    "completions-truncated",
    "reward-groups-constant",
    "held-out-score-falls",
)

ROWS = Limit(20, "logged rows", "ours: fewer have no trend")
GIVEN_BACK = Limit(0.4, "of what had been gained", "ours: less is a plateau with weather")
SIGMAS = Limit(3, "standard errors of the two levels' difference", "ours")
GAIN = Limit(2.0, "standard errors of a level", "ours: a smaller gain is not told from luck")
PENALTY = {"grpo": 0.04, "rloo": 0.1, "ppo": 0.1}


def check(run: Run) -> Finding | None:
    """Compare the reward at the end with the best level before, and with the start."""
    series = run.signal("reward")
    reward = need(series, "train/reward", ROWS)
    width = max(5, len(reward) // 10 | 1)
    level = moving_mean(reward.values, width)
    spread = scatter(reward.values)
    best_at = int(np.argmax(level[: max(1, len(level) - width)]))
    quarter = reward.values[-max(5, len(reward) // 4) :]
    start, best, end = float(reward.values[:width].mean()), float(level[best_at]), float(quarter.mean())
    # The best of many means is high by luck: two standard errors of one are taken off.
    error = spread / np.sqrt(width)
    gain, lost = best - 2 * error - start, best - 2 * error - end
    from_start = start - end > max(SIGMAS * error * np.sqrt(2), 0.2 * abs(start)) and end < start
    gave_back = gain > max(GAIN * error, 1e-9) and lost > GIVEN_BACK * gain and lost > SIGMAS * error
    if not (from_start or gave_back):
        return None
    middle = best - lost / 2
    place = settled_from(np.where(np.arange(len(level)) >= best_at, level < middle, False), 0.7)
    step = int(reward.steps[place if place is not None else best_at])
    return Finding(
        rule=NAME,
        severity="error" if from_start else "warning",
        confidence=0.85 if from_start else 0.75,
        first_step=step,
        last_step=int(reward.steps[-1]),
        facts={"kind": "below" if from_start else "back", "start": start, "best": best, "end": end, "step": step,
               "at": int(reward.steps[best_at])},
        evidence=(evidence(reward, step), *shown(run, step, "kl", "entropy", "grad_norm", "length")),
        causes=("learning-rate", "penalty", "hacking"),
        fixes=fixes(run, step),
    )  # fmt: skip


def fixes(run: Run, step: int) -> tuple[Fix, ...]:
    """The checkpoint from before; a lower rate; a stronger penalty."""
    found = []
    before = [one for one in run.checkpoints if one <= step]
    if before:
        found.append(Fix("keep", "show", facts={"kept": max(before)}))
    found += lower_rate(run, step)
    return (*found, stronger_penalty(run, PENALTY[run.method or "grpo"]))


WORDS = {
    "en": Words(
        title="The reward collapsed",
        summary={
            "back": "The reward had reached {best:.3g} (step {at}) and fell back to {end:.3g} from step {step} on; it began at "
            "{start:.3g}.",
            "below": "The reward ended at {end:.3g}, below the {start:.3g} it began with (best {best:.3g}, step {at}).",
        },
        why="The last checkpoint is worse than an earlier one.",
        wrong_if="the prompts became harder on purpose (a curriculum)",
        causes={
            "learning-rate": "One or a few steps too large, from which the policy did not come back.",
            "penalty": "Nothing holds the policy near its reference.",
            "hacking": "A reward gained by a trick that stopped working.",
        },
        fixes={
            "keep": "Keep checkpoint-{kept}, from before the fall",
            "penalty": "Hold the policy with a KL penalty of {new:g}",
            **RATE_WORDS["en"],
        },
        about="""Compares the reward at the end (mean of the last quarter) with the best moving mean before it and with the start. It is a collapse if more than 40 % of the gain is lost again beyond three standard errors (a warning), or if the
end lies below the start by a fifth and three standard errors (an error).

Two standard errors are taken off the best, because the best of many is high by luck. A KL, gradient or ratio that
exploded before explains it.""",
    ),
    "zh": Words(
        title="奖励崩溃",
        summary={
            "back": "奖励曾达到 {best:.3g}（第 {at} 步），从第 {step} 步起跌回 {end:.3g}；开始时为 {start:.3g}。",
            "below": "奖励最终为 {end:.3g}，低于开始时的 {start:.3g}（最高 {best:.3g}，第 {at} 步）。",
        },
        why="最后的检查点比早先的差。",
        wrong_if="提示有意变难（课程学习）",
        causes={
            "learning-rate": "一步或几步太大，策略没能恢复。",
            "penalty": "没有任何东西把策略留在参考模型附近。",
            "hacking": "奖励曾靠某种伎俩得到，而伎俩失效了。",
        },
        fixes={
            "keep": "保留下跌之前的 checkpoint-{kept}",
            "penalty": "用 {new:g} 的 KL 惩罚约束策略",
            **RATE_WORDS["zh"],
        },
        about="""把结束时的奖励（最后四分之一的平均）与此前最好的移动平均及开始时比较。失去 40% 以上的增益且超过三倍标准误为
警告；结束时低于开始五分之一以上且超过三倍标准误为错误。

最好值要减去两倍标准误，因为多个值里的最大值带有运气。此前的 KL、梯度或概率比爆炸可以解释它。""",
    ),
}
