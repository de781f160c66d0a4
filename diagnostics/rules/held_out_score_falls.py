"""held-out-score-falls: the answers kept at the end score lower than those of an earlier checkpoint, prompt by prompt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diagnostics.finding import CannotJudge, Evidence, Finding, Fix, Limit, TableEvidence, Words
from diagnostics.fixing import RATE_WORDS, edits, lower_rate
from diagnostics.measure import SAMPLES, evidence, shown
from diagnostics.run import Run, Series

NAME = "held-out-score-falls"
METHODS = None
EXPLAINS = ()

PROMPTS = Limit(16, "prompts scored at both steps", "ours: the standard error of fewer is itself not known")
ERRORS = Limit(4, "standard errors of the paired difference", "ours: the best of many checkpoints is high by luck")
LOST = Limit(0.3, "of the whole range of the mean scores", "ours: less is a plateau with weather")
SEEN = Limit(
    0.3, "standard deviations of the scores", "Cohen 1988: 0.2 is a small effect, 0.5 a medium one; between them"
)
PROMPTS_SHOWN = 4
CHARACTERS = 120


@dataclass(frozen=True)
class Fall:
    """The best step and the last, over the same prompts. `lost` and `error`: mean paired difference, its standard error."""

    score: str
    means: Series
    best_at: int
    lost: float
    error: float
    spread: float
    prompts: int


def check(run: Run) -> Finding | None:
    """Compare the scores of the last answers that were kept with those of the best step before, over the same prompts."""
    fall = fall_of(run)
    means = fall.means.values
    best, last, lowest = float(means[fall.best_at]), float(means[-1]), float(means.min())
    if fall.lost <= max(ERRORS * fall.error, SEEN * fall.spread) or fall.lost <= LOST * (best - lowest):
        return None
    steps = fall.means.steps
    after = np.flatnonzero(means[fall.best_at + 1 :] < best - fall.lost / 2) + fall.best_at + 1
    onset = int(steps[after[0]]) if len(after) else int(steps[-1])
    at = int(steps[fall.best_at])
    saved = [one for one in run.checkpoints if one <= at]
    below = fall.best_at == 0
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.85,
        first_step=onset,
        last_step=int(steps[-1]),
        facts={
            "kind": "below" if below else "back",
            "score": fall.score,
            "best": best,
            "at": at,
            "last": last,
            "lost": fall.lost,
            "error": 1.96 * fall.error,
            "prompts": fall.prompts,
        },
        evidence=(evidence(fall.means, onset), *answers(run, fall), *shown(run, onset, "loss", "entropy", "kl")),
        causes=("rate", "data") if below else ("data", "too-long", "proxy"),
        fixes=fixes(run, at, onset, saved, below),
    )


def fall_of(run: Run) -> Fall:
    """Measure the last scored step against the best one before it.

    Raises:
        CannotJudge: no answers were scored at two steps, or too few prompts are common to both.
    """
    name = next((one for sample in run.samples for one in sample.rewards), None)
    scores: dict[int, dict[str, list[float]]] = {}
    for sample in run.samples:
        value = sample.rewards.get(name) if name else None
        if isinstance(value, int | float) and np.isfinite(value):
            scores.setdefault(sample.step, {}).setdefault(sample.prompt, []).append(float(value))
    if name is None or len(scores) < 2:
        raise CannotJudge("no-series", tag=f"{SAMPLES}{name or 'score'}")
    steps = sorted(scores)
    by_prompt = [{prompt: float(np.mean(all_of)) for prompt, all_of in scores[step].items()} for step in steps]
    means = [float(np.mean(list(one.values()))) for one in by_prompt]
    best_at = int(np.argmax(means[:-1]))
    common = sorted(by_prompt[best_at].keys() & by_prompt[-1].keys())
    if len(common) < PROMPTS:
        raise CannotJudge("too-few-points", points=len(common), need=int(PROMPTS))
    first, last = (np.array([by_prompt[place][one] for one in common]) for place in (best_at, -1))
    apart = first - last
    curve = Series(f"{SAMPLES}{name}", np.array(steps, dtype=np.int64), np.array(means))
    error = float(apart.std(ddof=1) / np.sqrt(len(common)))
    spread = float(np.concatenate([first - first.mean(), last - last.mean()]).std())
    return Fall(name, curve, best_at, float(apart.mean()), error, spread, len(common))


def answers(run: Run, fall: Fall) -> tuple[Evidence, ...]:
    """The prompts that lost most, with both answers: what went wrong is told by reading."""
    best, last = int(fall.means.steps[fall.best_at]), int(fall.means.steps[-1])
    kept = {
        (one.step, one.prompt): one for one in run.samples if one.step in (best, last) and fall.score in one.rewards
    }
    pairs = [
        (kept[best, prompt], kept[last, prompt]) for step, prompt in kept if step == best and (last, prompt) in kept
    ]
    pairs.sort(key=lambda pair: pair[1].rewards[fall.score] - pair[0].rewards[fall.score])
    rows = tuple(
        tuple(part[:CHARACTERS] for part in (before.prompt, before.completion, after.completion))
        for before, after in pairs[:PROMPTS_SHOWN]
    )
    return (TableEvidence(f"{SAMPLES}{fall.score}", ("prompt", f"step {best}", f"step {last}"), rows),)


def fixes(run: Run, at: int, onset: int, saved: list[int], below: bool) -> tuple[Fix, ...]:
    """Take the earlier checkpoint, or stop there; where it never was better than at the start, a lower learning rate."""
    keep = [Fix("keep", "show", facts={"kept": max(saved)})] if saved else []
    if below:
        return (*keep, *lower_rate(run, onset))
    return (Fix("stop", "ask", edits(run, max_steps=at), {"at": at}), *keep, Fix("bisect", "show"))


WORDS = {
    "en": Words(
        title="The held-out score falls",
        summary={
            "back": "The answers to {prompts} held-out prompts scored {best:.3g} ({score}) at step {at} and {last:.3g} at the "
            "end: {lost:.3g} lower, plus or minus {error:.2g}.",
            "below": "The answers to {prompts} held-out prompts never scored higher than at step {at}: from {best:.3g} "
            "({score}) to {last:.3g}, {lost:.3g} lost, plus or minus {error:.2g}.",
        },
        why="The last checkpoint answers worse than one that was there before, whatever the loss says.",
        wrong_if="the score that answers were judged by is not what the training is for",
        causes={
            "data": "From some step on the data teach something else: another part of them, another order, few rows again "
            "and again.",
            "too-long": "Training on after what could be learned was learned.",
            "proxy": "What is trained for is not what the score measures: a reward or a preference that is only near it.",
            "rate": "A learning rate that destroys more than it teaches.",
        },
        fixes={
            "stop": "Train to step {at} only, where the score was best",
            "keep": "Keep checkpoint-{kept}, the last before the score fell",
            "bisect": "See at which checkpoint which answers changed: python -m diagnostics bisect RUN",
            **RATE_WORDS["en"],
        },
        about="""Checks whether the answers that a run kept at its checkpoints score lower at the end than before.

