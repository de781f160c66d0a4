"""reward-scale-extreme: a reward function gives numbers far beyond those that trainers are tuned for."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import Finding, Fix, Limit, Words
from diagnostics.fixing import rounded
from diagnostics.measure import ONLINE
from diagnostics.preflight.material import Material
from diagnostics.preflight.trials import probe_table, trials_of

NAME = "reward-scale-extreme"
METHODS = ONLINE
EXPLAINS = ()

LARGE = Limit(1e3, "reward", "ours: the largest of TRL's own rewards is 1, reward models give some tens")

GOOD = ("reference", "ordinary")


def preflight(material: Material) -> Finding | None:
    """Look for the largest reward that any answer earned, junk included."""
    found = []
    for one in trials_of(material):
        sizes = {
            probe: float(np.abs(finite).max())
            for probe, values in one.values.items()
            if len(finite := values[np.isfinite(values)])
        }
        # Where good answers are beyond the limit, theirs is the size to tell.
        good = {probe: size for probe, size in sizes.items() if probe in GOOD and size > LARGE}
        probe = max(good or sizes, key=lambda name: sizes[name], default=None)
        if one.failed is None and probe is not None and sizes[probe] > LARGE:
            found.append((bool(good), sizes[probe], probe, one))
    if not found:
        return None
    is_good, size, probe, one = max(found, key=lambda entry: entry[:2])
    return Finding(
        rule=NAME,
        severity="warning",
        confidence=0.8 if is_good else 0.7,
        first_step=0,
        last_step=0,
        facts={"kind": "good" if is_good else "junk", "name": one.name, "size": size, "probe": probe},
        evidence=(probe_table(one),),
        causes=("count", "penalty"),
        fixes=(Fix("scale", "show", (), {"factor": rounded(1 / size)}),),
    )


WORDS = {
    "en": Words(
        title="A reward is very large",
        summary={
            "good": "{name} gives rewards of up to {size:.3g} to good answers.",
            "junk": "{name} gives a reward of {size:.3g} in size to an answer that should earn little (probe: {probe}).",
        },
        why="With PPO, or scale_rewards none, it makes the gradient as large; beside other rewards it drowns them; one outlier "
        "decides the spread of its group.",
        wrong_if="the reward is scaled elsewhere (reward_weights, scale_rewards, whitening)",
        causes={
            "count": "It counts characters, tokens or time.",
            "penalty": "A penalty written as a very large number.",
        },
        fixes={"scale": "Bring it to about 0 to 1: multiply by {factor:g}, or clamp it"},
        about="""Looks at the largest reward in size that any of the answers earned on which the function was tried, good ones and
junk: more than 1,000 is a warning.""",
    ),
    "zh": Words(
        title="奖励的数值极大",
        summary={
            "good": "{name} 对好回答给出高达 {size:.3g} 的奖励。",
            "junk": "{name} 对本该得低分的回答给出绝对值为 {size:.3g} 的奖励（探针：{probe}）。",
        },
        why="用 PPO 或 scale_rewards 为 none 时，梯度也会同样大；与其他奖励相加会把它们淹没；一个离群值就决定全组的离散度。",
        wrong_if="奖励在别处缩放（reward_weights、scale_rewards、白化）",
        causes={
            "count": "它数的是字符、词元或时间。",
            "penalty": "把惩罚写成了极大的数。",
        },
        fixes={"scale": "调到大约 0 到 1：乘以 {factor:g}，或截断到一定范围"},
        about="""看试过的所有回答（好的与垃圾的）得到的奖励，取绝对值最大者：超过 1,000 为警告。TRL 自带的奖励最大为 1，奖励模型一般为
几十。好回答就超过时按好回答说明，否则说明是哪一种垃圾回答。""",
    ),
}
