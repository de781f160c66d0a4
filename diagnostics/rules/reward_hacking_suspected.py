"""reward-hacking-suspected: the reward in training rises while what is held out does not follow."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Evidence, Finding, Fix, Limit, TextEvidence, Words
from diagnostics.fixing import stronger_penalty
from diagnostics.measure import ONLINE, evidence, kept_scores, mean_trend, need, scatter, shown
from diagnostics.run import Run, Series

NAME = "reward-hacking-suspected"
METHODS = ONLINE
EXPLAINS = ("kl-explosion", "held-out-score-falls")

ROWS = Limit(20, "logged rows", "ours: fewer have no trend")
EVALUATIONS = Limit(4, "evaluations", "rl-doctor 0.2.0")
GAIN = Limit(0.05, "reward", "jsboige/CoursIA#9592: without a gain to speak of, a gap is noise")
NOTE = Limit(
    0.3, "of the gain in training", "ours: a policy that keeps less than a third of its gain did not learn the task"
)
SIGMAS = 2.0
TEXTS = 3
PENALTY = 0.04  # the least KL penalty: GRPO runs that use one take 0.02 to 0.05 (TRL's paper index)


def check(run: Run) -> Finding | None:
    """Compare the course of the training reward with that of the held-out one."""
    reward = need(run.signal("reward"), "train/reward", ROWS)
    kind, held = held_out(run)
    if held is None:
        raise CannotJudge("no-held-out-reward")
    if len(held) < EVALUATIONS:
        raise CannotJudge("too-few-evaluations", points=len(held), need=int(EVALUATIONS))
    gained = mean_trend(reward)
    if not gained.rose() or gained.change < GAIN:
        return None
    error = scatter(held.values)
    half = max(1, len(held) // 3)
    first, last = float(np.median(held.values[:half])), float(np.median(held.values[-half:]))
    change = last - first
    fell = -change > max(SIGMAS * error, GAIN / 2)
    # What the training reward gained while the held-out one was watched, on the same scale only where it is the same.
    flat = kind == "evaluation" and change < NOTE * gained.change and change < SIGMAS * max(error, 1e-12)
    if not (fell or flat):
        return None
    best = int(held.steps[int(np.argmax(held.values))])
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.75 if fell else 0.55,
        first_step=best,
        last_step=max(int(reward.steps[-1]), best),
        facts={
            "kind": "fell" if fell else "flat",
            "start": gained.start,
            "end": gained.end,
            "first": first,
            "last": last,
            "best": best,
            "name": held.tag,
        },
        evidence=(evidence(reward, best), evidence(held, best), *shown(run, best, "kl", "length"), *answers(run)),
        causes=("proxy", "data", "drift"),
        fixes=fixes(run, best),
    )


def held_out(run: Run) -> tuple[str, Series | None]:
    """The held-out reward: of the evaluation, else the mean score of the answers that the run kept at its checkpoints."""
    evaluation = run.signal("reward", "eval")
    if evaluation is not None and len(finite := evaluation.finite()):
        return "evaluation", finite
    return "samples", kept_scores(run)


def answers(run: Run) -> tuple[Evidence, ...]:
    """A few of the last answers that the run kept: a trick is told by reading."""
    if not run.samples:
        return ()
    last = max(sample.step for sample in run.samples)
    lines = [f"{one.prompt[:80]!r} -> {one.completion[:160]!r}" for one in run.samples if one.step == last][:TEXTS]
    return (TextEvidence("samples.jsonl", tuple(lines)),)


def fixes(run: Run, best: int) -> tuple[Fix, ...]:
    """The checkpoint at the best held-out reward; a penalty; a second judge."""
    saved = [one for one in run.checkpoints if one <= best]
    found = [Fix("keep", "show", facts={"kept": max(saved)})] if saved else []
    return (*found, stronger_penalty(run, PENALTY), Fix("judge", "show"))


WORDS = {
    "en": Words(
        title="The reward may be hacked",
        summary={
            "fell": "The training reward rose from {start:.3g} to {end:.3g} while the held-out {name} fell from {first:.3g} to "
            "{last:.3g} (best at step {best}).",
            "flat": "The training reward rose from {start:.3g} to {end:.3g} while the held-out {name} stayed at {last:.3g}.",
        },
        why="What is measured is gained without what is meant: the policy found what the reward pays for by mistake.",
        wrong_if="the held-out prompts are of another kind than those trained on",
        causes={
            "proxy": "A reward that can be gained by a trick: a phrase, a format, length.",
            "data": "Too few prompts: the policy learns them by heart.",
            "drift": "A policy far from its reference, where the reward model was never trained.",
        },
        fixes={
            "keep": "Keep checkpoint-{kept}, the last before the held-out reward turned",
            "penalty": "Hold the policy with a KL penalty of {new:g}",
            "judge": "Read twenty answers of the highest reward, and add a second reward that sees the trick",
        },
        about="""Compares the training reward with a held-out one: eval/reward, or the mean score of the answers that the run
kept at its checkpoints. Suspected if training gained at least 0.05 beyond three standard errors while the held-out
reward fell (a third of the evaluations at the start against a third at the end, beyond twice their noise), or, where
both are the same reward, kept less than a third of the gain.

At least four evaluations are needed. The word is "suspected": such signals are audits after the fact, and reading
answers decides (pytorch/rl#3984). Sources: rl-doctor 0.2.0; the gate of 0.05 from jsboige/CoursIA#9592.""",
    ),
    "zh": Words(
        title="奖励可能被钻空子",
        summary={
            "fell": "训练奖励从 {start:.3g} 升到 {end:.3g}，而留出的 {name} 从 {first:.3g} 降到 {last:.3g}（第 {best} 步最好）。",
            "flat": "训练奖励从 {start:.3g} 升到 {end:.3g}，而留出的 {name} 停在 {last:.3g}。",
        },
        why="得到了所衡量的，却没有得到想要的：策略找到了奖励误付的东西。",
        wrong_if="留出的提示与训练的提示不是同一类",
        causes={
            "proxy": "奖励可以靠伎俩得到：某句话、某种格式、长度。",
            "data": "提示太少：策略把它们背了下来。",
            "drift": "策略离参考模型太远，奖励模型从未在那里训练过。",
        },
        fixes={
            "keep": "保留 checkpoint-{kept}，即留出奖励转折前的最后一个",
            "penalty": "用 {new:g} 的 KL 惩罚约束策略",
            "judge": "阅读奖励最高的二十个回答，并加上能识破伎俩的第二个奖励",
        },
        about="""把训练奖励与留出的奖励比较：eval/reward，或训练在各检查点保存的回答的平均得分。若训练奖励升高至少 0.05 且超过三倍标准
误，而留出奖励下降（开头三分之一与最后三分之一的评估相比，超过噪声的两倍），或两者为同一奖励时保留的增益不到三分之一，则怀疑。

至少需要四次评估。这里说的是“可能”：这类信号只能事后审视，最终要靠阅读回答（pytorch/rl#3984）。来源：rl-doctor 0.2.0；0.05 的
门槛取自 jsboige/CoursIA#9592。""",
    ),
}
