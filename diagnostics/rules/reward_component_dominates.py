"""reward-component-dominates: one of several reward functions makes nearly all of the gain, the others stand still."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Edit, Finding, Fix, Limit, TableEvidence, Words
from diagnostics.fixing import edits, rounded
from diagnostics.measure import ONLINE, argument, evidence, mean_trend
from diagnostics.preflight.material import Material
from diagnostics.preflight.trials import trials_of
from diagnostics.run import Run, Series

NAME = "reward-component-dominates"
METHODS = ("grpo", "rloo")
PREFLIGHT_METHODS = ONLINE
EXPLAINS = ()

NORMALISED = "normalize_then_sum"
COMPONENTS = Limit(2, "reward functions", "ours")
ROWS = Limit(40, "logged rows", "ours: fewer have no trend in each component")
SURE = Limit(150, "logged rows", "rl-doctor 0.2.0: before, a format is learned first in healthy runs too")
SHARE = Limit(0.9, "of the whole gain", "rl-doctor 0.2.0")
DROWNED = Limit(
    20.0, "times the spread", "ours: of a sum in which one part is twenty times another, the other is not learned"
)
GAIN = Limit(0.05, "reward", "jsboige/CoursIA#9592: a flat reward has no part that dominates")


def check(run: Run) -> Finding | None:
    """Compare what each reward function gained, by its weight."""
    components = {name: series.finite() for name, series in run.reward_components().items()}
    components = {name: series for name, series in components.items() if len(series)}
    if len(components) < COMPONENTS:
        raise CannotJudge("one-reward")
    rows = min(len(series) for series in components.values())
    if rows < ROWS:
        raise CannotJudge("too-few-points", points=rows, need=int(ROWS))
    weights = weights_of(run, list(components))
    gains = {name: weights[name] * mean_trend(series).change for name, series in components.items()}
    whole = sum(max(0.0, gain) for gain in gains.values())
    name = max(gains, key=lambda one: gains[one])
    if whole < GAIN or gains[name] < SHARE * whole or not mean_trend(components[name]).rose():
        return None
    still = [one for one, series in components.items() if one != name and not mean_trend(series).rose()]
    if len(still) < len(components) - 1:
        return None
    dominant = components[name]
    step = int(dominant.steps[len(dominant) // 2])
    return Finding(
        rule=NAME,
        severity="warning" if rows >= SURE else "info",
        confidence=0.7 if rows >= SURE else 0.4,
        first_step=step,
        last_step=int(dominant.steps[-1]),
        facts={
            "kind": "gain",
            "name": name,
            "share": gains[name] / whole,
            "others": ", ".join(still),
            "gain": gains[name],
        },
        evidence=(
            evidence(dominant, step),
            *(evidence(components[one], nearest(components[one], step)) for one in still),
        ),
        causes=("easy", "weight"),
        fixes=fixes(run, name, list(components)),
    )


def preflight(material: Material) -> Finding | None:
    """Compare the spreads of the rewards over the same answers, by their weights: a small one beside a large is not learned."""
    trials = [one for one in trials_of(material) if one.failed is None and one.values]
    if len(trials) < COMPONENTS:
        raise CannotJudge("one-reward")
    given = material.asked.config.get("reward_weights")
    own = len(material.rewards or ())
    known = isinstance(given, list) and len(given) == own and all(isinstance(one, int | float) for one in given)
    weights = dict(
        zip((one.name for one in material.rewards or ()), given if known and given else [1.0] * own, strict=True)
    )
    spreads = {}
    for one in trials:
        values = np.concatenate([part[np.isfinite(part)] for part in one.values.values()])
        if len(values) and float(np.std(values)) > 0:
            spreads[one.name] = abs(float(weights[one.name])) * float(np.std(values))
    live = {name: spread for name, spread in spreads.items() if spread > 0}
    if len(live) < COMPONENTS:
        return None
    most, least = max(live, key=lambda name: live[name]), min(live, key=lambda name: live[name])
    ratio = live[most] / live[least]
    if ratio < DROWNED:
        return None
    drowned = [name for name in live if live[most] / live[name] >= DROWNED]
    even = [
        rounded(float(weights[one.name]) * live[least] / live[one.name])
        if one.name in live
        else float(weights[one.name])
        for one in material.rewards or ()
    ]
    changes = (Edit("reward_weights", given, even),) if even != given else ()
    rows = tuple((name, f"{weights[name]:g}", f"{spread:.4g}") for name, spread in live.items())
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.7,
        first_step=0,
        last_step=0,
        facts={"kind": "tried", "name": most, "others": ", ".join(drowned), "ratio": ratio},
        evidence=(TableEvidence("rewards", ("function", "weight", "spread"), rows),),
        causes=("weight",),
        fixes=(
            Fix("even", "ask", changes),
            Fix(
                "normalise",
                "ask",
                (
                    Edit(
                        "multi_objective_aggregation",
                        material.asked.config.get("multi_objective_aggregation"),
                        NORMALISED,
                    ),
                ),
            ),
        ),
    )


def weights_of(run: Run, names: list[str]) -> dict[str, float]:
    """The weight of each reward function; 1 each where none were given."""
    given = argument(run, "reward_weights")
    if isinstance(given, list) and len(given) == len(names) and all(isinstance(one, int | float) for one in given):
        return dict(zip(names, map(float, given), strict=True))
    return dict.fromkeys(names, 1.0)


def nearest(series: Series, step: int) -> int:
    """The logged step nearest to a step."""
    return int(series.steps[abs(series.steps - step).argmin()])


def fixes(run: Run, name: str, names: list[str]) -> tuple[Fix, ...]:
    """A smaller weight for it, and rewards normalised before they are added."""
    weights = weights_of(run, names)
    weights[name] = round(weights[name] / 4, 4)
    return (
        Fix("weight", "ask", edits(run, reward_weights=[weights[one] for one in names]), {"name": name}),
        Fix("normalise", "ask", edits(run, multi_objective_aggregation=NORMALISED)),
    )


WORDS = {
    "en": Words(
        title="One reward function makes all of the gain",
        summary={
            "gain": "{name} makes {share:.0%} of the gain in reward; {others} did not rise.",
            "tried": "Over the same answers {name} spreads {ratio:.0f} times as far as {others}: their sum is {name} alone.",
        },
        why="The sum rises and the task is not learned: usually the format is right and the answer is not.",
        wrong_if="the other rewards were at their ceiling from the start",
        causes={
            "easy": "A component that is far easier than the others (a format, a tag, a length).",
            "weight": "Its weight is large against the spread of the others.",
        },
        fixes={
            "weight": "Give {name} a quarter of its weight",
            "even": "Give the functions weights by which they spread alike",
            "normalise": "Normalise each reward within its group before adding them",
        },
        about="""Compares what each reward function gained between the first and the last fifth of the run, times its weight:
