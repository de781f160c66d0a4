"""unpaired-labels-imbalanced: KTO sees answers of one kind only, or far more of one than of the other."""

from __future__ import annotations

import re

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, Limit, Words
from diagnostics.measure import evidence, shown
from diagnostics.messages import find
from diagnostics.preflight.material import Material
from diagnostics.preflight.telling import interval, rows_table, table
from diagnostics.preflight.texts import texts_of
from diagnostics.run import Run

NAME = "unpaired-labels-imbalanced"
METHODS = ("kto",)
EXPLAINS = ("not-learning", "preference-flat", "preference-saturated")

ROWS = Limit(5, "logged rows", "ours: a batch may hold one kind by chance")
SHARE = Limit(0.5, "share of the rows that hold one kind at all", "ours: a row is the mean of a logging window")
LOW = Limit(
    0.67,
    "weighted good rows to weighted bad rows",
    "ours: TRL asks for 1 to 1.33; a set of about that balance trains well",
)
HIGH = Limit(2.0, "weighted good rows to weighted bad rows", "ours: as LOW, as far on the other side of 1 to 1.33")
LABELS = Limit(20, "rows", "ours: fewer may be uneven by chance")
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


def preflight(material: Material) -> Finding | None:
    """Count the labels, and weigh them as TRL does."""
    texts = texts_of(material)
    if texts.labels is None:
        return None  # pairs: TRL makes one good and one bad row of each
    good, bad = int((texts.labels == 1).sum()), int((texts.labels == 0).sum())
    if good + bad < LABELS:
        raise CannotJudge("too-few-points", points=good + bad, need=int(LABELS))
    weights = {name: number(material.value(name)) for name in ("desirable_weight", "undesirable_weight")}
    weighed = weights["desirable_weight"] / max(weights["undesirable_weight"], 1e-9)
    balance = weighed * good / max(bad, 1e-9)
    least, most = (weighed * share / max(1 - share, 1e-9) for share in interval(good, good + bad))
    if good and bad and least <= HIGH and most >= LOW:  # what chance may do is not held against few rows
        return None
    facts = {"where": texts.where, "good": good, "bad": bad, "of": len(texts), "missing": "good" if not good else "bad"}
    facts["missing_zh"] = "好" if not good else "坏"
    shown = table(texts.where, ("label", "rows"), [("true", good), ("false", bad)])
    if not good or not bad:
        return Finding(
            rule=NAME,
            severity="error",
            confidence=0.95,
            first_step=0,
            last_step=0,
            facts={"kind": "one-kind", **facts},
            evidence=(shown, rows_table(texts, range(4), label=texts.labels.tolist())),
            causes=("data",),
            fixes=(Fix("more", "show"),),
        )
    # The interval that TRL prints (kto_trainer.py; KTO paper, equation 8).
    wanted = {
        "desirable_weight": (
            round(bad * weights["undesirable_weight"] / good, 2),
            round(bad * weights["undesirable_weight"] / good * 1.33, 2),
        ),
        "undesirable_weight": (
            round(good * weights["desirable_weight"] / bad / 1.33, 2),
            round(good * weights["desirable_weight"] / bad, 2),
        ),
    }
    # The rarer kind is weighted up: a weight below 1 for the other would shrink the whole loss.
    name = "undesirable_weight" if good > bad else "desirable_weight"
    low, high = wanted[name]
    edit = Edit(name, material.asked.config.get(name), round((low + high) / 2, 2))
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.9,
        first_step=0,
        last_step=0,
        facts={
            "kind": "unbalanced",
            **facts,
            "balance": balance,
            "desirable": "[{}, {}]".format(*wanted["desirable_weight"]),
            "undesirable": "[{}, {}]".format(*wanted["undesirable_weight"]),
        },
        evidence=(shown,),
        causes=("data",),
        fixes=(Fix("interval", "ask", (edit,), {"name": name, "low": low, "high": high}), Fix("more", "show")),
    )


def number(value: object) -> float:
    """A weight of the config as a number; TRL's default is 1."""
    return float(value) if isinstance(value, int | float) else 1.0


