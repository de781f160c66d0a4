"""preference-pairs-identical: chosen and rejected are the same text, so there is nothing to prefer."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.measure import evidence, need, shown
from diagnostics.preflight.material import Material
from diagnostics.preflight.telling import rows_table, spread
from diagnostics.preflight.texts import texts_of
from diagnostics.run import Run

NAME = "preference-pairs-identical"
METHODS = ("dpo", "orpo", "reward")
PREFLIGHT_METHODS = ("dpo", "reward", "kto")
EXPLAINS = ("nothing-trainable", "not-learning", "preference-flat", "reward-model-at-chance", "reference-mismatch")

ROWS = Limit(3, "logged rows", "ours: the first row is 0 in healthy runs, three in a row are not")
SHARE = Limit(0.95, "share of the rows", "ours: a batch may hold one pair that differs")
PAIRS = Limit(0.01, "share of the pairs", "ours: single slips cost nothing")
MOST = Limit(0.5, "share of the pairs", "ours: half the data teaches nothing: a column was given twice")
LEAST = Limit(3, "pairs", "ours: one slip is no fault of the set")


def check(run: Run) -> Finding | None:
    """Look for a margin of exactly 0 with equal log-probabilities."""
    margin = run.signal("margin")
    if margin is None:
        raise CannotJudge("no-series", tag="train/rewards/margins")
    margin = need(margin, margin.tag, ROWS)
    chosen, rejected = run.signal("chosen_logp"), run.signal("rejected_logp")
    zero = margin.values == 0
    if zero.mean() < SHARE:
        return None
    if chosen is not None and rejected is not None:
        # A policy that does not move has a margin of 0 too; its two log-probabilities differ all the same.
        if len(chosen) != len(rejected) or not np.mean(chosen.values == rejected.values) >= SHARE:
            return None
    elif run.method != "reward":
        raise CannotJudge("no-series", tag="train/logps/chosen")
    step = int(margin.steps[0])
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.95,
        first_step=step,
        last_step=int(margin.steps[-1]),
        facts={"kind": "margin", "rows": int(zero.sum()), "of": len(margin)},
        evidence=(evidence(margin, step), *shown(run, step, "chosen_logp", "rejected_logp", "loss", "grad_norm")),
        causes=("columns", "truncation", "template"),
        fixes=(Fix("pairs", "show"),),
    )


def preflight(material: Material) -> Finding | None:
    """Count the pairs whose answers say the same."""
    texts = texts_of(material)
    if "rejected" not in texts.parts:
        if material.method == "kto":
            return None
        raise CannotJudge("no-data", why="wrong-columns")
    same = np.flatnonzero(
        [one == other for one, other in zip(texts.parts["chosen"], texts.parts["rejected"], strict=True)]
    )
    nearly = np.flatnonzero(
        [one == other for one, other in zip(texts.normal("chosen"), texts.normal("rejected"), strict=True)]
    )
    if len(nearly) < LEAST or len(nearly) / len(texts) < PAIRS:
        return None
    kind = "pairs" if len(same) >= len(nearly) / 2 else "alike"
    return Finding(
        rule=NAME,
        severity="error" if len(same) / len(texts) > MOST else "warning",
        confidence=0.97 if kind == "pairs" else 0.8,
        first_step=0,
        last_step=0,
        facts={
            "kind": kind,
            "where": texts.where,
            "count": len(nearly),
            "same": len(same),
            "of": len(texts),
            "share": len(nearly) / len(texts),
        },
        evidence=(rows_table(texts, spread(nearly if kind == "alike" else same).tolist()),),
        causes=("columns", "generated") if len(same) == len(texts) else ("generated", "columns"),
        fixes=(Fix("drop", "show"),),
    )


WORDS = {
    "en": Words(
        title="Chosen and rejected are identical",
        summary={
            "margin": "In {rows} of {of} rows the margin is exactly 0 and both answers are equally likely: they are the same text.",
            "pairs": "{where}: in {count} of {of} pairs ({share:.1%}) chosen and rejected are the same text.",
            "alike": "{where}: in {count} of {of} pairs ({share:.1%}) chosen and rejected say the same but for case, spaces and "
            "punctuation.",
        },
        why="The loss stays at ln 2 and its gradient is 0: the run can learn nothing.",
        wrong_if="very few pairs are logged and they happen to be equal",
        causes={
            "columns": "The same column was given for chosen and rejected.",
            "truncation": "max_length cuts both answers off before they differ.",
            "template": "A template that leaves the answer out.",
            "generated": "Both answers were sampled from one model, which said the same twice.",
        },
        fixes={
            "pairs": "Print one pair as the model sees it, after template and truncation; drop pairs that are equal",
            "drop": "Drop the pairs whose answers are equal; if all are, give chosen and rejected different columns",
        },
        about="""Checks for a margin of exactly 0 in 95 % of the rows, at least three, with the log-probabilities of chosen and
rejected equal (for a reward model, which logs none, the margin alone).

DPO logs a margin of 0 in its first row in healthy runs, and in every row where nothing is trained; there the two
log-probabilities differ. Seen in huggingface/trl#1311.

Before a run the texts themselves are compared: a warning from 1 % of the pairs on (also if they differ in case, spaces and
punctuation only), an error if more than half are the same text.""",
    ),
    "zh": Words(
        title="被选与被拒完全相同",
        summary={
            "margin": "{of} 行中有 {rows} 行的间隔恰好为 0，两个回答同样可能：它们是同一段文本。",
            "pairs": "{where}：{of} 个偏好对中有 {count} 个（{share:.1%}）的被选与被拒是同一段文本。",
            "alike": "{where}：{of} 个偏好对中有 {count} 个（{share:.1%}）的被选与被拒只在大小写、空白和标点上不同。",
        },
        why="损失停在 ln 2，梯度为 0：什么也学不到。",
        wrong_if="只记录了很少的偏好对，恰好相同",
        causes={
            "columns": "chosen 与 rejected 用了同一列。",
            "truncation": "max_length 在出现差别之前就截断了两个回答。",
            "template": "模板遗漏了回答。",
            "generated": "两个回答采样自同一个模型，两次说了同样的话。",
        },
        fixes={
            "pairs": "打印一个偏好对在套用模板和截断之后的样子；去掉相同的偏好对",
            "drop": "去掉回答相同的偏好对；如果全都相同，请给 chosen 与 rejected 指定不同的列",
        },
        about="""检查是否 95% 的行（至少三行）间隔恰好为 0，且被选与被拒的对数概率相等（奖励模型不记录，只看间隔）。

健康的 DPO 第一行间隔也为 0；没有参数被训练时每一行都为 0，但那时两个对数概率不同。见 huggingface/trl#1311。

训练之前直接比较文本：占偏好对的 1% 起为警告（只在大小写、空白和标点上不同的也算），超过一半完全相同则为错误。""",
    ),
}
