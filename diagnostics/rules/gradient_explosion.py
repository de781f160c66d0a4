"""gradient-explosion: the gradient norm rose far above its own level, for good or again and again."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, edits, lower_rate
from diagnostics.measure import argument, evidence, late, need, outlying, settled_from, shown
from diagnostics.run import Run, Series

NAME = "gradient-explosion"
METHODS = None
EXPLAINS = ("loss-spike", "reward-collapse", "not-learning", "held-out-score-falls")

ROWS = Limit(20, "logged rows", "ours: fewer have no level to rise from")
TIMES = Limit(10, "times the run's median norm", "finetune-doctor 0.2.2 and rlprobe 0.1.0 count a spike there")
SIGMAS = Limit(
    6, "robust standard deviations of the norm's logarithm", "ours: norms are spread by factors, not by sums"
)
MANY = Limit(3, "spikes", "rl-doctor 0.2.0")
HUGE = Limit(
    50, "times the run's median norm", "ours: a single step that large moves Adam's second moment for hundreds of steps"
)
CLIP = Limit(1.0, "norm", "TRL's and transformers' default of max_grad_norm")


def check(run: Run) -> Finding | None:
    """Compare the norms with their median after the start."""
    norms = need(run.get("train/grad_norm"), "train/grad_norm", ROWS)
    skip = max(5, len(norms) // 20)  # untrained heads and a cold Adam make the first norms large in healthy runs
    values = norms.values[skip:]
    level, first = float(np.median(values)), float(np.median(values[: max(1, len(values) // 4)]))
    if first > TIMES * level:
        level = first  # the norm vanished, as it does once a policy is deterministic: its start was no explosion
    if level <= 0:
        return None
    high = (values > TIMES * level) & (outlying(values, np.full(len(values), level)) > SIGMAS)
    places = np.flatnonzero(high)
    sustained = settled_from(high) if late(norms) > TIMES * float(np.median(values[: len(values) // 2])) else None
    rising = rise(values)
    peak = float(values.max()) / level
    if rising is not None:
        kind, at = "rising", rising
    elif sustained is not None:
        kind, at = "sustained", sustained
    elif len(places) >= MANY:
        kind, at = "many", int(places[0])
    elif len(places) and peak > HUGE:
        kind, at = "huge", int(np.argmax(values))
    else:
        return None
    step = int(norms.steps[skip + at])
    for_good = kind in ("rising", "sustained")
    return Finding(
        rule=NAME,
        severity="error" if for_good else "warning",
        confidence=0.85 if for_good else 0.75,
        first_step=step,
        last_step=run.last_step if for_good else int(norms.steps[skip + places[-1]]),
        facts={
            "kind": kind,
            "step": step,
            "count": len(places),
            "level": level,
            "peak": float(values.max()),
            "times": peak,
            "end": late(norms),
        },
        evidence=(evidence(norms, step), *shown(run, step, "loss", "kl", "reward", "learning_rate")),
        causes=("learning-rate", "batch") if for_good else ("batch", "learning-rate"),
        fixes=fixes(run, norms, level, step),
    )


def rise(values: np.ndarray) -> int | None:
    """The place from which the norm stays above `TIMES` its level in the first half; None if it does not."""
    if len(values) < 20:
        return None
    before = float(np.median(values[: len(values) // 2]))
    quarter = values[-max(5, len(values) // 4) :]
    if before <= 0 or float(np.median(quarter)) <= TIMES * before:
        return None
    return settled_from(values > TIMES * before)


def fixes(run: Run, norms: Series, level: float, step: int) -> tuple[Fix, ...]:
    """Clipping near the healthy level, where there is none or it lies far above it; and a lower rate."""
    found = []
    clip = argument(run, "max_grad_norm")
    if clip == 0 or (isinstance(clip, int | float) and clip > TIMES * level):
        found.append(Fix("clip", "ask", edits(run, max_grad_norm=float(CLIP))))
    return (*found, *lower_rate(run, step), Fix("look", "show", facts={"step": step}))


WORDS = {
    "en": Words(
        title="The gradient explodes",
        summary={
            "rising": "The gradient norm rose at step {step} and stayed: {end:.3g} at the end.",
            "sustained": "The gradient norm rose at step {step} and stayed: {end:.3g} at the end.",
            "many": "{count} logged rows have a gradient norm of more than ten times the usual {level:.3g} (highest "
            "{peak:.3g}).",
            "huge": "At step {step} the gradient norm was {peak:.3g}, {times:.0f} times the usual {level:.3g}.",
        },
        why="Clipping keeps the direction of such a step and throws away its size: the model moves where one odd batch "
        "pushed it.",
        wrong_if="most rows have a norm near 0 on purpose (few rewards, masked rows), so that the usual norm is tiny",
        causes={
            "learning-rate": "A learning rate beyond what the model bears.",
            "batch": "A batch of odd, very long or damaged rows.",
        },
        fixes={
            "clip": "Clip the gradient at a norm of 1",
            "look": "Look at the rows of the batch at step {step}",
            **RATE_WORDS["en"],
        },
        about="""Checks the gradient norm, as logged before clipping, against its own level.

It is an explosion if the norm rises to ten times its level of the first half and stays there (an error), if three or
more rows reach ten times the median and 6 robust standard deviations on a logarithmic scale, or if a single one reaches 50
times.
Where the norm vanished in the course of the run, its first quarter is the level.
The first 5 % of the rows, at least 5, are passed over: an untrained head and a cold Adam make them large in healthy
runs.

Not this fault: infinite norms at scattered steps of fp16, which the loss scaler skips (gradient-not-finite).""",
    ),
    "zh": Words(
        title="梯度爆炸",
        summary={
            "rising": "梯度范数在第 {step} 步升高后不再回落，结束时为 {end:.3g}。",
            "sustained": "梯度范数在第 {step} 步升高后不再回落，结束时为 {end:.3g}。",
            "many": "有 {count} 行的梯度范数超过通常值 {level:.3g} 的十倍（最高 {peak:.3g}）。",
            "huge": "第 {step} 步的梯度范数为 {peak:.3g}，是通常值 {level:.3g} 的 {times:.0f} 倍。",
        },
        why="裁剪保留了这一步的方向而丢掉大小：模型被一个异常批次带偏。",
        wrong_if="多数行的范数本来就接近 0（奖励稀少、标签被掩码），所以通常值极小",
        causes={"learning-rate": "学习率超出模型的承受能力。", "batch": "某个批次的数据异常、过长或损坏。"},
        fixes={"clip": "把梯度范数裁剪到 1", "look": "检查第 {step} 步那个批次的数据", **RATE_WORDS["zh"]},
        about="""检查裁剪前的梯度范数与其自身水平之比。

以下情况判为爆炸：升到前半段水平的十倍且不再回落（错误）；三行及以上达到中位数十倍且在对数尺度上超过 6 倍稳健标准差；或单独一行达到
50 倍。范数在训练途中趋近于零时，以最初四分之一为水平。开头 5%（至少 5 行）不计：未训练的头部和刚启动的 Adam 在健康训练里也会使其偏大。

不是本故障：fp16 下零星的无穷大范数，损失缩放器会跳过（见 gradient-not-finite）。""",
    ),
}