one makes 90 % and more of the gain while none of the others rose beyond its noise. From 150 rows on a warning, before a
note: a format is learned first in healthy runs too. A total gain below 0.05 has no part that dominates.

Before a run, the functions are tried on the same answers, good ones and junk: a warning where one spreads, by its weight,
20 times as far as another.

Sources: rl-doctor 0.2.0; jsboige/CoursIA#9592.""",
    ),
    "zh": Words(
        title="奖励的增长全部来自一个函数",
        summary={
            "gain": "{name} 占奖励增长的 {share:.0%}；{others} 没有上升。",
            "tried": "在同样的回答上，{name} 的离散度是 {others} 的 {ratio:.0f} 倍：相加之后只剩下 {name}。",
        },
        why="总分上升而任务没有学会：通常是格式对了，答案不对。",
        wrong_if="其他奖励一开始就已到顶",
        causes={
            "easy": "这个分量比其他容易得多（格式、标签、长度）。",
            "weight": "相对其他分量的差别，它的权重太大。",
        },
        fixes={
            "weight": "把 {name} 的权重降到四分之一",
            "even": "调整权重，使各函数的离散度相当",
            "normalise": "先在组内对各个奖励归一化再相加",
        },
        about="""比较每个奖励函数在开头与最后五分之一之间的增长（乘以权重）：一个占 90% 以上，而其他的都没有超出噪声地上升。150 行以上为
警告，此前为提示：健康的训练也先学会格式。总增长低于 0.05 时不作判断。

训练之前，用同样的回答（好的与垃圾的）试各个函数：若一个按权重的离散度是另一个的 20 倍，则为警告。

来源：rl-doctor 0.2.0；jsboige/CoursIA#9592。""",
    ),
}
