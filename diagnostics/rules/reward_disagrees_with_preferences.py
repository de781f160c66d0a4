"""reward-disagrees-with-preferences: the better a policy learns its preferences, the worse a reward scores its answers."""

from __future__ import annotations

import math

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, TextEvidence, Words
from diagnostics.measure import PREFERENCE, evidence, need, shown, trend
from diagnostics.run import Run

NAME = "reward-disagrees-with-preferences"
METHODS = PREFERENCE
EXPLAINS = ("held-out-score-falls",)

PROMPTS = Limit(16, "prompts answered at both steps", "ours: fewer give an interval too wide to judge by")
SIGMAS = Limit(3, "standard errors of the mean difference", "ours")
ROWS = Limit(5, "logged rows", "ours")
SHOWN = 3


def check(run: Run) -> Finding | None:
    """Compare the scores of the answers kept at the first and at the last step, prompt by prompt."""
    margin = need(run.signal("margin"), "train/rewards/margins", ROWS)
    if not run.samples:
        raise CannotJudge("no-samples")
    steps = sorted({sample.step for sample in run.samples})
    names = list(dict.fromkeys(name for sample in run.samples for name in sample.rewards))
    if len(steps) < 2 or not names:
        raise CannotJudge("no-samples")
    if not trend(margin).rose(2.0):
        return None
    name = names[0]
    first, last = (scores(run, step, name) for step in (steps[0], steps[-1]))
    prompts = [one for one in first if one in last]
    if len(prompts) < PROMPTS:
        raise CannotJudge("too-few-prompts", points=len(prompts), need=int(PROMPTS))
    change = np.array([last[one][0] - first[one][0] for one in prompts])
    error = float(change.std(ddof=1) / math.sqrt(len(change)))
    if float(change.mean()) >= -SIGMAS * max(error, 1e-9):
        return None
    worst = sorted(prompts, key=lambda one: last[one][0] - first[one][0])[:SHOWN]
    lines = [f"{last[one][0] - first[one][0]:+.2f}  {one[:60]!r} -> {last[one][1][:120]!r}" for one in worst]
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.7,
        first_step=steps[0],
        last_step=steps[-1],
        facts={"name": name, "change": float(change.mean()), "error": error, "count": len(prompts)},
        evidence=(
            TextEvidence("samples.jsonl", tuple(lines)),
            evidence(margin, int(margin.steps[-1])),
            *shown(run, int(margin.steps[-1]), "preference_accuracy", "chosen_logp"),
        ),
        causes=("reward", "pairs", "displacement"),
        fixes=(Fix("pairs", "show"),),
    )


def scores(run: Run, step: int, name: str) -> dict[str, tuple[float, str]]:
    """The score and the answer of each prompt at a step."""
    return {
        sample.prompt: (float(value), sample.completion)
        for sample in run.samples
        if sample.step == step and isinstance(value := sample.rewards.get(name), int | float) and math.isfinite(value)
    }


WORDS = {
    "en": Words(
        title="Reward and preferences disagree",
        summary="While the margin of the pairs grew, {name} of the kept answers fell by {change:+.3g} (standard error "
        "{error:.2g}, {count} prompts).",
        why="Either the reward or the pairs measure something else than what is wanted: one of them must be mended before "
        "both are used.",
        wrong_if="the kept prompts are of another kind than the pairs",
        causes={
            "reward": "A reward that punishes what the pairs prefer (length, politeness, a format).",
            "pairs": "Chosen and rejected are swapped, or were chosen by other rules.",
            "displacement": "The chosen answers became unlikely too (see preference-displacement).",
        },
        fixes={
            "pairs": "Score chosen and rejected of fifty pairs with the reward: it should prefer the chosen in most"
        },
        about="""Compares, prompt by prompt, the scores of the answers that a preference run kept at its first and at its last
step: if they fell by more than three standard errors while the margin of the training pairs rose, reward and
preferences disagree. At least 16 prompts are needed.""",
    ),
    "zh": Words(
        title="奖励与偏好不一致",
        summary="偏好对的间隔在增大，而所保存回答的 {name} 变化了 {change:+.3g}（标准误 {error:.2g}，{count} 个提示）。",
        why="奖励与偏好对之一衡量的不是想要的东西：同时使用之前必须修正其中之一。",
        wrong_if="所保存的提示与偏好对不是同一类",
        causes={
            "reward": "奖励惩罚了偏好对所喜欢的东西（长度、礼貌、格式）。",
            "pairs": "被选与被拒颠倒了，或按别的标准挑选。",
            "displacement": "被选的回答也变得不可能（见 preference-displacement）。",
        },
        fixes={"pairs": "用这个奖励给五十个偏好对打分：多数应偏向被选的回答"},
        about="""逐个提示比较偏好训练在第一步与最后一步保存的回答的得分：若下降超过三倍标准误，而训练偏好对的间隔在上升，则两者不一致。
至少需要 16 个提示。""",
    ),
}
