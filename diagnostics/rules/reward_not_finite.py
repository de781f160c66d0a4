"""reward-not-finite: a reward was NaN or infinite, or so large that its spread overflowed."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, TextEvidence, Words
from diagnostics.measure import ONLINE, evidence, late, shown
from diagnostics.preflight.material import Material
from diagnostics.preflight.trials import failed, junk_failures, said, trials_of
from diagnostics.run import Run, Series

NAME = "reward-not-finite"
METHODS = ONLINE
EXPLAINS = ("nothing-trainable", "reward-groups-constant", "loss-not-finite", "reward-collapse", "gradient-not-finite")

ONCE = Limit(1, "row", "ours: no reward function may return such a number")
HUGE = Limit(1e6, "times the usual size of the reward", "ours: 1e38 as a penalty is seen, and is a constant advantage")
ROWS = Limit(5, "logged rows", "ours, for the usual size")


def check(run: Run) -> Finding | None:
    """Look at the reward, its spread and each component."""
    named = {"reward": run.signal("reward"), "reward_std": run.signal("reward_std"), **run.reward_components()}
    known: dict[str, Series] = {name: series for name, series in named.items() if series is not None}
    if not known:
        raise CannotJudge("no-series", tag="train/reward")
    for name, series in known.items():
        bad = ~np.isfinite(series.values)
        if bad.sum() >= ONCE:
            return finding(run, "not-finite", name, series, int(np.argmax(bad)), float(bad.mean()))
        size = np.abs(series.values)
        usual = float(np.median(size))
        if len(series) >= ROWS and size.max() > HUGE * max(usual, 1.0):
            return finding(
                run, "huge", name, series, int(np.argmax(size)), float((size > HUGE * max(usual, 1.0)).mean())
            )
    return None


def finding(run: Run, kind: str, name: str, series: Series, place: int, share: float) -> Finding:
    """The finding, grave if it goes on to the end."""
    step = int(series.steps[place])
    last = series.values[-3:]
    goes_on = not np.isfinite(last).all() or (kind == "huge" and abs(late(series, least=1)) > HUGE)
    return Finding(
        rule=NAME,
        severity="error" if goes_on else "warning",
        confidence=0.95,
        first_step=step,
        last_step=int(series.steps[-1]),
        facts={"kind": kind, "name": name, "step": step, "share": share, "value": float(series.values[place])},
        evidence=(evidence(series, step), *shown(run, step, "reward", "grad_norm", "loss")),
        causes=("division", "logarithm", "penalty"),
        fixes=(Fix("clamp", "show"),),
    )


def preflight(material: Material) -> Finding | None:
    """Look for functions that gave NaN, an infinity or no number at all; on junk alone it is a warning."""
    trials = trials_of(material)
    broken = failed(trials, "not-finite", "not-a-number")
    junk = junk_failures(trials, "not-finite")
    if not broken and not junk:
        return None
    one = broken[0] if broken else junk[0][0]
    message = broken[0].failed[1] if broken and broken[0].failed else junk[0][2]
    kind = f"tried-{broken[0].failed[0]}" if broken and broken[0].failed else "tried-junk"
    row = one.facts.get("row", "-")
    return Finding(
        rule=NAME,
        severity="error" if broken else "warning",
        confidence=0.97 if broken else 0.9,
        first_step=0,
        last_step=0,
        facts={"kind": kind, "name": one.name, "said": message, "row": row, "probe": "" if broken else junk[0][1]},
        evidence=said(broken) if broken else (TextEvidence(one.spec, (message,)),),
        causes=("division", "logarithm", "penalty") if kind != "tried-not-a-number" else ("other-type",),
        fixes=(Fix("clamp", "show"),) if kind != "tried-not-a-number" else (Fix("number", "show"),),
    )


WORDS = {
    "en": Words(
        title="A reward is not a usable number",
        summary={
            "not-finite": "{name} is NaN or infinite at step {step} (in {share:.0%} of the rows).",
            "huge": "{name} is {value:.3g} at step {step}, a million times its usual size.",
            "tried-not-finite": "Tried on rows of the data: {said} (row {row}).",
            "tried-not-a-number": "Tried on rows of the data: {said}.",
            "tried-junk": "{said}, on an answer that a model may well give (probe: {probe}).",
        },
        why="One such reward decides the mean and the spread of its group: the other answers' advantages become 0 or NaN.",
        wrong_if="the column is not a reward",
        causes={
            "division": "A division by 0, by the length of an empty answer for example.",
            "logarithm": "A logarithm of 0.",
            "penalty": "A penalty written as -inf or 1e38.",
            "other-type": "A text, a list or an object where a number was meant.",
        },
        fixes={
            "clamp": "Clamp the reward to a range such as -10 to 10 before returning it",
            "number": "Return a float for each answer",
        },
        about="""Checks the reward, its spread and each reward function for NaN, infinities, and numbers a million times their
usual size, once.

TRL treats a NaN reward as none and takes the mean of the others, so it may leave no trace; +inf is not filtered. A
reward of 1e38 gives an infinite spread and a gradient of 0.""",
    ),
    "zh": Words(
        title="奖励不是可用的数",
        summary={
            "not-finite": "{name} 在第 {step} 步是 NaN 或无穷大（占 {share:.0%} 的行）。",
            "huge": "{name} 在第 {step} 步是 {value:.3g}，是通常大小的一百万倍。",
            "tried-not-finite": "在数据上试运行时，{name} 给出了非有限数（第 {row} 行）：{said}。",
            "tried-not-a-number": "在数据上试运行时，{name} 给出的不是数：{said}。",
            "tried-junk": "在模型很可能给出的回答上（探针：{probe}），{name} 给出了非有限数：{said}。",
        },
        why="一个这样的奖励就决定了整组的平均与离散度：其他回答的优势变成 0 或 NaN。",
        wrong_if="这一列不是奖励",
        causes={
            "division": "除以 0，例如除以空回答的长度。",
            "logarithm": "对 0 取对数。",
            "penalty": "把惩罚写成 -inf 或 1e38。",
            "other-type": "本应是数的地方给出了文本、列表或对象。",
        },
        fixes={
            "clamp": "返回之前把奖励限制在 -10 到 10 之类的范围",
            "number": "每个回答返回一个浮点数",
        },
        about="""检查奖励、其离散度和每个奖励函数是否出现过 NaN、无穷大，或通常大小一百万倍的数。

TRL 把 NaN 奖励当作没有，取其余的平均，因此可能不留痕迹；+inf 不会被过滤。1e38 的奖励使离散度为无穷大、梯度为 0。""",
    ),
}
