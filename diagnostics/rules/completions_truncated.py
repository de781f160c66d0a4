"""completions-truncated: in the course of training more and more answers are cut off at the token budget."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, edits, lower_rate, name_in
from diagnostics.measure import ONLINE, argument, evidence, late, need, number_argument, settled_from, shown
from diagnostics.run import Run, Series

NAME = "completions-truncated"
METHODS = ONLINE
EXPLAINS = ()

ROWS = Limit(5, "logged rows", "ours: a batch may hold long prompts by chance")
WARNING = Limit(0.15, "share of the completions", "rl-doctor 0.2.0; healthy GRPO runs of ours show up to 0.09")
ERROR = Limit(0.5, "share of the completions", "ours: most of what is trained on has no end")
FROM_START = 5  # rows: where the first ones are as bad, the fault is completions-truncated-by-length


def check(run: Run) -> Finding | None:
    """Compare the late share of truncated completions with the early one."""
    share = truncated_share(run)
    if share is None:
        raise CannotJudge("no-series", tag="train/completions/clipped_ratio")
    share = need(share, share.tag, ROWS)
    end = late(share)
    if end < WARNING or from_the_start(share):
        return None
    place = settled_from(share.values >= WARNING, 0.7)
    step = int(share.steps[place if place is not None else len(share) * 3 // 4])
    start = float(np.median(share.values[:FROM_START]))
    return Finding(
        rule=NAME,
        severity="error" if end >= ERROR else "warning",
        confidence=0.85,
        first_step=step,
        last_step=int(share.steps[-1]),
        facts={"step": step, "start": start, "end": end, "cap": cap_of(run) or 0},
        evidence=(evidence(share, step), *shown(run, step, "length", "terminated_length", "reward")),
        causes=("unlearned", "reward", "cap"),
        fixes=fixes(run, step),
    )


def truncated_share(run: Run) -> Series | None:
    """The share of completions without an end, 0 to 1.

    Logs of TRL up to 0.16 hold only the mean length: there, rows whose mean is the cap itself count as 1, others are
    not known, and nothing is returned unless half of the rows say so.
    """
    series = run.signal("truncated")
    if series is not None:
        return series
    lengths, cap = run.signal("length"), cap_of(run)
    if lengths is None or not len(finite := lengths.finite()):
        return None
    top = float(cap) if cap else float(finite.values.max())
    full = (finite.values >= top) & (top == round(top))
    if full.mean() < 0.5 or top < 8:
        return None
    return Series(finite.tag, finite.steps, full.astype(float))


def from_the_start(share: Series) -> bool:
    """Whether most completions were cut off in the first rows already."""
    return float(np.median(share.values[:FROM_START])) >= ERROR


def cap_of(run: Run) -> int | None:
    """The token budget of an answer, as far as the run's config tells it."""
    value = number_argument(run, name_in(run, "max_completion_length"))
    return int(value) if value else None


def fixes(run: Run, step: int) -> tuple[Fix, ...]:
    """Truncated answers left out of the loss; an end that is wanted; a lower rate."""
    if run.method == "ppo":
        return (Fix("end-penalty", "ask", edits(run, missing_eos_penalty=1.0)), *lower_rate(run, step))
    found = []
    if argument(run, "mask_truncated_completions") is not True:
        found.append(Fix("mask", "ask", edits(run, mask_truncated_completions=True)))
    return (*found, Fix("penalty", "show"), *lower_rate(run, step))


WORDS = {
    "en": Words(
        title="Answers are cut off more and more",
        summary="The share of answers cut off at the token budget rose from {start:.0%} to {end:.0%} (from step {step} on).",
        why="An answer without its end is judged for what it lacks: its reward says nothing of its beginning.",
        wrong_if="later prompts ask for longer answers",
        causes={
            "unlearned": "The policy unlearns to end its answers.",
            "reward": "A reward that pays for length.",
            "cap": "A token budget that fits the early answers only.",
        },
        fixes={
            "mask": "Leave truncated answers out of the loss",
            "penalty": "Add a soft penalty for overlong answers (trl.rewards.get_soft_overlong_punishment)",
            "end-penalty": "Punish answers that do not end (missing_eos_penalty)",
            **RATE_WORDS["en"],
        },
        about="""Checks the share of completions that reached the token budget without an end (completions/clipped_ratio):
a median of 15 % and more in the last quarter of the run is a warning, half and more an error.

Where most answers are cut off from the first rows on, the fault is another: completions-truncated-by-length. Logs of
TRL up to 0.16 hold no such share; there, mean lengths that stand at the cap itself tell it.""",
    ),
    "zh": Words(
        title="越来越多的回答被截断",
        summary="因达到长度上限而被截断的回答从 {start:.0%} 升到 {end:.0%}（从第 {step} 步起）。",
        why="没有结尾的回答会因残缺而被扣分：它的奖励说明不了前面写得如何。",
        wrong_if="后面的提示要求更长的回答",
        causes={
            "unlearned": "策略忘记了如何结束回答。",
            "reward": "奖励鼓励长度。",
            "cap": "长度上限只适合早期的回答。",
        },
        fixes={
            "mask": "把被截断的回答排除在损失之外",
            "penalty": "为过长的回答加上软惩罚（trl.rewards.get_soft_overlong_punishment）",
            "end-penalty": "惩罚没有结束的回答（missing_eos_penalty）",
            **RATE_WORDS["zh"],
        },
        about="""检查达到长度上限而没有结束的回答份额（completions/clipped_ratio）：最后四分之一的中位数达到 15% 为警告，达到一半为
错误。

如果从最初几行起多数回答就被截断，则是另一种故障：completions-truncated-by-length。TRL 0.16 及更早没有这个份额，由停在上限处
的平均长度判断。""",
    ),
}
