"""reward-component-dominates: one of several reward functions makes nearly all of the gain, the others stand still."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, mean_trend
from diagnostics.run import Run, Series

NAME = "reward-component-dominates"
METHODS = ("grpo", "rloo")
EXPLAINS = ()

COMPONENTS = Limit(2, "reward functions", "ours")
ROWS = Limit(40, "logged rows", "ours: fewer have no trend in each component")
SURE = Limit(150, "logged rows", "rl-doctor 0.2.0: before, a format is learned first in healthy runs too")
SHARE = Limit(0.9, "of the whole gain", "rl-doctor 0.2.0")
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
        facts={"name": name, "share": gains[name] / whole, "others": ", ".join(still), "gain": gains[name]},
        evidence=(
            evidence(dominant, step),
            *(evidence(components[one], nearest(components[one], step)) for one in still),
        ),
        causes=("easy", "weight"),
        fixes=fixes(run, name, list(components)),
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
        Fix("normalise", "ask", edits(run, multi_objective_aggregation="normalize_then_sum")),
    )


WORDS = {
    "en": Words(
        title="One reward function makes all of the gain",
        summary="{name} makes {share:.0%} of the gain in reward; {others} did not rise.",
        why="The sum rises and the task is not learned: usually the format is right and the answer is not.",
        wrong_if="the other rewards were at their ceiling from the start",
        causes={
            "easy": "A component that is far easier than the others (a format, a tag, a length).",
            "weight": "Its weight is large against the spread of the others.",
        },
        fixes={
            "weight": "Give {name} a quarter of its weight",
            "normalise": "Normalise each reward within its group before adding them",
        },
        about="""Compares what each reward function gained between the first and the last fifth of the run, times its weight:
one makes 90 % and more of the gain while none of the others rose beyond its noise. From 150 rows on a warning, before a
note: a format is learned first in healthy runs too. A total gain below 0.05 has no part that dominates.

Sources: rl-doctor 0.2.0; jsboige/CoursIA#9592.""",
    ),
    "zh": Words(
        title="奖励的增长全部来自一个函数",
        summary="{name} 占奖励增长的 {share:.0%}；{others} 没有上升。",
        why="总分上升而任务没有学会：通常是格式对了，答案不对。",
        wrong_if="其他奖励一开始就已到顶",
        causes={
            "easy": "这个分量比其他容易得多（格式、标签、长度）。",
            "weight": "相对其他分量的差别，它的权重太大。",
        },
        fixes={"weight": "把 {name} 的权重降到四分之一", "normalise": "先在组内对各个奖励归一化再相加"},
        about="""比较每个奖励函数在开头与最后五分之一之间的增长（乘以权重）：一个占 90% 以上，而其他的都没有超出噪声地上升。150 行以上为
警告，此前为提示：健康的训练也先学会格式。总增长低于 0.05 时不作判断。

来源：rl-doctor 0.2.0；jsboige/CoursIA#9592。""",
    ),
}
