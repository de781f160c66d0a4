"""length-explosion: the answers grow longer and longer, and nothing is earned by it."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import ONLINE, argument, early, evidence, late, mean_trend, need, settled_from, shown, trend
from diagnostics.run import Run

NAME = "length-explosion"
METHODS = ONLINE
EXPLAINS = ("completions-truncated", "not-learning")

ROWS = Limit(20, "logged rows", "ours: fewer have no trend")
TIMES = Limit(1.5, "times its early level", "rl-doctor 0.2.0 takes growth by half for a sign")
TOKENS = Limit(16, "tokens", "ours: from 2 tokens to 4 is no explosion")


def check(run: Run) -> Finding | None:
    """Compare the late length with the early one, and the reward with its start."""
    series = run.signal("length")
    lengths = need(series, "train/completions/mean_length", ROWS)
    start, end = early(lengths), late(lengths)
    grown = trend(lengths)
    if end < TIMES * start or end - start < TOKENS or not grown.rose():
        return None
    reward = run.signal("reward")
    if reward is not None and len(scores := reward.finite()) >= ROWS and mean_trend(scores).rose():
        return None  # longer and better: reasoning grows so, and reward-length-bias asks whether it is honest
    place = settled_from(lengths.values >= TIMES * start, 0.7)
    step = int(lengths.steps[place if place is not None else len(lengths) * 3 // 4])
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.8,
        first_step=step,
        last_step=int(lengths.steps[-1]),
        facts={"step": step, "start": start, "end": end, "times": end / start if start else 0.0},
        evidence=(evidence(lengths, step), *shown(run, step, "reward", "truncated", "kl")),
        causes=("loss-type", "reward", "rambling"),
        fixes=fixes(run),
    )


def fixes(run: Run) -> tuple[Fix, ...]:
    """A loss that does not favour long answers, and truncated ones left out."""
    if run.method == "ppo":
        return (Fix("end-penalty", "ask", edits(run, missing_eos_penalty=1.0)),)
    changes: dict[str, str | bool] = {}
    if run.method == "grpo" and argument(run, "loss_type") in ("grpo", "bnpo"):
        changes["loss_type"] = "dr_grpo"
    if argument(run, "mask_truncated_completions") is not True:
        changes["mask_truncated_completions"] = True
    return (Fix("loss", "ask", edits(run, **changes)), Fix("penalty", "show"))


WORDS = {
    "en": Words(
        title="The answers grow longer for nothing",
        summary="The mean length rose from {start:.0f} to {end:.0f} tokens ({times:.1f} times) and the reward did not rise.",
        why="Every further token costs time and memory, and in the end the answers hit their cap and earn nothing.",
        wrong_if="the prompts of later steps ask for longer answers (a curriculum)",
        causes={
            "loss-type": "A loss averaged per sequence punishes a wrong long answer less per token than a short one.",
            "reward": "A reward that pays for length by accident.",
            "rambling": "The policy no longer ends its answers (see completions-truncated).",
        },
        fixes={
            "loss": "Use a loss that does not favour long answers, and leave truncated ones out of it",
            "penalty": "Add a soft penalty for overlong answers (trl.rewards.get_soft_overlong_punishment)",
            "end-penalty": "Punish answers that do not end (missing_eos_penalty)",
        },
        about="""Checks whether the mean length of the completions grew by half and more, by at least 16 tokens and beyond
its noise, while the reward did not rise.

Answers that grow with the reward are not this fault: see reward-length-bias. Sources: rl-doctor 0.2.0, Dr. GRPO
(huggingface/trl#3138) for the bias of the per-sequence mean.""",
    ),
    "zh": Words(
        title="回答越来越长却没有收益",
        summary="平均长度从 {start:.0f} 增到 {end:.0f} 个词元（{times:.1f} 倍），而奖励没有上升。",
        why="每多一个词元都要花时间和显存，最后回答撞上长度上限，得不到奖励。",
        wrong_if="后面的提示本来就要求更长的回答（课程学习）",
        causes={
            "loss-type": "按序列平均的损失，对错误的长回答每词元惩罚更轻。",
            "reward": "奖励无意中鼓励了长度。",
            "rambling": "策略不再结束回答（见 completions-truncated）。",
        },
        fixes={
            "loss": "使用不偏向长回答的损失，并把被截断的回答排除在外",
            "penalty": "为过长的回答加上软惩罚（trl.rewards.get_soft_overlong_punishment）",
            "end-penalty": "惩罚没有结束的回答（missing_eos_penalty）",
        },
        about="""检查回答的平均长度是否增长了一半以上（至少 16 个词元，且超出噪声），而奖励没有上升。

随奖励一起增长的不是本故障，见 reward-length-bias。来源：rl-doctor 0.2.0；按序列平均的偏差见 Dr. GRPO
（huggingface/trl#3138）。""",
    ),
}
