"""preference-pairs-swapped: what training learns to prefer, the evaluation learns to reject."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, Limit, Words
from diagnostics.measure import evidence, late, need, shown
from diagnostics.preflight.material import Material
from diagnostics.preflight.telling import interval, rows_table, spread
from diagnostics.preflight.texts import Texts, length, texts_of
from diagnostics.run import Run

NAME = "preference-pairs-swapped"
METHODS = ("dpo", "orpo", "reward")
PREFLIGHT_METHODS = ("dpo", "reward", "kto")
EXPLAINS = ("overfitting", "preference-displacement")

ROWS = Limit(5, "logged rows", "ours")
EVALUATIONS = Limit(2, "evaluations", "ours: the later half of them, at least two")
LEARNED = Limit(0.6, "share of the training pairs won", "ours: training has learned something")
REVERSED = Limit(0.42, "share of the evaluation pairs won", "ours: 150 pairs at chance lie above it in 97 of 100 cases")

RATED = Limit(0.05, "share of the rated pairs", "ours: ties and noise of the judges turn a few pairs round")
MOSTLY = Limit(0.9, "share of the rated pairs", "ours: the whole set is the wrong way round")
TOLD = Limit(
    20, "pairs of which one answer is poor by its look", "ours: at chance all but 1 in 40 sets lie below REVERSED_PAIRS"
)
TOLD_SHARE = Limit(0.01, "share of the pairs", "ours: fewer say nothing of the rest")
POOR = Limit(0.65, "share of those pairs", "ours: with 95 % confidence more than that have the poor answer chosen")
AGAIN = Limit(3, "pairs", "ours: one may be an error of a person")

# `score_chosen`, `chosen-rating`, `reward_rejected`: more is better. Ranks are not, and are left alone.
SCORES = re.compile(r"(?:^|[_\W])(?:score|scores|rating|ratings|reward|rewards|quality)(?:$|[_\W])", re.IGNORECASE)
# What assistants say when they will not or cannot; the beginnings only.
REFUSALS = re.compile(
    r"^(?:i'?m sorry,? (?:but )?(?:i|as an)|sorry,? (?:but )?i can|i apologi[sz]e,? but|i can(?:no|')t (?:help|assist|do|provide)|"
    r"i am (?:not able|unable) to|i'm (?:not able|unable) to|as an ai|unfortunately,? i can|"
    r"(?:很)?抱歉，?我(?:无法|不能)|对不起，?我(?:无法|不能)|我(?:无法|不能)(?:回答|帮助|提供|协助)|作为一个?(?:ai|人工智能))"
)
ENDS = re.compile(r"[.!?。！？…\"'”’)\]）】`>}~*|]\s*$")
BROKEN_OFF = re.compile(r"[a-z,，、\u4e00-\u9fff]\s*$")
SENTENCES = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
LONG = 12  # words: a shorter answer may end without a stop
SAID_AGAIN = 3  # times


def check(run: Run) -> Finding | None:
    """Compare the accuracy in training with that in evaluation."""
    training = need(run.signal("preference_accuracy"), "train/rewards/accuracies", ROWS)
    evaluation = run.signal("preference_accuracy", "eval")
    if evaluation is None:
        raise CannotJudge("no-evaluation")
    held = evaluation.finite()
    if len(held) < EVALUATIONS:
        raise CannotJudge("too-few-evaluations", points=len(held), need=int(EVALUATIONS))
    later = held.values[-max(int(EVALUATIONS), len(held) // 2) :]
    learned, reached = late(training), float(np.median(later))
    if learned < LEARNED or reached > REVERSED or later[-1] > REVERSED:
        return None
    step = int(held.steps[np.argmax(held.values <= REVERSED)])
    return Finding(
        rule=NAME,
        severity="error",
        confidence=0.85,
        first_step=step,
        last_step=int(held.steps[-1]),
        facts={"kind": "curves", "training": learned, "evaluation": reached},
        evidence=(evidence(held, step), evidence(training, step), *shown(run, step, "margin")),
        causes=("training", "evaluation"),
        fixes=(Fix("columns", "show"),),
    )


def preflight(material: Material) -> Finding | None:
    """Look for what contradicts the order of the pairs: ratings, the other split, and answers that are poor by their look."""
    texts = texts_of(material)
    if "rejected" not in texts.parts:
        if material.method == "kto":
            return None
        raise CannotJudge("no-data", why="wrong-columns")
    return rated(material, texts) or reversed_in_evaluation(material, texts) or poorer(material, texts)


def found(
    material: Material, texts: Texts, kind: str, places: np.ndarray, confidence: float, whole: bool, **facts: object
) -> Finding:
    """The finding; where the whole set is the wrong way round, with the mapping that turns it."""
    named = material.asked.config.get("column_mapping")
    fixes = [Fix("read", "show")]
    if whole and kind != "splits":
        names = dict(named) if isinstance(named, dict) else {}
        turned = {**names, "chosen": names.get("rejected", "rejected"), "rejected": names.get("chosen", "chosen")}
        fixes.insert(0, Fix("turn", "ask", (Edit("column_mapping", named, turned),)))
    return Finding(
        rule=NAME,
        severity="error" if whole and kind == "ratings" else "info" if kind == "refusals" else "warning",
        confidence=confidence,
        first_step=0,
        last_step=0,
        facts={"kind": kind, "where": texts.where, **facts},
        evidence=(rows_table(texts, spread(places).tolist(), **texts.others),),
        causes=("training", "evaluation") if kind == "splits" else ("training", "ranks"),
        fixes=tuple(fixes),
    )


def rated(material: Material, texts: Texts) -> Finding | None:
    """Pairs of which the rejected answer has the better score, where scores stand beside them."""
    for name in texts.others:
        other = name.replace("chosen", "rejected")
        if "chosen" not in name or other not in texts.others or not SCORES.search(name):
            continue
        high, low = (
            np.array([one if isinstance(one, int | float) else np.nan for one in texts.others[it]], float)
            for it in (name, other)
        )
        differ = np.isfinite(high) & np.isfinite(low) & (high != low)
        wrong = differ & (high < low)
        of, count = int(differ.sum()), int(wrong.sum())
        if count >= AGAIN and count / of >= RATED:
            share = count / of
            return found(
                material, texts, "ratings", np.flatnonzero(wrong), 0.9, share >= MOSTLY, count=count, of=of, share=share,
                chosen=name, rejected=other,
            )  # fmt: skip
    return None


def reversed_in_evaluation(material: Material, texts: Texts) -> Finding | None:
    """Pairs that the evaluation holds the other way round."""
    if material.evaluation is None:
        return None
    try:
        held = texts_of(material, "evaluation")
    except CannotJudge:
        return None
    if "rejected" not in held.parts:
        return None
    ways = {
        (one, two): at
        for at, (one, two) in enumerate(zip(texts.normal("chosen"), texts.normal("rejected"), strict=True))
        if one != two
    }
    pairs = list(zip(held.normal("chosen"), held.normal("rejected"), strict=True))
    turned = [ways[other, one] for one, other in pairs if (other, one) in ways]
    same = sum((one, other) in ways for one, other in pairs)
    if len(turned) < AGAIN or len(turned) <= same:
        return None
    return found(
        material,
        texts,
        "splits",
        np.array(turned),
        0.9,
        True,
        count=len(turned),
        of=len(turned) + same,
        evaluation=held.where,
    )


def poorer(material: Material, texts: Texts) -> Finding | None:
    """Pairs of which one answer is poor by its look: blank, broken off, repeating itself or the question, refusing."""
    prompts = texts.normal("prompt") if "prompt" in texts.parts else [""] * len(texts)
    signs: dict[str, Callable[[str, str, str], bool]] = {"blank": blank, "echo": echo, "cut": cut, "repeats": repeats}
    counts: dict[str, list[int]] = {}
    chosen_poor, rejected_poor = np.zeros(len(texts), bool), np.zeros(len(texts), bool)
    refused: list[list[int]] = [[], []]
    for at, (chosen, rejected, prompt) in enumerate(
        zip(texts.parts["chosen"], texts.parts["rejected"], prompts, strict=True)
    ):
        for name, sign in signs.items():
            here, there = sign(chosen, rejected, prompt), sign(rejected, chosen, prompt)
            if here != there:
                counts.setdefault(name, [0, 0])[0 if here else 1] += 1
                (chosen_poor if here else rejected_poor)[at] = True
                break
        else:
            says = [bool(REFUSALS.match(one.strip().lower()[:80].replace("’", "'"))) for one in (chosen, rejected)]
            if says[0] != says[1]:
                refused[0 if says[0] else 1].append(at)
    wrong, right = int((chosen_poor & ~rejected_poor).sum()), int((rejected_poor & ~chosen_poor).sum())
    of = wrong + right
    if of >= TOLD and of / len(texts) >= TOLD_SHARE and interval(wrong, of)[0] > POOR:
        most = max(counts, key=lambda one: counts[one][0])
        places = np.flatnonzero(chosen_poor & ~rejected_poor)
        words = SIGNS[most]
        return found(
            material, texts, "poorer", places, 0.6 if wrong / of > MOSTLY else 0.5, wrong / of > MOSTLY, count=wrong, of=of,
            rows=len(texts), mostly=words[0], mostly_zh=words[1],
        )  # fmt: skip
    wrong, right = len(refused[0]), len(refused[1])
    of = wrong + right
    if of >= TOLD and of / len(texts) >= TOLD_SHARE and interval(wrong, of)[0] > POOR:
        return found(
            material, texts, "refusals", np.array(refused[0]), 0.35, False, count=wrong, of=of, rows=len(texts)
        )
    return None


SIGNS = {
    "blank": ("empty", "为空"),
    "echo": ("repeating the question", "重复问题"),
    "cut": ("broken off", "被截断"),
    "repeats": ("saying the same again and again", "反复说同样的话"),
}


def blank(answer: str, other: str, _: str) -> bool:
    """Whether an answer says nothing."""
    return not answer.strip() and bool(other.strip())


def echo(answer: str, other: str, prompt: str) -> bool:
    """Whether an answer begins with the question."""
    start = " ".join(answer[: 2 * len(prompt) + 20].casefold().split())
    return len(prompt) >= LONG and start.startswith(prompt[:200]) and bool(other)


def cut(answer: str, other: str, _: str) -> bool:
    """Whether an answer breaks off in a sentence while the other ends one."""
    return bool(BROKEN_OFF.search(answer[-8:])) and bool(ENDS.search(other[-8:])) and length(answer) >= LONG


def repeats(answer: str, _: str, __: str) -> bool:
    """Whether an answer says one sentence three times or more."""
    parts = [one.strip() for one in SENTENCES.split(answer) if len(one.strip()) >= LONG]
    return len(parts) >= SAID_AGAIN and len(parts) - len(set(parts)) >= SAID_AGAIN - 1


WORDS = {
    "en": Words(
        title="Chosen and rejected are swapped",
        summary={
            "curves": "Training wins {training:.0%} of its pairs while only {evaluation:.0%} of the evaluation pairs are won: one of "
            "the two sets has its columns swapped.",
            "ratings": "{where}: in {count} of {of} rated pairs ({share:.0%}) the rejected answer has the better rating "
            "({chosen} is below {rejected}).",
            "splits": "{where}: {count} of the {of} pairs that {evaluation} holds too are there the other way round.",
            "poorer": "{where}: of {of} pairs in which one answer is poor by its look, it is the chosen one in {count} (mostly "
            "{mostly}): chosen and rejected may be swapped.",
            "refusals": "{where}: of {of} pairs in which one answer refuses, it is the chosen one in {count}: right where requests "
            "should be refused, else the pairs may be swapped.",
        },
        why="If the training set is the wrong one, the run teaches the model what nobody prefers.",
        wrong_if="the pairs were judged by other rules on purpose (brevity, refusing), or a low rating is the better one",
        causes={
            "training": "chosen and rejected are swapped in the training set.",
            "evaluation": "chosen and rejected are swapped in the evaluation set.",
            "ranks": "The pairs were made from ranks as if they were ratings: the lower rank is the better one.",
        },
        fixes={
            "columns": "Read ten pairs of each set, and swap the columns of the wrong one",
            "read": "Read ten pairs, and turn or drop those that are the wrong way round",
            "turn": "Swap the two columns in column_mapping, once ten pairs have been read",
        },
        about="""Checks whether training and evaluation contradict each other: at least 60 % of the training pairs are won in
