"""policy-ratio-blowup: one update moves the policy so far that clipping throws most of it away."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import RATE_WORDS, edits, lower_rate
from diagnostics.measure import ONLINE, evidence, first_run_of, need, number_argument, shown
from diagnostics.run import Run, Series

NAME = "policy-ratio-blowup"
METHODS = ONLINE
EXPLAINS = ("reward-collapse", "gradient-explosion")

ROWS = Limit(5, "logged rows", "ours")
HIGH = Limit(2.0, "new over old probability", "TRL's PPO documentation: 2.0 is too drastic")
LOW = Limit(0.5, "new over old probability", "the inverse of the above; TRL's documentation names 0.1")
EXTREME = Limit(10.0, "new over old probability", "TRL 0.11's ratio_threshold: the batch is skipped")
CLIPPED = Limit(0.3, "share of tokens clipped", "rlprobe 0.1.0; axolotl's training_stability.qmd")
APPROXIMATE = Limit(0.1, "nats per token", "ours, five times the 0.02 at which PPO implementations stop their epochs")
TOGETHER = Limit(3, "rows in a row", "ours: one large step is a spike")
SHARE = Limit(0.05, "share of the rows", "ours: and not a short episode of a long run")


def check(run: Run) -> Finding | None:
    """Look at the ratio, the clipped share and the KL between the old and the new policy."""
    judged = {
        "ratio": run.signal("ratio"),
        "clip_fraction": run.signal("clip_fraction"),
        "approximate_kl": run.signal("approximate_kl"),
    }
    known = {name: series for name, series in judged.items() if series is not None}
    if not known:
        raise CannotJudge("no-series", tag="val/ratio, clip_ratio/region_mean")
    for name, series in known.items():
        finite = need(series, series.tag, ROWS)
        place = beyond(name, finite)
        if place is not None:
            return finding(run, name, finite, place)
    return None


def beyond(name: str, series: Series) -> int | None:
    """The place at which a measure leaves its range for good enough; None if it does not."""
    values = series.values
    if name == "ratio":
        if values.max() > EXTREME:
            return int(np.argmax(values > EXTREME))
        mask = (values > HIGH) | (values < LOW)
    else:
        mask = values > (CLIPPED if name == "clip_fraction" else APPROXIMATE)
    rows = max(int(TOGETHER), int(SHARE * len(values)))
    return first_run_of(mask, rows)


def finding(run: Run, name: str, series: Series, place: int) -> Finding:
    """The finding, with fewer passes over a batch of answers and a lower rate."""
    step = int(series.steps[place])
    later = series.values[place:]
    found = []
    passes = "num_ppo_epochs" if run.method == "ppo" else "num_iterations"
    now = number_argument(run, passes)
    if now and now > 1:
        found.append(Fix("passes", "ask", edits(run, **{passes: max(1, int(now // 2))})))
    return Finding(
        rule=NAME,
        severity="error" if name == "ratio" and series.values.max() > EXTREME else "warning",
        confidence=0.8,
        first_step=step,
        last_step=int(series.steps[-1]),
        facts={"kind": name, "step": step, "worst": float(later.max()), "median": float(np.median(later))},
        evidence=(evidence(series, step), *shown(run, step, "reward", "kl", "learning_rate")),
        causes=("learning-rate", "passes"),
        fixes=(*found, *lower_rate(run, step)),
    )


WORDS = {
    "en": Words(
        title="Policy updates are too large",
        summary={
            "ratio": "The probability ratio of new to old policy leaves its range at step {step} (highest {worst:.3g}; 1 is no "
            "change).",
            "clip_fraction": "From step {step} on {median:.0%} of the tokens are clipped (highest {worst:.0%}).",
            "approximate_kl": "From step {step} on one update moves the policy by {median:.2g} nats per token (highest "
            "{worst:.2g}).",
        },
        why="A clipped token teaches nothing, and what is not clipped is a step into the unknown.",
        wrong_if="the ratio is that of a few tokens with tiny probabilities",
        causes={
            "learning-rate": "A learning rate too high for the size of the batch.",
            "passes": "Too many passes over one batch of answers: the last ones train on what the policy no longer says.",
        },
        fixes={"passes": "Halve the passes over a batch of answers", **RATE_WORDS["en"]},
        about="""Checks how far one update moves the policy.

The ratio of new to old probability (PPO's val/ratio) outside 0.5 to 2 for three rows and 5 % of the run, or once above
10; more than 30 % of the tokens clipped, or more than 0.1 nats per token between old and new policy, for as long.

GRPO and RLOO clip nothing where each batch of answers is used once (num_iterations=1): their share is then 0.""",
    ),
    "zh": Words(
        title="策略更新过大",
        summary={
            "ratio": "新旧策略的概率比在第 {step} 步超出范围（最高 {worst:.3g}；1 表示没有变化）。",
            "clip_fraction": "从第 {step} 步起有 {median:.0%} 的词元被裁剪（最高 {worst:.0%}）。",
            "approximate_kl": "从第 {step} 步起一次更新使策略移动每词元 {median:.2g}（最高 {worst:.2g}）。",
        },
        why="被裁剪的词元学不到东西，没有被裁剪的则是盲目的一大步。",
        wrong_if="比值只来自少数概率极小的词元",
        causes={
            "learning-rate": "相对批量大小，学习率太高。",
            "passes": "对同一批回答训练的轮数过多：后面几轮训练的是策略已经不会说的话。",
        },
        fixes={"passes": "把每批回答的训练轮数减半", **RATE_WORDS["zh"]},
        about="""检查一次更新使策略移动了多远。

新旧概率比（PPO 的 val/ratio）连续三行且占 5% 以上落在 0.5 到 2 之外，或有一次超过 10；同样时长内超过 30% 的词元被裁剪，
或新旧策略之间每词元超过 0.1。

GRPO 与 RLOO 若每批回答只用一次（num_iterations=1）则没有裁剪，该份额为 0。""",
    ),
}
