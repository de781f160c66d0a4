"""schedule-fault: the learning rate was 0, spent, or set back in a way that nobody plans."""

from __future__ import annotations

import numpy as np

from diagnostics.finding import Edit, Finding, Fix, Limit, TextEvidence, Words
from diagnostics.fixing import WARMUP, edits, usual_rate_of
from diagnostics.measure import argument, evidence, need, shown
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material
from diagnostics.run import Run, Series

NAME = "schedule-fault"
METHODS = None
EXPLAINS = ("not-learning", "nothing-trainable", "preference-flat")

ROWS = Limit(5, "logged rows", "ours: the first and the last row are 0 in healthy runs")
SPENT = Limit(1e-3, "of the peak rate", "finetune-doctor 0.2.2")
TAIL = Limit(0.10, "share of the logged rows", "ours: a cosine spends 2 % of its steps there, a linear decay 0.1 %")
JUMP = Limit(3, "times the rate before", "ours: no built-in schedule but a restarting cosine rises after its peak")
FALLEN = Limit(0.1, "of the peak rate", "ours: a jump counts where the schedule had all but ended")


def check(run: Run) -> Finding | None:
    """Look at the logged learning rate for zeros, a spent tail, and a jump back up."""
    rate = need(run.signal("learning_rate"), "train/learning_rate", ROWS)
    peak = float(rate.values.max())
    if peak <= 0:
        return finding(run, rate, "zero", 0, "error", 0.95)
    spent = rate.values <= SPENT * peak
    top = int(np.argmax(rate.values))
    jump = jump_back(run, rate, peak)
    if jump is not None:
        return finding(run, rate, "jump", jump, "warning", 0.85)
    # From the end backwards: the first row of a warm-up is 0 too.
    tail = len(rate) - (int(np.flatnonzero(~spent)[-1]) + 1)
    if tail > TAIL * len(rate) and tail >= 3 and len(rate) - tail > top:
        return finding(run, rate, "tail", len(rate) - tail, "warning", 0.8)
    return None


def jump_back(run: Run, rate: Series, peak: float) -> int | None:
    """The place at which a rate that had all but ended rises again; None where a restarting schedule was asked for.

    Several jumps at equal distances are a cosine with restarts, asked for or not.
    """
    if "restart" in str(argument(run, "lr_scheduler_type")):
        return None
    values = rate.values
    after = int(np.argmax(values >= 0.99 * peak))
    before, now = values[:-1], values[1:]
    rises = (now > JUMP * before) & (before < FALLEN * peak) & (now > FALLEN * peak / 10)
    rises[:after] = False
    places = np.flatnonzero(rises) + 1
    if len(places) >= 2 and np.ptp(np.diff(rate.steps[places], prepend=rate.steps[0])) <= 0.1 * rate.steps[places[0]]:
        return None
    return int(places[0]) if len(places) else None


def finding(run: Run, rate: Series, kind: str, place: int, severity: str, confidence: float) -> Finding:
    """The finding of one kind."""
    step, last = int(rate.steps[place]), int(rate.steps[-1])
    facts = {
        "kind": kind,
        "step": step,
        "peak": float(rate.values.max()),
        "before": float(rate.values[max(0, place - 1)]),
        "after": float(rate.values[place]),
        "share": 100 * (len(rate) - place) / len(rate),
        "planned": run.status.max_steps,
        "last": last,
    }
    fixes: tuple[Fix, ...] = ()
    if kind == "zero":
        fixes = (Fix("rate", "show"),)
    elif kind == "tail":
        # The schedule ended where its tail begins: its length and the run's differ.
        fixes = (Fix("shorter", "safe", edits(run, max_steps=step), {"step": step}), Fix("longer", "show"))
    else:
        fixes = (Fix("resume", "show", facts={"step": step}),)
    causes = {"zero": ("setting",), "tail": ("length",), "jump": ("resumed",)}[kind]
    return Finding(
        NAME,
        severity,  # type: ignore[arg-type]
        confidence,
        step,
        last,
        facts,
        (evidence(rate, step), *shown(run, step, "loss")),
        causes,
        fixes,
    )


def preflight(material: Material) -> Finding | None:
    """Look for a learning rate of 0, and for a warm-up as long as the run."""
    plan.need_config(material)
    if plan.number(material, "learning_rate") == 0:
        usual = usual_rate_of(material.method, material.asked.config)
        changes = (plan.edit(material, "learning_rate", usual[0]),) if usual else ()
        return planned(material, "planned-zero", "error", changes, {})
    steps = plan.planned_steps(material)
    warm = plan.warmup(material, steps)
    if steps and warm and warm >= steps and plan.word(material, "lr_scheduler_type") != "constant":
        changes = (plan.edit(material, "warmup_steps", WARMUP),)
        return planned(material, "planned-warmup", "warning", changes, {"warm": warm, "steps": steps})
    return None


