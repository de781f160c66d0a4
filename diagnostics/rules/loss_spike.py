"""loss-spike: the training loss jumped for a few rows, again and again, and came back."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, lower_rate
from diagnostics.measure import evidence, moving_median, noise, outlying, shown, training_loss
from diagnostics.run import Run, Series

NAME = "loss-spike"
METHODS = None
EXPLAINS = ()

ROWS = Limit(20, "logged rows", "ours: fewer have no level to jump from")
SIGMAS = Limit(6, "standard deviations of the run's noise", "finetune-doctor 0.2.2")
TIMES = Limit(1.8, "times the local median", "finetune-doctor 0.2.2: a robust sigma alone takes 2 % wiggles for spikes")
MANY = Limit(3, "spikes", "finetune-doctor 0.2.2: one may be a single odd batch")
OFTEN = Limit(0.01, "share of the logged rows", "ours: three odd batches in a thousand are weather")
LARGE = Limit(5, "times the local median", "ours: one spike that large deserves a word of its own")
MATTERS = Limit(0.1, "of the loss at the start", "ours: from 0.0002 to 0.01 is a jump that nobody feels")
SKIP = 0.05  # of the rows, at least 5: the first losses fall steeply in every run


def check(run: Run) -> Finding | None:
    """Look for rows far above the median of their neighbours."""
    loss = training_loss(run, ROWS)
    spikes, heights = spikes_of(loss)
    if not len(spikes) or (len(spikes) < MANY and max(heights) < LARGE):
        return None
    steps = [int(loss.steps[place]) for place in spikes]
    at_epochs = at_epoch_boundaries(run, steps)
    many = len(spikes) >= max(MANY, OFTEN * len(loss)) and not at_epochs
    step = steps[int(np.argmax(heights))]
    return Finding(
        rule=NAME,
        severity="warning" if many else "info",
        confidence=0.8 if many else 0.6,
        first_step=steps[0],
        last_step=steps[-1],
        facts={
            "kind": "epochs" if at_epochs else "many" if many else "few",
            "count": len(spikes),
            "step": step,
            "times": max(heights),
            "first": steps[0],
        },
        evidence=(evidence(loss, step, *[one for one in steps if one != step]), *shown(run, step, "grad_norm")),
        causes=("epochs",) if at_epochs else ("batch", "learning-rate"),
        fixes=() if at_epochs else (*(lower_rate(run) if many else ()), Fix("look", "show", facts={"step": step})),
    )


def spikes_of(loss: Series) -> tuple[list[int], list[float]]:
    """The places of the highest row of each spike, and how many times the local median it reaches."""
    values = loss.values
    level = moving_median(values, 11)
    spread = noise(values)
    high = (values > level + SIGMAS * spread) & (values > TIMES * level) & (level > 0)
    high &= outlying(values, level) > SIGMAS
    high &= values > MATTERS * float(np.median(values[: max(3, len(values) // 20)]))
    high[: max(5, int(SKIP * len(values)))] = False
    places = np.flatnonzero(high)
    groups = np.split(places, np.flatnonzero(np.diff(places) > 2) + 1) if len(places) else []
    tops = [int(group[np.argmax(values[group])]) for group in groups]
    return tops, [float(values[top] / level[top]) for top in tops]


def at_epoch_boundaries(run: Run, steps: list[int]) -> bool:
    """Whether the spikes stand where a pass over the data begins: new rows cost more there, which is no instability."""
    epochs = run.signal("epoch")
    if epochs is None or len(steps) < 2:
        return False
    found = np.interp(steps, epochs.steps, epochs.values)
    return bool(np.mean(np.abs(found - np.round(found)) < 0.05) > 0.8) and bool(epochs.values[-1] >= 2)


WORDS = {
    "en": Words(
        title="Loss spikes",
        summary={
            "many": "The loss jumped {count} times and came back; the highest, at step {step}, is {times:.1f} times its "
            "neighbours.",
            "few": "The loss jumped at step {step} to {times:.1f} times its neighbours and came back.",
            "epochs": "The loss jumps at the beginning of each pass over the data ({count} times), which is usual.",
        },
        why="A spike is a step that undid some of what was learned; many of them say that the run is near its limit of "
        "stability.",
        wrong_if="the rows are very unequal (a mixture of tasks) and each logged row stands for few of them",
        causes={
            "batch": "A batch of odd or damaged rows.",
            "learning-rate": "A learning rate near the limit of stability.",
            "epochs": "A new pass over the data.",
        },
        fixes={"look": "Look at the rows of the batch at step {step}", **RATE_WORDS["en"]},
        about="""Checks for rows whose training loss lies far above that of their neighbours and comes back.

A spike is a row more than 6 standard deviations of the run's own noise, on a linear and on a logarithmic scale, and
more than 1.8 times above the median of the 11 rows around it, after the first 5 % of the run, and at least a tenth of the loss at the start. Three and more, and 1 % of the rows, are a
warning; fewer are named only if one is 5 times
its neighbours. Spikes at epoch boundaries are named as what they are.

Not this fault: a rise that stays (loss-diverged). GRPO, RLOO and PPO are not judged by their loss; see
gradient-explosion and kl-explosion.""",
    ),
    "zh": Words(
        title="损失尖峰",
        summary={
            "many": "损失 {count} 次突然升高又恢复；最高的在第 {step} 步，是邻近值的 {times:.1f} 倍。",
            "few": "损失在第 {step} 步升到邻近值的 {times:.1f} 倍，随后恢复。",
            "epochs": "损失在每一轮数据开始时升高（{count} 次），这是常见现象。",
        },
        why="每个尖峰都抵消了一部分学到的东西；尖峰多说明训练已接近不稳定。",
        wrong_if="数据行差异很大（多种任务混合），而每个记录行只代表少数几行数据",
        causes={
            "batch": "某个批次的数据异常或损坏。",
            "learning-rate": "学习率接近稳定的上限。",
            "epochs": "新的一轮数据。",
        },
        fixes={"look": "检查第 {step} 步那个批次的数据", **RATE_WORDS["zh"]},
        about="""检查训练损失是否在某些行远高于邻近的行，随后又恢复。

尖峰：跳过开头 5% 之后，不低于开始损失的十分之一、比前后 11 行的中位数高出 6 倍自身噪声（线性与对数尺度都是）、且超过 1.8 倍的行。三个及以上且达到 1% 的行为警告；更少时，只有达到
邻近值 5 倍才提及。出现在每轮数据开头的尖峰会如实说明。

不是本故障：升高后不再回落（见 loss-diverged）。GRPO、RLOO、PPO 不看损失，见 gradient-explosion 与 kl-explosion。""",
    ),
}
