"""evaluation-leak: rows that the evaluation asks are among those trained on."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, TableEvidence, Words
from diagnostics.preflight.material import Material
from diagnostics.preflight.near import LEAST as LEAST_RUNS
from diagnostics.preflight.near import near_pairs
from diagnostics.preflight.telling import interval, spread, table
from diagnostics.preflight.texts import Texts, length, texts_of

NAME = "evaluation-leak"
METHODS = ("sft", "reward", "dpo", "kto", "grpo", "rloo", "ppo")
EXPLAINS = ("memorised",)

SHARE = Limit(
    0.01, "share of the evaluation rows", "ours: a random split of rows that repeat leaks about as many as repeat"
)
NEAR = Limit(0.02, "share of the evaluation rows", "ours: near copies are judged with some doubt")
LEAST = Limit(3, "evaluation rows", "ours: one or two may be alike by chance")
WORDS_LEAST = Limit(6, "words", "ours: short questions (a greeting) are asked again by everybody")
SIGN = Limit(0.6, "words", "ours: a Chinese word has 1.6 signs on average")


def preflight(material: Material) -> Finding | None:
    """Look for each evaluation row among the training rows: whole, its prompt, and nearly."""
    if material.evaluation is None:
        raise CannotJudge("no-data", why=material.unseen.get("evaluation", "there are no evaluation rows"))
    training, evaluation = texts_of(material), texts_of(material, "evaluation")
    same = [one for one in evaluation.parts if one in training.parts]
    if not same:
        raise CannotJudge("no-data", why="wrong-columns")
    prompts: dict[int, tuple[int, float]] = {}
    told = "prompt" in same and len(same) > 1
    if told:
        prompts = found_again(training.normal("prompt"), evaluation.normal("prompt"))
        # What is near as a whole is near in its prompt, unless that is too short to be compared.
        told = float(np.median(evaluation.lengths("prompt"))) >= 2 * LEAST_RUNS
    whole = found_again(joined(training, same), joined(evaluation, same), nearly=not told)
    rows = {**prompts, **whole}
    exact = {at: one for at, one in rows.items() if one[1] == 1.0}
    of = len(evaluation)
    if not (len(exact) >= LEAST and len(exact) / of >= SHARE) and not (len(rows) >= LEAST and len(rows) / of >= NEAR):
        return None
    answered = sum(1 for one in whole.values() if one[1] == 1.0)
    kind = "rows" if answered >= max(1, len(rows) / 2) else "near" if len(exact) < len(rows) / 2 else "prompts"
    low, high = interval(len(rows), of)
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.75 if kind == "near" else 0.9,
        first_step=0,
        last_step=0,
        facts={
            "kind": kind,
            "where": evaluation.where,
            "training": training.where,
            "count": len(rows),
            "exact": len(exact),
            "near": len(rows) - len(exact),
            "of": of,
            "share": len(rows) / of,
            "low": low,
            "high": high,
        },
        evidence=(beside(training, evaluation, rows, same),),
        causes=("split", "source") if kind != "prompts" else ("several", "split"),
        fixes=(Fix("group", "show"),),
    )


def joined(texts: Texts, parts: list[str]) -> list[str]:
    """Rows as one normalised text each, of some parts."""
    return ["\x1f".join(row) for row in zip(*(texts.normal(part) for part in parts), strict=True)]


def found_again(training: list[str], evaluation: list[str], nearly: bool = True) -> dict[int, tuple[int, float]]:
    """For the evaluation texts that are among the training texts: the place there and the overlap, 1 if equal.

    Short texts count as found only if they stand out: everybody asks the same few short questions.
    """
    first: dict[str, int] = {}
    for at, text in enumerate(training):
        first.setdefault(text, at)
    found: dict[int, tuple[int, float]] = {}
    rest = []
    for at, text in enumerate(evaluation):
        if length(text) * (1 if text.isascii() else SIGN) < WORDS_LEAST:
            continue
        if text in first:
            found[at] = (first[text], 1.0)
        else:
            rest.append(at)
    if not nearly:
        return found
    unique = list(first.values())
    pairs = near_pairs([training[at] for at in unique] + [evaluation[at] for at in rest])
    for one, other, overlap in pairs:
        if one < len(unique) <= other and overlap < 1.0:
            found.setdefault(rest[other - len(unique)], (unique[one], overlap))
    return found


def beside(training: Texts, evaluation: Texts, rows: dict[int, tuple[int, float]], parts: list[str]) -> TableEvidence:
    """Evaluation rows with the training rows that say the same."""
    places = spread(np.array(sorted(rows)))
    part = parts[0]
    return table(
        evaluation.where,
        ("evaluation row", "training row", "overlap", f"evaluation {part}", f"training {part}"),
        [
            (
                int(evaluation.numbers[at]),
                int(training.numbers[rows[at][0]]),
                f"{rows[at][1]:.2f}",
                evaluation.parts[part][at],
                training.parts[part][rows[at][0]],
            )
            for at in map(int, places)
        ],
    )


WORDS = {
    "en": Words(
        title="The evaluation asks what was trained on",
        summary={
            "rows": "{count} of {of} rows of {where} ({share:.1%}) are among those of {training}, prompt and answer.",
            "prompts": "{count} of {of} prompts of {where} ({share:.1%}) are among those of {training}.",
            "near": "{count} of {of} rows of {where} ({share:.1%}) have a near copy in {training} ({exact} are the same).",
        },
        why="The evaluation then measures what was learned by heart: its loss and accuracy are too good, and overfitting is not "
        "seen.",
        wrong_if="the evaluation is meant to ask about the training rows",
        causes={
            "split": "Rows that repeat were split at random: copies came to lie on both sides.",
            "source": "Both files were drawn from the same source.",
            "several": "Several answers to one prompt were split row by row instead of prompt by prompt.",
        },
        fixes={
            "group": "Drop the rows shown from training, or split anew so that all rows of a prompt fall to one side"
        },
        about="""Looks for each evaluation row among the training rows: prompt and answer, then the prompt alone; exactly after