the last quarter of the run while at most 42 % of the evaluation pairs are (median of the later half of the evaluations,
and the last one).

A model that merely overfits falls towards one half, not below it. Seen in huggingface/trl#2578.

Before a run the pairs can only be held against other evidence: scores beside them (a warning from 5 % contradictions on, an
error from 90 %), the same pairs in the evaluation the other way round, and answers that are poor by their look (blank, broken
off, repeating the question or themselves; at least 20 such pairs and 1 % of all). Refusals alone are a note only: where
requests should be refused they are the better answer.""",
    ),
    "zh": Words(
        title="被选与被拒颠倒了",
        summary={
            "curves": "训练中 {training:.0%} 的偏好对判断正确，而评估中只有 {evaluation:.0%}：两个数据集之一的列颠倒了。",
            "ratings": "{where}：在有评分的 {of} 个偏好对里，有 {count} 个（{share:.0%}）被拒的回答评分更高（{chosen} 低于 "
            "{rejected}）。",
            "splits": "{where}：{evaluation} 里也有的 {of} 个偏好对中，{count} 个方向相反。",
            "poorer": "{where}：在一个回答一看就差的 {of} 个偏好对里，有 {count} 个选中的正是它（多为{mostly_zh}）：chosen 与 rejected "
            "可能颠倒了。",
            "refusals": "{where}：在一个回答为拒答的 {of} 个偏好对里，有 {count} 个选中的是拒答：如果本来就应拒绝，这是对的；否则可能颠倒了。",
        },
        why="如果错的是训练集，模型学到的正是没人喜欢的东西。",
        wrong_if="偏好对有意按其他标准判定（如简短、拒答），或评分是越低越好",
        causes={
            "training": "训练集的 chosen 与 rejected 颠倒了。",
            "evaluation": "评估集的 chosen 与 rejected 颠倒了。",
            "ranks": "把名次当成了评分：名次是越小越好。",
        },
        fixes={
            "columns": "各读十个偏好对，把错的那个数据集的列换过来",
            "read": "读十个偏好对，把颠倒的换过来或去掉",
            "turn": "先读十个偏好对，确认后在 column_mapping 里对调两列",
        },
        about="""检查训练与评估是否矛盾：最后四分之一里训练偏好对至少 60% 正确，而评估至多 42%（后半段评估的中位数，以及最后一次）。

只是过拟合的模型会趋近一半，而不会低于一半。见 huggingface/trl#2578。

训练之前只能与其他证据对照：旁边的评分（矛盾达 5% 起为警告，90% 起为错误）、评估数据里方向相反的同一偏好对、一看就差的回答（为空、截断、
重复问题或反复说同样的话；至少 20 对且占 1%）。只有拒答这一迹象时仅作提示：在应当拒绝的请求里，拒答才是更好的回答。""",
    ),
}