The mean of the first score in samples.jsonl is taken at each step. The last step is compared with the best one before
it over the prompts that both answered, at least 16 of them. It has fallen if the mean difference is more than 4 standard
errors, more than 0.3 standard deviations of the scores, and more than 30 % of the range that the means have covered.
The onset is the first measured step after the best at which half of the loss is there.

The score is what the run was asked to judge its answers by (`sample_rewards`), on prompts that it was not trained on; it
may fall while loss and reward look well, and that is when it says most.

Not this fault: a last measurement within the noise of the best, a run that kept no scored answers.""",
    ),
    "zh": Words(
        title="留出评分下降",
        summary={
            "back": "{prompts} 个留出提示的回答在第 {at} 步得分 {best:.3g}（{score}），结束时为 {last:.3g}：低了 "
            "{lost:.3g}，误差 ±{error:.2g}。",
            "below": "{prompts} 个留出提示的回答从未高于第 {at} 步：从 {best:.3g}（{score}）到 {last:.3g}，下降 "
            "{lost:.3g}，误差 ±{error:.2g}。",
        },
        why="不论损失如何，最后的检查点回答得比早先的更差。",
        wrong_if="用来给回答评分的标准并不是训练的目的",
        causes={
            "data": "从某一步起，数据教的是别的东西：换了一部分、换了顺序，或少数行反复出现。",
            "too-long": "能学的已经学到，却继续训练。",
            "proxy": "训练的目标与评分衡量的不是一回事：奖励或偏好只是相近。",
            "rate": "学习率过高，破坏的比教会的多。",
        },
        fixes={
            "stop": "只训练到评分最好的第 {at} 步",
            "keep": "保留 checkpoint-{kept}，即评分下降之前的最后一个",
            "bisect": "查看哪个检查点起哪些回答变了：python -m diagnostics bisect RUN",
            **RATE_WORDS["zh"],
        },
        about="""检查训练在各检查点保存的回答，结束时的评分是否低于之前。

在每一步取 samples.jsonl 中第一个评分的平均值。把最后一步与之前最好的一步，在两者都回答过的提示上比较（至少 16 个）。
若平均差超过 4 倍标准误、超过评分标准差的 0.3 倍、且超过各步平均值变化范围的 30%，就判为下降。起始步是最好点之后第一个
已失去一半的测量步。

这个评分是训练时要求的（`sample_rewards`），用的是没有训练过的提示；损失和奖励看起来都好时它也可能下降，这时它最有用。

不是本故障：最后一次测量与最好的一次之差在噪声之内；没有保存带评分回答的训练。""",
    ),
}
