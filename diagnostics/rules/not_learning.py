"""not-learning: the training loss, or an online method's reward, ended where it began."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import NEAR, RATE_WORDS, higher_rate, usual_rate
from diagnostics.measure import (
    ONLINE,
    PREFERENCE,
    evidence,
    in_warmup,
    late,
    mean_trend,
    need,
    noise,
    peak_learning_rate,
    scatter,
    shown,
    training_loss,
    trend,
)
from diagnostics.run import Run, Series

NAME = "not-learning"
METHODS = None
EXPLAINS = ()

POINTS = Limit(20, "logged rows", "finetune-doctor 0.2.2 and runmedic 0.1.1")
FALL = Limit(0.03, "of the loss at the start", "finetune-doctor 0.2.2, after 89 public runs")
# The difference of two medians of n noisy rows has a standard error of about 1.25 * sigma * sqrt(2 / n).
ERRORS = Limit(2.0, "standard errors", "twice is what chance alone would show")
HIDDEN = Limit(0.10, "of the loss at the start", "ours: where noise hides even such a fall, nothing can be said")
LOW = Limit(0.05, "loss", "ours: a well-matched model sits there from the start and has little left to fall by")
# Online methods: their reward.
REWARDS = Limit(50, "logged rows of reward", "ours: a row is a batch of few answers")
EFFECT = Limit(0.5, "standard deviations of single rewards", "a medium effect (Cohen 1988): it must have been visible")
SMALL = Limit(0.2, "standard deviations of single rewards", "less than a small effect (Cohen 1988), however sure it is")
SAME = Limit(1e-5, "of the spread of single rewards", "ours: the rounding of a mean in float32")
STILL = Limit(1e-6, "nats per token between old and new policy", "ours: a millionth of what PPO allows an epoch")


def check(run: Run) -> Finding | None:
    """Compare the first part of the loss, or of the reward, with the last."""
    if in_warmup(run):
        raise CannotJudge("in-warmup")
    return check_reward(run) if run.method in ONLINE else check_loss(run)


def check_loss(run: Run) -> Finding | None:
    """Compare the first tenth of the loss with the last."""
    loss = training_loss(run, POINTS)
    tenth = max(5, len(loss) // 10)
    start, end = float(np.median(loss.values[:tenth])), float(np.median(loss.values[-tenth:]))
    fall = (start - end) / abs(start) if start else 0.0
    by_chance = ERRORS * 1.25 * noise(loss.values) * (2 / tenth) ** 0.5
    if start == 0 or start - end > max(FALL * abs(start), by_chance):
        return None
    # A loss of log-sigmoid begins at ln 2 by construction and falls by half the margin: a margin that rises is learning,
    # and whether it rises enough is for preference-flat to say.
    if run.method in (*PREFERENCE, "reward"):
        margin = run.signal("margin")
        if margin is not None and len(known := margin.finite()) >= POINTS and trend(known).rose():
            return None
    if abs(start) < LOW:
        raise CannotJudge("loss-already-low", loss=start)
    if by_chance > HIDDEN * abs(start):
        raise CannotJudge("too-noisy", noise=noise(loss.values), points=len(loss))
    return finding(run, "loss", loss, start, end, 100 * fall, ("learned", "learning-rate-high", "data"))


def check_reward(run: Run) -> Finding | None:
    """Compare the first fifth of the reward with the last, if a rise worth the name would have shown."""
    reward = need(run.signal("reward"), "train/reward", REWARDS)
    over = mean_trend(reward)
    spread = single_spread(run, reward)
    # Ranks, win rates or rewards normalised within the batch: their mean is one number whatever is learned.
    if spread > 0 and np.ptp(reward.values) < SAME * spread:
        raise CannotJudge("reward-is-relative", reward=over.start)
    if over.rose(ERRORS) and over.change > SMALL * spread:
        return None
    if ERRORS * over.error > EFFECT * spread:
        raise CannotJudge("too-noisy", noise=over.error, points=len(reward))
    if over.change > EFFECT * spread:
        return None
    moved = run.signal("approximate_kl")
    still = moved is not None and len(finite := moved.finite()) and late(finite) < STILL
    causes = ("still", "reward", "learning-rate-high") if still else ("reward", "groups", "learning-rate-high")
    change = 100 * over.change / abs(over.start) if over.start else 0.0
    return finding(run, "reward", reward, over.start, over.end, change, causes)


def single_spread(run: Run, reward: Series) -> float:
    """The spread of single rewards as far as the log tells it, at least the noise of their means.

    TRL logs it per reward function (`rewards/NAME/std`), and within groups or over the batch as `reward_std`.
    """
    logged = [run.signal("reward_std"), *(run.get(f"train/rewards/{name}/std") for name in run.reward_components())]
    known = [one.finite().values for one in logged if one is not None]
    middles = [float(np.median(values[values > 0])) for values in known if (values > 0).any()]
    return max([scatter(reward.values), *middles])


def finding(
    run: Run, kind: str, series: Series, start: float, end: float, change: float, causes: tuple[str, ...]
) -> Finding:
    """The finding; a learning rate far below the usual is named as its first cause."""
    rate, usual = peak_learning_rate(run), usual_rate(run)
    low = rate is not None and usual is not None and rate < usual[0] / NEAR
    step = int(series.steps[0])
    # A rate far below the usual one, or steps that do not move the policy: more of it is the first thing to try.
    fixes = higher_rate(run) if low or causes[0] == "still" else ()
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.85 if low or causes[0] == "still" else 0.7,
        first_step=step,
        last_step=int(series.steps[-1]),
        facts={
            "kind": kind,
            "start": start,
            "end": end,
            "change": change,
            "points": len(series),
            "rate": rate or 0.0,
            "usual": usual[0] if usual else 0.0,
        },
        evidence=(
            evidence(series, step, int(series.steps[-1])),
            *shown(run, step, "learning_rate", "grad_norm", "approximate_kl"),
        ),
        causes=(("learning-rate",) if low else ()) + tuple(causes),
        fixes=(*fixes, Fix("look" if kind == "loss" else "reward", "show")),
    )


WORDS = {
    "en": Words(
        title="The model is not learning",
        summary={
            "loss": "The loss went from {start:.4g} to {end:.4g} over {points} logged rows: it fell by {change:.1f} %.",
            "reward": "The reward went from {start:.4g} to {end:.4g} over {points} logged rows ({change:+.1f} %): no rise that "
            "chance would not show.",
        },
        why="The compute is spent, and the checkpoint answers like the model it began from.",
        wrong_if="the model had already learned this data before the run began",
        causes={
            "learning-rate": "The learning rate, {rate:.3g} at its peak, is far below the usual {usual:.3g}.",
            "learning-rate-high": "A learning rate so high that every step undoes the last ({rate:.3g} at its peak).",
            "data": "Labels that carry nothing to learn: masked, constant, or random.",
            "learned": "The data were learned before: there is nothing left to gain from them.",
            "still": "The updates hardly move the policy at all: the learning rate is too small for the number of steps.",
            "reward": "A reward that does not tell good answers from bad, or that no answer can raise.",
            "groups": "Groups of answers that all earn the same (see reward-groups-constant).",
        },
        fixes={
            "look": "Read ten rows as the trainer sees them, decoded and with their masked labels, and let the starting "
            "model answer them: either nothing is trained on, or nothing is new",
            "reward": "Score ten answers by hand and with the reward function: where they disagree, mend the reward first",
            **RATE_WORDS["en"],
        },
        about="""Checks for a training loss, or an online method's reward, that ends where it began.

