"""kl-negative: the KL to the reference is negative, which no divergence can be: the samples are not the policy's own."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, first_run_of, need, scatter, shown
from diagnostics.run import Run
from diagnostics.run.tags import PER_SEQUENCE, unit_of

NAME = "kl-negative"
METHODS = ("ppo", "rloo", "grpo")
EXPLAINS = ("kl-explosion", "reference-mismatch")

ROWS = Limit(5, "logged rows", "ours: an estimate of few samples may be negative once")
SEQUENCE = Limit(-1.0, "nats per sequence", "TRL 0.11's PPO trainer warns below it")
TOKEN = Limit(-0.05, "nats per token", "ours: the same for answers of 20 tokens")
TOGETHER = Limit(3, "rows in a row", "ours: chance does not repeat itself")


def check(run: Run) -> Finding | None:
    """Look for a stretch of negative KL."""
    series = run.signal("kl")
    if series is None:
        raise CannotJudge("no-kl")
    kl = need(series, series.tag, ROWS)
    per_sequence = unit_of("kl", run.method) == PER_SEQUENCE
    limit = SEQUENCE if per_sequence else TOKEN
    place = first_run_of((kl.values < limit) & (kl.values < -scatter(kl.values)), int(TOGETHER))
    if place is None:
        return None
    step = int(kl.steps[place])
    settings = wrong_settings(run)
    return Finding(
        rule=NAME,
        severity="error" if settings else "warning",
        confidence=0.95 if settings else 0.8,
        first_step=step,
        last_step=int(kl.steps[-1]),
        facts={
            "kind": "sequence" if per_sequence else "token",
            "step": step,
            "least": float(kl.values.min()),
            "settings": ", ".join(f"{name}={argument(run, name)}" for name in settings) or "-",
        },
        evidence=(evidence(kl, step), *shown(run, step, "reward")),
        causes=("known-settings", "dropout") if settings else ("settings", "dropout"),
        fixes=(Fix("sampling", "ask", edits(run, **settings)),) if settings else (Fix("by-hand", "show"),),
    )


def wrong_settings(run: Run) -> dict[str, float | int]:
    """The sampling arguments of the run that make its samples differ from its policy, with their neutral values."""
    neutral: dict[str, float | int] = {"top_k": 0, "top_p": 1.0, "temperature": 1.0, "repetition_penalty": 1.0}
    return {name: value for name, value in neutral.items() if argument(run, name) not in (None, value)}


WORDS = {
    "en": Words(
        title="The KL is negative",
        summary={
            "sequence": "The KL to the reference is negative from step {step} on, down to {least:.3g} nats per sequence.",
            "token": "The KL to the reference is negative from step {step} on, down to {least:.3g} nats per token.",
        },
        why="A divergence is never negative: the answers were not drawn from the policy whose probabilities are compared, "
        "and the penalty rewards what it should punish.",
        wrong_if="the estimate rests on very few tokens",
        causes={
            "known-settings": "The answers are drawn with {settings}: a part of the distribution that the log-probabilities "
            "do not know of.",
            "settings": "Answers drawn with top_k, top_p, min_length or another temperature than that of the "
            "log-probabilities.",
            "dropout": "Dropout in the policy's pass and not in the reference's.",
        },
        fixes={
            "sampling": "Draw the answers from the whole distribution",
            "by-hand": "Generate with top_k=0, top_p=1.0, min_length=-1 and one temperature throughout; turn dropout off",
        },
        about="""Checks for a KL to the reference that is negative: three rows in a row below -1 nats per sequence (PPO) or
-0.05 per token (GRPO, RLOO), and below the noise of the series.

TRL 0.11 warned of it as a precursor of failed training (huggingface/trl#925, #1161, #1857). The usual cause is
sampling with top_k, top_p or min_length, so that the samples do not come from the distribution whose log-probabilities
are taken.""",
    ),
    "zh": Words(
        title="KL 为负",
        summary={
            "sequence": "与参考模型的 KL 从第 {step} 步起为负，最低每序列 {least:.3g}。",
            "token": "与参考模型的 KL 从第 {step} 步起为负，最低每词元 {least:.3g}。",
        },
        why="散度不可能为负：回答并非取自所比较的那个策略，惩罚反而奖励了应受惩罚的行为。",
        wrong_if="估计只基于很少的词元",
        causes={
            "known-settings": "回答是用 {settings} 抽取的：对数概率并不知道分布被截断。",
            "settings": "抽取回答时使用了 top_k、top_p、min_length，或与对数概率不同的温度。",
            "dropout": "策略前向时有 dropout，而参考模型没有。",
        },
        fixes={
            "sampling": "从完整分布中抽取回答",
            "by-hand": "生成时用 top_k=0、top_p=1.0、min_length=-1，温度始终一致，并关闭 dropout",
        },
        about="""检查与参考模型的 KL 是否为负：连续三行低于每序列 -1（PPO）或每词元 -0.05（GRPO、RLOO），且低于序列自身的
噪声。

TRL 0.11 视其为训练失败的前兆（huggingface/trl#925、#1161、#1857）。通常是用 top_k、top_p 或 min_length 抽样，样本并非来自
计算对数概率的那个分布。""",
    ),
}
