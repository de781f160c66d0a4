"""length-collapse: the answers shrink, and nothing is earned by it."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, lower_rate
from diagnostics.measure import ONLINE, early, evidence, late, mean_trend, need, settled_from, shown, trend
from diagnostics.run import Run

NAME = "length-collapse"
METHODS = ONLINE
EXPLAINS = ("not-learning",)

ROWS = Limit(20, "logged rows", "ours: fewer have no trend")
LEFT = Limit(0.5, "of the early length", "ours: the mirror of length-explosion, rounded down")
TOKENS = Limit(8, "tokens", "ours: short answers wobble by a few tokens")
EMPTY = Limit(2, "tokens", "ours: an end token and nothing to end")


def check(run: Run) -> Finding | None:
    """Compare the late length with the early one, and the reward with its start."""
    lengths = need(run.signal("length"), "train/completions/mean_length", ROWS)
    start, end = early(lengths), late(lengths)
    if end > LEFT * start or start - end < TOKENS or not trend(lengths).fell():
        return None
    reward = run.signal("reward")
    better = reward is not None and len(scores := reward.finite()) >= ROWS and mean_trend(scores).rose()
    if better and end > EMPTY:
        return None  # shorter and better: a policy that learned to stop
    place = settled_from(lengths.values <= LEFT * start, 0.7)
    step = int(lengths.steps[place if place is not None else len(lengths) * 3 // 4])
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.75,
        first_step=step,
        last_step=int(lengths.steps[-1]),
        facts={"step": step, "start": start, "end": end},
        evidence=(evidence(lengths, step), *shown(run, step, "reward", "entropy")),
        causes=("penalty", "collapse"),
        fixes=(Fix("floor", "show"), *lower_rate(run, step)),
    )


WORDS = {
    "en": Words(
        title="The answers shrink for nothing",
        summary="The mean length fell from {start:.0f} to {end:.1f} tokens (from step {step} on) and the reward did not rise.",
        why="A policy that says less and less has given up the task; in the end it says nothing.",
        wrong_if="shorter answers are what is wanted and no reward measures it",
        causes={
            "penalty": "A length penalty, or a KL penalty summed over the sequence, that outweighs the reward.",
            "collapse": "The policy has collapsed on one short answer (see entropy-collapse, reward-groups-constant).",
        },
        fixes={"floor": "Weaken the length penalty, or give it a floor", **RATE_WORDS["en"]},
        about="""Checks whether the mean length of the completions fell to half and less, by at least 8 tokens and beyond
its noise, while the reward did not rise. Answers of two tokens and less are named whatever the reward does.

A policy that learns to stop grows shorter and better: that is no fault.""",
    ),
    "zh": Words(
        title="回答越来越短却没有收益",
        summary="平均长度从 {start:.0f} 降到 {end:.1f} 个词元（从第 {step} 步起），而奖励没有上升。",
        why="话越来越少的策略等于放弃了任务，最后什么也不说。",
        wrong_if="本来就想要更短的回答，而奖励没有衡量这一点",
        causes={
            "penalty": "长度惩罚（或按序列求和的 KL 惩罚）盖过了奖励。",
            "collapse": "策略坍塌到一个短回答上（见 entropy-collapse、reward-groups-constant）。",
        },
        fixes={"floor": "减弱长度惩罚，或为其设下限", **RATE_WORDS["zh"]},
        about="""检查回答的平均长度是否降到一半以下（至少 8 个词元，且超出噪声），而奖励没有上升。降到两个词元以下时，不论奖励
如何都会报告。

学会及时结束的策略会更短也更好：那不是故障。""",
    ),
}
