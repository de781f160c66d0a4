"""reward-groups-constant: within most groups all answers earn the same, so their prompts teach nothing."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Severity, Words
from diagnostics.fixing import edits
from diagnostics.measure import (
    evidence,
    late,
    mean_trend,
    moving_median,
    need,
    number_argument,
    second_half,
    settled_from,
    shown,
)
from diagnostics.run import Run, Series

NAME = "reward-groups-constant"
METHODS = ("grpo", "rloo")
EXPLAINS = ("not-learning", "nothing-trainable", "length-collapse", "entropy-collapse")

ROWS = Limit(5, "logged rows", "ours: a row is one batch of few prompts")
NOTE = Limit(0.3, "share of the groups", "rl-doctor 0.2.0")
WARNING = Limit(0.5, "share of the groups", "rl-doctor 0.2.0")
ERROR = Limit(0.75, "share of the groups", "rl-doctor 0.2.0")
EASY = Limit(0.75, "of the range of rewards seen", "ours: near the top all answers are right")
HARD = Limit(0.25, "of the range of rewards seen", "ours: near the bottom none is")
LEARNING = Limit(20, "logged rows", "ours: fewer do not show whether the reward rises")
MOST_ANSWERS = 16  # answers to a prompt: DAPO's number; more cost as much as more prompts


def check(run: Run) -> Finding | None:
    """Look at the share of groups without spread in the last quarter of the run."""
    share = constant_share(run)
    if share is None:
        raise CannotJudge("no-series", tag="train/frac_reward_zero_std")
    if (few := of_few_rows(run, share)) is not None:
        return few
    known = need(share, share.tag, ROWS)
    end = late(known)
    if run.signal("zero_std_groups") is None:
        end = float(known.values[-max(int(ROWS), len(known) // 2) :].mean())
    if end < NOTE:
        return None
    level = moving_median(known.values, 5) if run.signal("zero_std_groups") is not None else known.values
    place = settled_from(level >= min(end, float(WARNING)) * 0.9, 0.6)
    step = int(known.steps[place if place is not None else 0])
    where = difficulty(run)
    grave = int(end >= ERROR) + int(end >= WARNING)
    # A reward that rises all the same says that the other groups suffice: one degree less.
    reward = run.signal("reward")
    if reward is not None and len(scores := reward.finite()) >= LEARNING and mean_trend(second_half(scores)).rose():
        grave = max(0, grave - 1)
    severity: Severity = ("info", "warning", "error")[grave]  # type: ignore[assignment]
    return Finding(
        rule=NAME,
        severity=severity,
        confidence=0.9 if end >= ERROR else 0.75,
        first_step=step,
        last_step=int(known.steps[-1]),
        facts={"kind": where, "share": end, "step": step, "reward": reward_end(run)},
        evidence=(evidence(known, step), *shown(run, step, "reward", "reward_std", "grad_norm", "entropy")),
        causes=(where, "few-answers", "temperature") if where != "mixed" else ("few-answers", "temperature", "coarse"),
        fixes=fixes(run, where),
    )


def of_few_rows(run: Run, share: Series) -> Finding | None:
    """A log of a few rows that are all without any spread and any gradient: said as a warning, with less confidence."""
    known, gradient = share.finite(), run.get("train/grad_norm")
    if not 0 < len(known) < ROWS or run.status.active or gradient is None:
        return None
    if np.any(known.values < 1) or np.any(gradient.values != 0):
        return None
    step = int(known.steps[0])
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.65,
        first_step=step,
        last_step=int(known.steps[-1]),
        facts={"kind": "mixed", "share": 1.0, "step": step, "reward": reward_end(run)},
        evidence=(evidence(known, step), *shown(run, step, "reward", "reward_std", "grad_norm")),
        causes=("few-answers", "temperature", "coarse"),
        fixes=fixes(run, "mixed"),
    )


def constant_share(run: Run) -> Series | None:
    """The share of groups without spread by row, 0 to 1.

    TRL logs it since 0.18. Before, `reward_std` is the mean spread within groups, 0 only where all groups of the batch
    are constant: its rows count as 1 or 0 (since 0.27 it is the spread of the whole batch, but then the share is there).
    """
    series = run.signal("zero_std_groups")
    if series is not None:
        return series
    spread = run.signal("reward_std")
    if spread is None or not len(known := spread.finite()):
        return None
    return Series(known.tag, known.steps, (known.values == 0).astype(float))


def reward_end(run: Run) -> float:
    """The reward at the end, 0 if it was not logged."""
    reward = run.signal("reward")
    return late(finite) if reward is not None and len(finite := reward.finite()) else 0.0


def difficulty(run: Run) -> str:
    """`hard` if the rewards ended near the least ever seen, `easy` if near the most, else `mixed`."""
    reward = run.signal("reward")
    if reward is None or len(finite := reward.finite()) < ROWS:
        return "mixed"
    low, high = float(finite.values.min()), float(finite.values.max())
    place = (late(finite) - low) / (high - low) if high > low else 0.5
    return "easy" if place >= EASY else "hard" if place <= HARD else "mixed"


def fixes(run: Run, where: str) -> tuple[Fix, ...]:
    """More answers to a prompt; sampling at temperature 1; prompts of another difficulty by hand."""
    found = []
    answers = number_argument(run, "num_generations")
    if answers is None or answers < MOST_ANSWERS:
        more = int(min(MOST_ANSWERS, 2 * answers)) if answers else MOST_ANSWERS
        found.append(Fix("more-answers", "ask", edits(run, num_generations=more), {"more": more}))
    temperature = number_argument(run, "temperature")
    if temperature is not None and temperature < 1 and np.isfinite(temperature):
        found.append(Fix("temperature", "ask", edits(run, temperature=1.0)))
    return (*found, Fix(where, "show"))


WORDS = {
    "en": Words(
        title="Most groups earn one and the same reward",
        summary={
            "hard": "In {share:.0%} of the groups all answers earn the same, and little ({reward:.3g} at the end): the prompts "
            "are too hard.",
            "easy": "In {share:.0%} of the groups all answers earn the same, and much ({reward:.3g} at the end): the prompts are "
            "too easy.",
            "mixed": "In {share:.0%} of the groups all answers earn the same reward.",
        },
        why="An advantage is a reward less its group's mean: these groups are generated, judged and thrown away.",
        wrong_if="the run is near its end and has solved its prompts",
        causes={
            "hard": "Prompts that the policy never answers right.",
            "easy": "Prompts that the policy always answers right.",
            "few-answers": "Too few answers to a prompt for any difference to show.",
            "temperature": "Answers drawn at a low temperature, so that they are all alike.",
            "coarse": "A reward with two values only.",
        },
        fixes={
            "more-answers": "Draw {more} answers to a prompt",
            "temperature": "Draw the answers at temperature 1",
            "hard": "Begin with easier prompts, or give partial credit",
            "easy": "Leave out the prompts that are solved, and add harder ones",
            "mixed": "Leave out prompts that are always or never solved (dynamic sampling), or give partial credit",
        },
        about="""Checks the share of groups whose rewards have no spread (frac_reward_zero_std) in the last quarter of the
