"""reward-length-bias: the reward rises with the length of the answers, and by nothing else that was measured."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import (
    ONLINE,
    aligned,
    argument,
    early,
    evidence,
    late,
    mean_trend,
    need,
    rank_correlation,
    settled_from,
    shown,
)
from diagnostics.preflight.material import Material
from diagnostics.preflight.trials import beats, pays_length, probe_table, repeatable, trials_of
from diagnostics.run import Run

NAME = "reward-length-bias"
METHODS = ONLINE
EXPLAINS = ("completions-truncated", "reward-hacking-suspected")

ROWS = Limit(30, "logged rows", "ours: a correlation of fewer is chance")
GROWTH = Limit(1.5, "times the early length", "rl-doctor 0.2.0")
TOGETHER = Limit(0.6, "rank correlation of length and reward", "rl-doctor 0.2.0")
EARNED = Limit(0.25, "of the growth in length", "rl-doctor 0.2.0: held-out gain below it did not earn the length")


def check(run: Run) -> Finding | None:
    """Look for length and reward that grow together, and for an evaluation that says whether it was earned."""
    lengths = need(run.signal("length"), "train/completions/mean_length", ROWS)
    reward = need(run.signal("reward"), "train/reward", ROWS)
    start, end = early(lengths), late(lengths)
    growth = end / start if start > 0 else 0.0
    _, left, right = aligned(lengths, reward)
    if growth < GROWTH or len(left) < ROWS:
        return None
    together = rank_correlation(left, right)
    if together < TOGETHER or not mean_trend(reward).rose():
        return None
    held = run.signal("reward", "eval")
    kind = "unknown"
    if held is not None and len(known := held.finite()) >= 3:
        first = float(known.values[0])
        gain = (float(known.values[-1]) - first) / abs(first) if first else float(known.values[-1])
        if gain >= EARNED * (growth - 1):
            return None
        kind = "unearned"
    place = settled_from(lengths.values >= GROWTH * start, 0.7)
    step = int(lengths.steps[place if place is not None else -1])
    return Finding(
        rule=NAME,
        severity="warning" if kind == "unearned" else "info",
        confidence=0.75 if kind == "unearned" else 0.4,
        first_step=step,
        last_step=int(lengths.steps[-1]),
        facts={"kind": kind, "start": start, "end": end, "together": together},
        evidence=(evidence(lengths, step), evidence(reward, step), *shown(run, step, "truncated", "kl")),
        causes=("reward-model", "sum", "reasoning"),
        fixes=fixes(run),
    )


def preflight(material: Material) -> Finding | None:
    """Look for a function that pays more for a very long answer that says nothing, and for the reference ten times over."""
    for one in trials_of(material):
        long, repeated = beats(one, "long"), beats(one, "repeated")
        if one.failed is not None or not repeatable(one) or long is None or repeated is None or not pays_length(one):
            continue
        return Finding(
            rule=NAME,
            severity="warning",
            confidence=0.8,
            first_step=0,
            last_step=0,
            facts={
                "kind": "tried",
                "name": one.name,
                "long": long.share,
                "repeated": repeated.share,
                "rows": long.rows,
            },
            evidence=(probe_table(one),),
            causes=("sum", "reward-model"),
            fixes=(Fix("penalty", "show"), Fix("evaluate", "show")),
        )
    return None


def fixes(run: Run) -> tuple[Fix, ...]:
    """A loss that does not favour length, and a reward that does not either."""
    found = []
    if run.method == "grpo" and argument(run, "loss_type") in ("grpo", "bnpo"):
        found.append(Fix("loss", "ask", edits(run, loss_type="dr_grpo")))
    return (*found, Fix("penalty", "show"), Fix("evaluate", "show"))


WORDS = {
    "en": Words(
        title="The reward rises with the length",
        summary={
            "unearned": "Answers grew from {start:.0f} to {end:.0f} tokens and the reward with them (rank correlation "
            "{together:.2f}), but the held-out reward did not follow.",
            "unknown": "Answers grew from {start:.0f} to {end:.0f} tokens and the reward with them (rank correlation "
            "{together:.2f}); nothing held out says whether the length was earned.",
            "tried": "{name} pays more than for the good answer where it is repeated ten times (on {repeated:.0%} of {rows} "
            "rows), and for a very long one that says nothing (on {long:.0%}).",
        },
        why="Length is the easiest thing to learn: if the reward pays for it, the policy learns that first.",
        wrong_if="the task needs longer answers, as reasoning does",
        causes={
            "reward-model": "A reward model that prefers long answers (most do).",
            "sum": "A reward that counts: sentences, keywords, steps.",
            "reasoning": "Or the length is earned: longer reasoning, better answers.",
        },
        fixes={
            "loss": "Use a loss that does not favour long answers",
            "penalty": "Subtract a length penalty, or compare answers of equal length only",
            "evaluate": "Evaluate on held-out prompts with a reward that does not see the length",
        },
        about="""Checks whether mean length and reward grow together: the length by half and more, with a rank correlation of
0.6 and more over at least 30 rows. Without a held-out reward it is a note; with one that gained less than a quarter of
the growth in length, a warning; with one that gained more, nothing is said.

Before a run, each reward function is tried with the good answer ten times over and with a very long one that says
nothing: a warning where both earn more than the good answer alone.

Source: rl-doctor 0.2.0.""",
    ),
    "zh": Words(
        title="奖励随长度上升",
        summary={
            "unearned": "回答从 {start:.0f} 增到 {end:.0f} 个词元，奖励随之上升（秩相关 {together:.2f}），但留出的奖励没有跟上。",
            "unknown": "回答从 {start:.0f} 增到 {end:.0f} 个词元，奖励随之上升（秩相关 {together:.2f}）；没有留出的评估说明这是否值得。",
            "tried": "{name} 对重复十遍的好回答给分更高（{rows} 行中的 {repeated:.0%}），对又长又空洞的回答也给分更高（{long:.0%}）。",
        },
        why="长度最容易学会：如果奖励为它付费，策略首先学到的就是它。",
        wrong_if="任务需要更长的回答，例如推理",
        causes={
            "reward-model": "偏爱长回答的奖励模型（多数如此）。",
            "sum": "按数量计的奖励：句子、关键词、步骤。",
            "reasoning": "也可能是值得的：推理更长，回答更好。",
        },
        fixes={
            "loss": "使用不偏向长回答的损失",
            "penalty": "减去长度惩罚，或只比较同样长度的回答",
            "evaluate": "用看不到长度的奖励在留出提示上评估",
        },
        about="""检查平均长度与奖励是否一同增长：长度增长一半以上，且在至少 30 行里秩相关达到 0.6。没有留出奖励时只是提示；留出奖励的增益
不到长度增长的四分之一时为警告；更多则不报。

训练之前，用重复十遍的好回答和又长又空洞的回答试每个奖励函数：两者得分都高于好回答本身时为警告。

来源：rl-doctor 0.2.0。""",
    ),
}
