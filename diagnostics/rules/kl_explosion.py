"""kl-explosion: the policy ran away from its reference model."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, lower_rate, stronger_penalty
from diagnostics.measure import ONLINE, early, evidence, late, need, settled_from, shown
from diagnostics.run import Run, Series
from diagnostics.run.tags import PER_SEQUENCE, unit_of

NAME = "kl-explosion"
METHODS = ONLINE
EXPLAINS = (
    "reward-collapse",
    "gradient-explosion",
    "policy-ratio-blowup",
    "entropy-collapse",
    "length-explosion",
    "completions-truncated",
    "reward-groups-constant",
)

ROWS = Limit(20, "logged rows", "ours: fewer have no trend")
TOKEN_WARNING = Limit(0.5, "nats per token", "rl-doctor 0.2.0")
TOKEN_ERROR = Limit(2.0, "nats per token", "rl-doctor 0.2.0; axolotl's training_stability.qmd takes it for diverged")
SEQUENCE_WARNING = Limit(10.0, "nats per sequence", "TRL's PPO documentation: keep objective/kl between 0 and 10")
SEQUENCE_ERROR = Limit(30.0, "nats per sequence", "ours: three times the most that TRL's documentation calls healthy")
RISE = Limit(4.0, "times its level in the first tenth", "ours: a KL that is high and steady is a chosen distance")
RECOVERED = 0.5  # of the peak: a late level below it has come back
# What a penalty is raised to: GRPO and RLOO runs that use one take 0.02 to 0.05 (TRL's paper index), PPO v2 0.05.
PENALTY = {"grpo": 0.04, "rloo": 0.05, "ppo": 0.05}


def check(run: Run) -> Finding | None:
    """Compare the late KL with its early level and with what its unit allows."""
    series = run.signal("kl")
    if series is None:
        raise CannotJudge("no-kl")
    kl = need(series, series.tag, ROWS)
    per_sequence = unit_of("kl", run.method) == PER_SEQUENCE
    warning, error = (SEQUENCE_WARNING, SEQUENCE_ERROR) if per_sequence else (TOKEN_WARNING, TOKEN_ERROR)
    start, end = max(0.0, early(kl)), late(kl)
    if end <= warning or end <= RISE * start or late(kl, 0.1) < RECOVERED * smooth_peak(kl):
        return None
    place = settled_from(kl.values > max(float(warning), RISE * start), 0.7)
    step = int(kl.steps[place if place is not None else len(kl) * 3 // 4])
    return Finding(
        rule=NAME,
        severity="error" if end > error else "warning",
        confidence=0.85 if end > error else 0.7,
        first_step=step,
        last_step=int(kl.steps[-1]),
        facts={
            "kind": "sequence" if per_sequence else "token",
            "step": step,
            "start": start,
            "end": end,
            "peak": float(kl.values.max()),
            "limit": float(warning),
        },
        evidence=(evidence(kl, step), *shown(run, step, "reward", "entropy", "learning_rate")),
        causes=("learning-rate", "penalty", "reward"),
        fixes=fixes(run, step),
    )


def smooth_peak(kl: Series) -> float:
    """The highest median over a tenth of the rows: a single spike is no level."""
    parts = np.array_split(kl.values, min(10, max(1, len(kl) // 5)))
    return max(float(np.median(part)) for part in parts)


def fixes(run: Run, step: int) -> tuple[Fix, ...]:
    """A stronger penalty: twice the run's own, at least the usual one; and a lower rate."""
    return (stronger_penalty(run, PENALTY[run.method or "grpo"]), *lower_rate(run, step))


WORDS = {
    "en": Words(
        title="The policy runs away from its reference",
        summary={
            "token": "The KL to the reference rose from {start:.2g} to {end:.2g} nats per token (above {limit:g} since step "
            "{step}).",
            "sequence": "The KL to the reference rose from {start:.2g} to {end:.2g} nats per sequence (above {limit:g} since "
            "step {step}).",
        },
        why="Far from the reference the reward is no longer a measure of quality: it can be gained by text that nobody "
        "would write.",
        wrong_if="a large distance is wanted (training from a weak base) and answers sampled at the end are good",
        causes={
            "learning-rate": "Policy steps too large: the learning rate, or too many epochs over one batch of answers.",
            "penalty": "A KL penalty too weak to hold it, or none.",
            "reward": "A reward that pays for leaving the reference (see reward-hacking-suspected).",
        },
        fixes={"penalty": "Raise the KL penalty to {new:g}", **RATE_WORDS["en"]},
        about="""Checks the KL divergence of the policy from its reference model, in the unit in which the trainer logs it.

GRPO and RLOO log a mean per token: more than 0.5 is a warning, more than 2 an error. PPO logs a sum per sequence: more
than 10 is a warning, more than 30 an error. The level is the median of the last quarter of the rows, and it must be
four times that of the first tenth and not have come back: a single spike is no explosion.

GRPO logs no KL where beta is 0, its default: then this cannot be judged.""",
    ),
    "zh": Words(
        title="策略远离参考模型",
        summary={
            "token": "与参考模型的 KL 从每词元 {start:.2g} 升到 {end:.2g}（自第 {step} 步起超过 {limit:g}）。",
            "sequence": "与参考模型的 KL 从每序列 {start:.2g} 升到 {end:.2g}（自第 {step} 步起超过 {limit:g}）。",
        },
        why="离参考模型太远时，奖励不再衡量质量：没有人会写的文本也能得到高分。",
        wrong_if="本来就需要走远（从较弱的底座开始），而且最后抽取的回答是好的",
        causes={
            "learning-rate": "策略步子太大：学习率过高，或对同一批回答训练的轮数过多。",
            "penalty": "KL 惩罚太弱，或没有。",
            "reward": "奖励鼓励远离参考模型（见 reward-hacking-suspected）。",
        },
        fixes={"penalty": "把 KL 惩罚提高到 {new:g}", **RATE_WORDS["zh"]},
        about="""检查策略与参考模型的 KL 散度，按训练器记录的单位判断。

GRPO 与 RLOO 记录每词元的平均值：超过 0.5 为警告，超过 2 为错误。PPO 记录每序列之和：超过 10 为警告，超过 30 为错误。
取最后四分之一行的中位数，且须达到最初十分之一的四倍、没有回落：单个尖峰不算。

GRPO 的 beta 默认为 0，那时不记录 KL，无法判断。""",
    ),
}