WORDS = {
    "en": Words(
        title="One kind of answer is missing",
        summary={
            "none": "None of {rows} rows holds a {missing} answer: KTO compares nothing.",
            "few": "Only {count} of {rows} rows hold a {missing} answer.",
            "message": "The trainer found far more answers of one kind than of the other.",
            "one-kind": "{where}: all {of} rows have the same label, none is a {missing} answer: KTO compares nothing.",
            "unbalanced": "{where}: {good} answers are labelled good and {bad} bad; with the weights asked for that is "
            "{balance:.2g} to 1. TRL recommends either desirable_weight in {desirable} or undesirable_weight in {undesirable}.",
        },
        why="KTO learns from the contrast of good and bad answers: with one kind it only pushes all probabilities one way.",
        wrong_if="the log holds a part of the run only",
        causes={
            "data": "A label column that is true (or false) nearly everywhere, or was read as text.",
            "sampler": "Rows sorted by label and not shuffled.",
        },
        fixes={
            "weight": "Set desirable_weight or undesirable_weight so that weight times count is between 1:1 and 4:3",
            "interval": "Set {name} between {low} and {high}, as TRL recommends (but not both weights)",
            "more": "Add answers of the other kind, and make sure that label is a boolean",
        },
        about="""Checks whether a KTO run sees good and bad answers. TRL leaves a kind that a logging window lacks out of the
row: no rewards/rejected (or rewards/chosen) in any row is an error, in less than half of the rows a warning. TRL's own
warning on the console counts too.

The balance to aim at is between 1:1 and 4:3 of weight times count (KTO paper, equation 8; TRL's KTOTrainer;
huggingface/trl#1447).

Before a run the labels are counted: one kind only is an error; a weighted balance below 0.67 or above 2 a warning, with the
interval that TRL itself prints. TRL says so at the least step outside 1:1 to 4:3, which even halves drawn at random miss.""",
    ),
    "zh": Words(
        title="缺少一类回答",
        summary={
            "none": "{rows} 行里没有一行含有 {missing} 回答：KTO 无从比较。",
            "few": "{rows} 行里只有 {count} 行含有 {missing} 回答。",
            "message": "训练器发现一类回答远多于另一类。",
            "one-kind": "{where}：全部 {of} 行的标签都相同，没有一个{missing_zh}回答：KTO 无从比较。",
            "unbalanced": "{where}：{good} 个回答标为好，{bad} 个标为坏；按所设权重之比为 {balance:.2g} 比 1。TRL 建议 desirable_weight "
            "取 {desirable}，或 undesirable_weight 取 {undesirable}。",
        },
        why="KTO 靠好坏回答的对比来学习：只有一类时，只是把所有概率往一个方向推。",
        wrong_if="日志只是训练的一部分",
        causes={
            "data": "label 列几乎全为真（或假），或被当作文本读入。",
            "sampler": "数据按标签排序而没有打乱。",
        },
        fixes={
            "weight": "设置 desirable_weight 或 undesirable_weight，使权重乘以数量之比在 1:1 到 4:3 之间",
            "interval": "把 {name} 设在 {low} 与 {high} 之间，这是 TRL 的建议（两个权重不要都改）",
            "more": "补充另一类回答，并确认 label 是布尔值",
        },
        about="""检查 KTO 是否同时见到好与坏的回答。记录窗口里没有的一类，TRL 不写入该行：任何一行都没有 rewards/rejected（或
rewards/chosen）为错误，不到一半的行有则为警告。控制台里 TRL 自己的警告也算。

应达到的平衡是权重乘以数量之比在 1:1 到 4:3 之间（KTO 论文公式 8；TRL 的 KTOTrainer；huggingface/trl#1447）。

训练之前统计标签：只有一类为错误；加权之比低于 0.67 或高于 2 为警告，并给出 TRL 打印的区间。只要略微偏离 1:1 到 4:3，TRL 就会提示，
而随机各半的数据也难免偏离。""",
    ),
}