Loss (SFT, reward model, DPO, ORPO, KTO): the median of the first tenth of the rows against that of the last (at least 5
rows each, 20 in all). It is no learning if it fell by less than 3 %, or by no more than chance would show given the
run's own noise. A preference or reward model whose margin rises is learning, however little its loss, which begins near ln 2,
has fallen. If the noise would hide even a fall of 10 %, the rule says that it cannot judge. A loss already below
0.05 is not judged.

Reward (GRPO, RLOO, PPO, whose loss tells nothing): the first fifth against the last, at least 50 rows. It is no
learning if it rose by no more than two standard errors, or by less than a fifth of the spread of single rewards (a
small effect), while half of that spread (a medium one) would have shown. A reward whose mean is one and the same in all rows while single rewards differ is
relative within the batch, and is not judged.

A run that ended within its warm-up is not judged. Where the gradient is exactly zero, nothing-trainable says why; where
the loss rose, loss-diverged; where most groups earn the same, reward-groups-constant.""",
    ),
    "zh": Words(
        title="模型没有在学习",
        summary={
            "loss": "损失在 {points} 行记录中从 {start:.4g} 变到 {end:.4g}：下降 {change:.1f}%。",
            "reward": "奖励在 {points} 行记录中从 {start:.4g} 变到 {end:.4g}（{change:+.1f}%）：没有超出偶然的上升。",
        },
        why="算力白费了，检查点的回答与起始模型一样。",
        wrong_if="训练开始前模型已经学会了这些数据",
        causes={
            "learning-rate": "学习率峰值 {rate:.3g} 远低于常用值 {usual:.3g}。",
            "learning-rate-high": "学习率太高，每一步都抵消上一步（峰值 {rate:.3g}）。",
            "data": "标签里没有可学的东西：被掩码、恒定不变，或是随机的。",
            "learned": "这些数据以前已经学过，没有更多可学。",
            "still": "更新几乎没有移动策略：相对步数，学习率太小。",
            "reward": "奖励分不清回答的好坏，或没有回答能使它升高。",
            "groups": "组内回答得分都相同（见 reward-groups-constant）。",
        },
        fixes={
            "look": "按训练器看到的样子读十行数据（解码后，连同被掩码的标签），并让起始模型回答它们：要么没有可训练的标签，"
            "要么没有新东西",
            "reward": "人工与奖励函数各给十个回答打分：不一致的地方，先修正奖励",
            **RATE_WORDS["zh"],
        },
        about="""检查训练损失（或在线方法的奖励）是否结束时与开始时一样。

损失（SFT、奖励模型、DPO、ORPO、KTO）：比较最初十分之一与最后十分之一的中位数（各至少 5 行，共至少 20 行）。降幅不到
3%，或不超过该训练自身噪声下偶然会出现的差别，就判为没有学习。偏好训练与奖励模型只要间隔在增大就是在学习，无论其
（从 ln 2 附近开始的）损失降得多少。噪声大到连 10% 的下降都看不出来时，说明无法判断。损失已低于
0.05 时不判断。

奖励（GRPO、RLOO、PPO，其损失不反映学习）：最初五分之一与最后五分之一比较，至少 50 行。若升幅不超过两倍标准误，或不到单个奖励
离散度的五分之一（小效应），而其一半（中等效应）的升幅本可看出，就判为没有学习。各行均值完全相同而单个奖励有差别时，奖励是批内
相对值，不判断。

在预热中结束的训练不判断。梯度恰好为零时由 nothing-trainable 说明；损失升高时由 loss-diverged 说明；多数组得分相同时由
reward-groups-constant 说明。""",
    ),
}