run: 30 % is a note, half a warning, 75 % an error; one degree less where the reward rises all the same.

The batch-wide reward_std of TRL since 0.27 says nothing of this: it was 2.1 in a run whose groups were all constant.
Logs before TRL 0.18 hold no share; there a reward_std of 0 says that all groups of a batch were constant.

Sources: rl-doctor 0.2.0 for the numbers; huggingface/trl#3452, #3857; DAPO (arXiv 2503.14476).""",
    ),
    "zh": Words(
        title="多数组内奖励完全相同",
        summary={
            "hard": "{share:.0%} 的组内所有回答得分相同，而且很低（最终 {reward:.3g}）：提示太难。",
            "easy": "{share:.0%} 的组内所有回答得分相同，而且很高（最终 {reward:.3g}）：提示太容易。",
            "mixed": "{share:.0%} 的组内所有回答得分相同。",
        },
        why="优势等于奖励减去组内平均：这些组生成、评分之后全被丢弃。",
        wrong_if="训练接近尾声，提示已经解决",
        causes={
            "hard": "策略从来答不对的提示。",
            "easy": "策略总能答对的提示。",
            "few-answers": "每个提示的回答太少，显不出差别。",
            "temperature": "抽取回答的温度过低，回答都一样。",
            "coarse": "奖励只有两个取值。",
        },
        fixes={
            "more-answers": "每个提示抽取 {more} 个回答",
            "temperature": "用温度 1 抽取回答",
            "hard": "从较容易的提示开始，或给部分分",
            "easy": "去掉已解决的提示，加入更难的",
            "mixed": "去掉总能或总不能解决的提示（动态采样），或给部分分",
        },
        about="""检查最后四分之一里组内奖励没有差别的份额（frac_reward_zero_std）：30% 为提示，一半为警告，75% 为错误；若奖励
仍在上升则降一级。

TRL 0.27 起的 reward_std 是整批的标准差，不能说明这一点：在一个各组都恒定的训练里它是 2.1。TRL 0.18 之前没有这个份额；那时
reward_std 为 0 表示整批的组都恒定。

来源：数值取自 rl-doctor 0.2.0；huggingface/trl#3452、#3857；DAPO（arXiv 2503.14476）。""",
    ),
}