def planned(
    material: Material, kind: str, severity: str, changes: tuple[Edit, ...], facts: dict[str, float]
) -> Finding:
    """The finding of a schedule before its run."""
    names = ("learning_rate", "warmup_steps", "max_steps", "num_train_epochs", "lr_scheduler_type")
    return Finding(
        NAME,
        severity,  # type: ignore[arg-type]
        0.9,
        0,
        0,
        {"kind": kind, **facts},
        (TextEvidence("config", plan.shown(material, *names)),),
        ("setting",) if kind == "planned-zero" else ("long-warmup",),
        (Fix("set", "ask", changes, {"edits": ", ".join(f"{one.path}={one.new}" for one in changes)}),),
    )


WORDS = {
    "en": Words(
        title="The learning-rate schedule is at fault",
        summary={
            "zero": "The learning rate is 0 in every logged row: nothing can be learned.",
            "tail": "From step {step} on the learning rate is at most a thousandth of its peak of {peak:.2g}: {share:.0f} % "
            "of the run trained on nothing.",
            "jump": "The learning rate had fallen to {before:.2g} and jumped to {after:.2g} at step {step}.",
            "planned-zero": "learning_rate is 0: nothing can be learned.",
            "planned-warmup": "The warm-up takes {warm:.0f} steps and the run {steps}: the learning rate never gets to its peak.",
        },
        why="Steps without a learning rate cost time and change nothing; a rate that jumps back undoes the settling of the "
        "end.",
        wrong_if="the schedule was written so on purpose (a long anneal, a restart)",
        causes={
            "setting": "A learning rate of 0 in the config, or a scheduler that was built with 0 steps.",
            "length": "The schedule is shorter than the run: its steps were counted without gradient accumulation, "
            "processes or epochs.",
            "resumed": "The run was resumed with another number of epochs or steps, so that the schedule was made anew.",
            "long-warmup": "warmup_steps of a longer run.",
        },
        fixes={
            "rate": "Set a learning rate above 0",
            "set": "Set {edits}",
            "shorter": "End the run where its schedule ends, at step {step}",
            "longer": "Or give the scheduler as many steps as the run has",
            "resume": "Resume with the same max_steps and num_train_epochs as before step {step}, or start a new run from "
            "its checkpoint",
        },
        about="""Checks the logged learning rate.

Before a run: a rate of 0, and a warm-up as long as the run. Three faults of a log: a rate of 0 in every row; a rate at or below a thousandth of the peak for more than 10 % of the rows; a
rate that had fallen below a tenth of the peak and jumps back up to three times and more.

Not this fault: a rate of 0 in the first row (a warm-up begins there) or in the last (a linear decay ends there), the
last 2 % of a cosine, a cosine with restarts (told by its config, or by jumps at equal distances).""",
    ),
    "zh": Words(
        title="学习率调度有问题",
        summary={
            "zero": "每一行记录的学习率都是 0：什么也学不到。",
            "tail": "从第 {step} 步起学习率不超过峰值 {peak:.2g} 的千分之一：{share:.0f}% 的训练是白做的。",
            "jump": "学习率已降到 {before:.2g}，却在第 {step} 步跳回 {after:.2g}。",
            "planned-zero": "learning_rate 为 0：什么也学不到。",
            "planned-warmup": "预热需要 {warm:.0f} 步，而训练只有 {steps} 步：学习率永远到不了峰值。",
        },
        why="没有学习率的步骤只费时间；学习率跳回高位会打乱末尾的收敛。",
        wrong_if="调度本来就是这样设计的（很长的退火、重启）",
        causes={
            "setting": "配置里的学习率为 0，或调度器的总步数为 0。",
            "length": "调度比训练短：计算步数时没有计入梯度累积、进程数或轮数。",
            "resumed": "恢复训练时轮数或步数不同，调度被重新生成。",
            "long-warmup": "warmup_steps 来自一次更长的训练。",
        },
        fixes={
            "rate": "设置大于 0 的学习率",
            "set": "设置 {edits}",
            "shorter": "在调度结束的第 {step} 步结束训练",
            "longer": "或者让调度器的步数与训练相同",
            "resume": "用第 {step} 步之前相同的 max_steps 和 num_train_epochs 恢复，或从检查点新开一次训练",
        },
        about="""检查记录的学习率。

训练之前：学习率为 0，或预热与整个训练一样长。日志里的三种故障：每一行都是 0；超过 10% 的行不高于峰值的千分之一；已降到峰值十分之一以下，又跳到三倍以上。

不是本故障：第一行为 0（预热开始）或最后一行为 0（线性衰减结束），余弦的最后 2%，带重启的余弦（由配置或等间隔的跳变
判断）。""",
    ),
}
