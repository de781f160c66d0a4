"""entropy-collapse: the policy became almost deterministic without earning more for it."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, edits, lower_rate
from diagnostics.measure import (
    ONLINE,
    early,
    evidence,
    late,
    mean_trend,
    need,
    number_argument,
    second_half,
    settled_from,
    shown,
)
from diagnostics.run import Run

NAME = "entropy-collapse"
METHODS = ONLINE
EXPLAINS = ("reward-groups-constant", "length-collapse", "not-learning")

ROWS = Limit(20, "logged rows", "ours: fewer have no trend")
LEFT = Limit(0.10, "of the entropy at the start", "rl-doctor 0.2.0")
NOTHING = Limit(0.01, "nats per token", "axolotl's training_stability.qmd calls it collapsed")
BEGINNING = Limit(0.05, "nats per token", "ours: a policy that begins below it had nothing to lose")
HIGHER_CLIP = 0.28  # DAPO (arXiv 2503.14476): the upper clip that keeps unlikely tokens reachable


def check(run: Run) -> Finding | None:
    """Compare the late entropy with the early one, and see whether the reward still rises."""
    series = run.signal("entropy")
    entropy = need(series, "train/entropy", ROWS)
    start, end = early(entropy), late(entropy)
    if start < BEGINNING or end > max(LEFT * start, float(NOTHING)):
        return None
    reward = run.signal("reward")
    rising = False
    if reward is not None and len(scores := reward.finite()) >= 10:
        # Over the second half: an entropy that is spent while the reward still climbs is a policy that has decided.
        rising = mean_trend(second_half(scores)).rose()
    place = settled_from(entropy.values <= max(LEFT * start, float(NOTHING)))
    step = int(entropy.steps[place if place is not None else len(entropy) * 3 // 4])
    return Finding(
        rule=NAME,
        severity="info" if rising else "warning",
        confidence=0.5 if rising else 0.8,
        first_step=step,
        last_step=int(entropy.steps[-1]),
        facts={"kind": "rising" if rising else "flat", "step": step, "start": start, "end": end,
               "left": 100 * end / start},
        evidence=(evidence(entropy, step), *shown(run, step, "reward", "zero_std_groups", "kl")),
        causes=("clip", "learning-rate", "temperature"),
        fixes=fixes(run, step),
    )  # fmt: skip


def fixes(run: Run, step: int) -> tuple[Fix, ...]:
    """DAPO's higher upper clip for GRPO and RLOO; sampling at temperature 1; a lower rate."""
    found = []
    if run.method in ("grpo", "rloo"):
        high = number_argument(run, "epsilon_high")
        if high is None or high < HIGHER_CLIP:
            found.append(Fix("clip-higher", "ask", edits(run, epsilon_high=HIGHER_CLIP)))
    temperature = number_argument(run, "temperature")
    if temperature is not None and temperature < 1:
        found.append(Fix("temperature", "ask", edits(run, temperature=1.0)))
    return (*found, *lower_rate(run, step))


WORDS = {
    "en": Words(
        title="The policy's entropy collapsed",
        summary={
            "flat": "The entropy fell from {start:.2g} to {end:.2g} nats per token ({left:.0f} % of its start) and the reward "
            "does not rise with it.",
            "rising": "The entropy fell from {start:.2g} to {end:.2g} nats per token ({left:.0f} % of its start); the reward "
            "still rises.",
        },
        why="A policy that always says the same has nothing left to choose from: its groups earn the same reward and teach "
        "nothing.",
        wrong_if="the task has one right answer and the policy has found it",
        causes={
            "clip": "A symmetric clip lets likely tokens grow and keeps unlikely ones from coming back.",
            "learning-rate": "Policy steps too large.",
            "temperature": "Answers drawn at a low temperature.",
        },
        fixes={
            "clip-higher": "Raise the upper clip to 0.28, as DAPO does",
            "temperature": "Draw the answers at temperature 1",
            **RATE_WORDS["en"],
        },
        about="""Checks whether the entropy of the policy fell to a tenth of its start (or below 0.01 nats per token) while
the reward does not rise over the second half of the run. With a rising reward it is a note only.

Two signals on purpose: a falling entropy alone is what learning looks like. Sources: rl-doctor 0.2.0 for the tenth,
DAPO (arXiv 2503.14476) for cause and cure.""",
    ),
    "zh": Words(
        title="策略的熵坍塌",
        summary={
            "flat": "熵从每词元 {start:.2g} 降到 {end:.2g}（开始时的 {left:.0f}%），而奖励没有随之上升。",
            "rising": "熵从每词元 {start:.2g} 降到 {end:.2g}（开始时的 {left:.0f}%）；奖励仍在上升。",
        },
        why="总是说同样话的策略别无选择：各组奖励相同，学不到任何东西。",
        wrong_if="任务只有一个正确答案，而策略已经找到",
        causes={
            "clip": "对称裁剪让高概率词元继续增长，低概率词元无法恢复。",
            "learning-rate": "策略步子太大。",
            "temperature": "抽取回答的温度过低。",
        },
        fixes={
            "clip-higher": "像 DAPO 那样把上裁剪提高到 0.28",
            "temperature": "用温度 1 抽取回答",
            **RATE_WORDS["zh"],
        },
        about="""检查策略的熵是否降到开始时的十分之一（或每词元 0.01 以下），而后半段奖励没有上升。奖励仍在上升时只是提示。

需要两个信号：熵下降本身就是学习的样子。来源：十分之一取自 rl-doctor 0.2.0；原因与对策取自 DAPO（arXiv 2503.14476）。""",
    ),
}
