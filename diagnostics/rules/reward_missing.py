"""reward-missing: the reward functions returned nothing, so there is nothing to learn from."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Severity, TableEvidence, Words
from diagnostics.measure import ONLINE, evidence, shown
from diagnostics.messages import find
from diagnostics.preflight.material import Material, RewardTrial
from diagnostics.preflight.trials import failed, said, trials_of
from diagnostics.run import Run

NAME = "reward-missing"
METHODS = ("grpo", "rloo")
PREFLIGHT_METHODS = ONLINE
EXPLAINS = ("nothing-trainable", "not-learning", "reward-constant", "reward-groups-constant")

ROWS = Limit(3, "logged rows", "ours: old logs hold the reward in every second row only")
SHOWN = 8
SAID = re.compile(r"All reward functions returned None")


def check(run: Run) -> Finding | None:
    """Look for rows of an online run without a reward, and for TRL's warning."""
    reward = run.signal("reward")
    # An infinite reward is there, and is reward-not-finite's to tell.
    known = reward is not None and not np.isnan(reward.values).all()
    line = find(run, SAID)
    other = run.signal("length") or run.get("train/loss") or run.get("train/grad_norm")
    rows = len(other) if other is not None else 0
    if rows < ROWS and line is None:
        raise CannotJudge("too-few-points", points=rows, need=int(ROWS))
    if known and line is None:
        return None
    step = int(other.steps[0]) if other is not None else 0
    return Finding(
        rule=NAME,
        severity="warning" if known else "error",
        confidence=0.9 if line else 0.85,
        first_step=step,
        last_step=max(run.last_step, step),
        facts={"kind": "some" if known else "all", "rows": rows},
        evidence=(
            *([line.evidence] if line else []),
            *([evidence(other, step)] if other is not None else []),
            *shown(run, step, "grad_norm", "zero_std_groups"),
        ),
        causes=("none", "column"),
        fixes=(Fix("number", "show"),),
    )


def preflight(material: Material) -> Finding | None:
    """Look for answers that no function gave a number for, and for functions that gave none at all.

    None for some answers is right where another function judges these: TRL adds up what there is.
    """
    trials = trials_of(material)
    none = failed(trials, "none")
    if none and len(none) == len(trials):
        return tried("tried-all", "error", 0.97, none[0].name, len(none[0].rows), none)
    if none:
        return tried("tried-function", "warning", 0.85, none[0].name, len(none[0].rows), none)
    if any(one.failed is not None for one in trials) or material.asked.config.get("reward_model_name_or_path"):
        return None
    for probe in ("reference", "ordinary"):
        without = [set(one.facts.get("none_rows", {}).get(probe, ())) for one in trials]
        lost = sorted(set.intersection(*without)) if without else []
        if lost:
            found = tried("tried-some", "warning", 0.85, ", ".join(one.name for one in trials), len(lost), [])
            table = TableEvidence(probe, ("row", "answer"), tuple((str(row), probe) for row in lost[:SHOWN]))
            return replace(found, evidence=(table,))
    return None


def tried(kind: str, severity: Severity, confidence: float, name: str, rows: int, none: list[RewardTrial]) -> Finding:
    """The finding of a trial."""
    return Finding(
        NAME, severity, confidence, 0, 0, {"kind": kind, "name": name, "rows": rows}, said(none), ("none", "column"),
        (Fix("number", "show"),),
    )  # fmt: skip


WORDS = {
    "en": Words(
        title="No reward was given",
        summary={
            "all": "No reward was logged in any of {rows} rows: every reward function returned None.",
            "some": "TRL warned that every reward function returned None for some answers.",
            "tried-all": "Tried on {rows} rows of the data, {name} gave None for every answer, and nothing else judges them.",
            "tried-function": "Tried on {rows} rows of the data, {name} gave None for every answer; others judge them.",
            "tried-some": "Tried on rows of the data, {name} gave None for {rows} answers, and nothing else judges them.",
        },
        why="TRL leaves such answers out: nothing is trained on them, and frac_reward_zero_std shows a healthy 0.",
        wrong_if="the reward is logged under a name of one's own",
        causes={
            "none": "A reward function without a return on some path, or one that returns NaN.",
            "column": "A column that the function looks up is missing for these rows.",
        },
        fixes={"number": "Return a number for every completion, 0.0 where nothing matches"},
        about="""Checks for an online run without a reward: no reward in any row (None is not written to TensorBoard), or TRL's
warning "All reward functions returned None" on the console.

A trap: such a run logs frac_reward_zero_std 0.0, which looks healthy, beside a gradient of 0. A single NaN among the
rewards leaves no trace at all. A reward that is infinite is there: reward-not-finite tells of it.""",
    ),
    "zh": Words(
        title="没有给出奖励",
        summary={
            "all": "{rows} 行里没有一行记录了奖励：所有奖励函数都返回了 None。",
            "some": "TRL 警告：对某些回答，所有奖励函数都返回了 None。",
            "tried-all": "在 {rows} 行数据上试运行时，{name} 对每个回答都返回 None，也没有别的函数评判它们。",
            "tried-function": "在 {rows} 行数据上试运行时，{name} 对每个回答都返回 None；由其他函数评判。",
            "tried-some": "在数据上试运行时，{name} 对 {rows} 个回答返回 None，也没有别的函数评判它们。",
        },
        why="TRL 会排除这些回答：它们不参与训练，而 frac_reward_zero_std 显示为看似健康的 0。",
        wrong_if="奖励以自定义的名字记录",
        causes={
            "none": "奖励函数在某些分支没有返回值，或返回 NaN。",
            "column": "函数要读取的列在这些行里缺失。",
        },
        fixes={"number": "对每个回答都返回一个数，没有匹配时返回 0.0"},
        about="""检查在线训练是否没有奖励：没有任何一行有奖励（None 不会写入 TensorBoard），或控制台里有 TRL 的警告 "All reward
functions returned None"。

陷阱：这样的训练记录的 frac_reward_zero_std 是 0.0，看似健康，而梯度为 0。若只有个别奖励是 NaN，则不留任何痕迹。无穷大的奖励并不是
没有奖励，由 reward-not-finite 说明。""",
    ),
}
