"""unpaired-labels-imbalanced: KTO sees answers of one kind only, or far more of one than of the other."""

from __future__ import annotations

import re

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.measure import evidence, shown
from diagnostics.messages import find
from diagnostics.run import Run

NAME = "unpaired-labels-imbalanced"
METHODS = ("kto",)
EXPLAINS = ("not-learning", "preference-flat", "preference-saturated")

ROWS = Limit(5, "logged rows", "ours: a batch may hold one kind by chance")
SHARE = Limit(0.5, "share of the rows that hold one kind at all", "ours: a row is the mean of a logging window")
SAID = re.compile(
    r"different amounts of desirable.{0,40}undesirable.*?(?P<advice>desirable_weight in \[[^\]]*\][^.]*)?",
    re.IGNORECASE,
)


def check(run: Run) -> Finding | None:
    """Count the rows that hold chosen and rejected answers; a kind absent from a row is left out of the log."""
    chosen, rejected = run.signal("chosen_reward"), run.signal("rejected_reward")
    rows = max(len(chosen) if chosen else 0, len(rejected) if rejected else 0)
    said = find(run, SAID)
    if rows < ROWS and said is None:
        raise CannotJudge("too-few-points", points=rows, need=int(ROWS))
    counts = {"chosen": len(chosen) if chosen else 0, "rejected": len(rejected) if rejected else 0}
    missing = min(counts, key=lambda one: counts[one])
    share = counts[missing] / rows if rows else 1.0
    if share >= SHARE and said is None:
        return None
    kind = "none" if counts[missing] == 0 and rows >= ROWS else "few" if share < SHARE else "message"
    there = run.signal("chosen_reward" if missing == "rejected" else "rejected_reward")
    step = int(there.steps[0]) if there is not None else 0
    return Finding(
        rule=NAME,
        severity="error" if kind == "none" else "warning",
        confidence=0.95 if kind == "none" else 0.8,
        first_step=step,
        last_step=max(run.last_step, step),
        facts={"kind": kind, "missing": missing, "rows": rows, "count": counts[missing]},
        evidence=(
            *([said.evidence] if said else []),
            *([evidence(there, step)] if there is not None else []),
            *shown(run, step, "kl", "loss"),
        ),
        causes=("data", "sampler"),
        fixes=(Fix("weight", "show"), Fix("more", "show")),
    )


WORDS = {
    "en": Words(
        title="One kind of answer is missing",
        summary={
            "none": "None of {rows} rows holds a {missing} answer: KTO compares nothing.",
            "few": "Only {count} of {rows} rows hold a {missing} answer.",
            "message": "The trainer found far more answers of one kind than of the other.",
        },
        why="KTO learns from the contrast of good and bad answers: with one kind it only pushes all probabilities one way.",
        wrong_if="the log holds a part of the run only",
        causes={
            "data": "A label column that is true (or false) nearly everywhere, or was read as text.",
            "sampler": "Rows sorted by label and not shuffled.",
        },
        fixes={
            "weight": "Set desirable_weight or undesirable_weight so that weight times count is between 1:1 and 4:3",
            "more": "Add answers of the other kind, and make sure that label is a boolean",
        },
        about="""Checks whether a KTO run sees good and bad answers. TRL leaves a kind that a logging window lacks out of the
row: no rewards/rejected (or rewards/chosen) in any row is an error, in less than half of the rows a warning. TRL's own
warning on the console counts too.

The balance to aim at is between 1:1 and 4:3 of weight times count (KTO paper, equation 8; TRL's KTOTrainer;
huggingface/trl#1447).""",
    ),
    "zh": Words(
        title="缺少一类回答",
        summary={
            "none": "{rows} 行里没有一行含有 {missing} 回答：KTO 无从比较。",
            "few": "{rows} 行里只有 {count} 行含有 {missing} 回答。",
            "message": "训练器发现一类回答远多于另一类。",
        },
        why="KTO 靠好坏回答的对比来学习：只有一类时，只是把所有概率往一个方向推。",
        wrong_if="日志只是训练的一部分",
        causes={
            "data": "label 列几乎全为真（或假），或被当作文本读入。",
            "sampler": "数据按标签排序而没有打乱。",
        },
        fixes={
            "weight": "设置 desirable_weight 或 undesirable_weight，使权重乘以数量之比在 1:1 到 4:3 之间",
            "more": "补充另一类回答，并确认 label 是布尔值",
        },
        about="""检查 KTO 是否同时见到好与坏的回答。记录窗口里没有的一类，TRL 不写入该行：任何一行都没有 rewards/rejected（或
rewards/chosen）为错误，不到一半的行有则为警告。控制台里 TRL 自己的警告也算。

应达到的平衡是权重乘以数量之比在 1:1 到 4:3 之间（KTO 论文公式 8；TRL 的 KTOTrainer；huggingface/trl#1447）。""",
    ),
}