normalisation (width, case, spaces, punctuation), then nearly (runs of three words or signs overlap by 0.8, see
duplicate-rows). System prompts do not count, nor what more than 2 % of the rows share (a template), nor texts of fewer than
six words (ten signs). A warning from 1 % of the evaluation rows on, with near copies from 2 %.

Lee et al. 2022 (arXiv 2107.06499) found that 1 to 5 % of common validation sets lie in their training sets.""",
    ),
    "zh": Words(
        title="评估数据出现在训练数据里",
        summary={
            "rows": "{where} 的 {of} 行中有 {count} 行（{share:.1%}）连同提示和回答都在 {training} 里。",
            "prompts": "{where} 的 {of} 个提示中有 {count} 个（{share:.1%}）出现在 {training} 里。",
            "near": "{where} 的 {of} 行中有 {count} 行（{share:.1%}）在 {training} 里有几乎相同的行（其中 {exact} 行完全相同）。",
        },
        why="这样评估测到的是死记的内容：损失和准确率偏好，过拟合也看不出来。",
        wrong_if="评估本来就要问训练过的内容",
        causes={
            "split": "有重复的数据被随机划分，副本落到了两边。",
            "source": "两个文件出自同一来源。",
            "several": "同一提示有多个回答，划分时按行而不是按提示。",
        },
        fixes={"group": "从训练数据里去掉所示的行，或重新划分，使同一提示的所有行落在同一边"},
        about="""在训练数据里查找每一行评估数据：先是提示加回答，再是单独的提示；先查规范化（全角半角、大小写、空白、标点）后完全相同的，
再查几乎相同的（三词或三字片段的重合度达到 0.8，见 duplicate-rows）。系统提示、超过 2% 的行共有的内容（模板）以及不足六个词（十个字）的文本不计。
评估数据的 1% 起为警告，含几乎相同的则从 2% 起。

Lee 等 2022（arXiv 2107.06499）发现，常用验证集有 1% 到 5% 出现在训练集里。""",
    ),
}
