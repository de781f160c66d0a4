"""preference-length-bias: the longer answer is the chosen one nearly always (or the shorter), so length is what is learned."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, Limit, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.telling import interval, rows_table, spread, table
from diagnostics.preflight.texts import texts_of

NAME = "preference-length-bias"
METHODS = ("dpo", "reward", "kto")
EXPLAINS = ("length-explosion", "length-collapse", "reward-length-bias")

PAIRS = Limit(50, "pairs", "ours: fewer cannot tell 0.7 from a half with 95 % confidence")
APART = Limit(1.1, "ratio of the lengths", "ours: answers about as long say nothing of length")
SHARE = Limit(
    0.7, "share of the pairs", "ours: annotators prefer the longer answer in 50 to 65 % of pairs (Singhal et al. 2023)"
)
RATIO = Limit(1.3, "ratio of the lengths, median", "ours: what the longer answers have more")


def preflight(material: Material) -> Finding | None:
    """Compare the lengths of chosen and rejected answers, in words and signs."""
    texts = texts_of(material)
    if "rejected" not in texts.parts:
        if material.method == "kto":
            return None
        raise CannotJudge("no-data", why="wrong-columns")
    chosen, rejected = texts.lengths("chosen"), texts.lengths("rejected")
    both = (chosen > 0) & (rejected > 0)
    if both.sum() < PAIRS:
        raise CannotJudge("too-few-points", points=int(both.sum()), need=int(PAIRS))
    ratio = np.log(np.maximum(chosen, 1) / np.maximum(rejected, 1))
    apart = both & (np.abs(ratio) >= np.log(APART))
    longer = int((apart & (ratio > 0)).sum())
    of = int(apart.sum())
    if of < PAIRS:
        return None
    middle = float(np.exp(np.median(ratio[both])))
    low, high = interval(longer, of)
    if low > SHARE and middle >= RATIO:
        kind, share, count = "longer", longer / of, longer
    elif high < 1 - SHARE and middle <= 1 / RATIO:
        kind, share, count, middle = "shorter", 1 - longer / of, of - longer, 1 / middle
    else:
        return None
    towards = np.flatnonzero(apart & ((ratio > 0) == (kind == "longer")))
    against = np.flatnonzero(apart & ((ratio > 0) != (kind == "longer")))
    edges = np.log([1 / 3, 1 / 2, 1 / 1.5, 1 / 1.1, 1.1, 1.5, 2, 3])
    names = ("< 1/3", "1/3 - 1/2", "1/2 - 1/1.5", "1/1.5 - 1/1.1", "alike", "1.1 - 1.5", "1.5 - 2", "2 - 3", "> 3")
    counts = np.bincount(np.digitize(ratio[both], edges), minlength=len(names))
    old = material.asked.config.get("loss_type")
    fixes = [Fix("balance", "show")]
    if material.method == "dpo" and old in (None, "sigmoid", ["sigmoid"]) and kind == "longer":
        fixes.insert(0, Fix("norm", "ask", (Edit("loss_type", old, ["sigmoid_norm"]),)))
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.8,
        first_step=0,
        last_step=0,
        facts={"kind": kind, "where": texts.where, "count": count, "of": of, "share": share, "ratio": middle},
        evidence=(
            table(f"{texts.where}: chosen / rejected", ("length", "pairs"), zip(names, counts.tolist(), strict=True)),
            rows_table(texts, [*spread(towards)[:4].tolist(), *spread(against)[:2].tolist()]),
        ),
        causes=("annotators", "sources"),
        fixes=tuple(fixes),
    )


WORDS = {
    "en": Words(
        title="Length decides what is preferred",
        summary={
            "longer": "{where}: in {count} of {of} pairs whose lengths differ ({share:.0%}) the longer answer is the chosen one; "
            "it is {ratio:.1f} times as long at the median.",
            "shorter": "{where}: in {count} of {of} pairs whose lengths differ ({share:.0%}) the shorter answer is the chosen one; "
            "the rejected one is {ratio:.1f} times as long at the median.",
        },
        why="Length is the easiest thing to learn from such pairs: rewards and answers then grow (or shrink) with it, whatever is "
        "said.",
        wrong_if="longer (or shorter) answers are what is wanted",
        causes={
            "annotators": "Whoever judged the pairs, people or a model, took length for quality.",
            "sources": "Chosen and rejected answers come from different writers or models, one of them wordier.",
        },
        fixes={
            "norm": "Use the loss normalised by length (sigmoid_norm), which compares answers per token",
            "balance": "Keep as many pairs in which the other kind wins, or leave out those with the largest difference",
        },
        about="""Compares the lengths of chosen and rejected answers in words (in scripts without spaces: in signs). A warning
if, of the pairs whose lengths differ by 10 % or more, the longer (or the shorter) answer is the chosen one in over 70 % with
95 % confidence, and the median ratio is 1.3 or more.

People prefer the longer answer somewhat more often than not; that alone is no fault. Singhal et al. 2023, "A Long Way to Go:
Investigating Length Correlations in RLHF" (arXiv 2310.03716); the loss: huggingface/trl#5406.""",
    ),
    "zh": Words(
        title="长短决定了偏好",
        summary={
            "longer": "{where}：在长短不同的 {of} 个偏好对里，有 {count} 个（{share:.0%}）选中的是较长的回答，长度比的中位数为 "
            "{ratio:.1f}。",
            "shorter": "{where}：在长短不同的 {of} 个偏好对里，有 {count} 个（{share:.0%}）选中的是较短的回答，被拒的回答长度比中位数为 "
            "{ratio:.1f}。",
        },
        why="从这样的偏好对里最容易学到的就是长短：奖励和回答会随之越来越长（或短），与内容无关。",
        wrong_if="想要的正是更长（或更短）的回答",
        causes={
            "annotators": "评判者（人或模型）把长短当成了质量。",
            "sources": "被选与被拒的回答出自不同的作者或模型，其中一方更啰嗦。",
        },
        fixes={
            "norm": "使用按长度归一化的损失（sigmoid_norm），按每个 token 比较回答",
            "balance": "保留同样多的反例，或去掉长度相差最大的偏好对",
        },
        about="""比较被选与被拒回答的长度，以词计（没有空格的文字以字计）。在长度相差 10% 以上的偏好对里，如果以 95% 的置信度有超过 70% 选中较长
（或较短）的回答，且长度比的中位数不低于 1.3，则为警告。

人们本来就略微偏好较长的回答，仅此不算故障。Singhal 等 2023，“A Long Way to Go: Investigating Length Correlations in RLHF”
（arXiv 2310.03716）；损失见 huggingface/trl#5406。""",
    ),
}
