"""run-too-short: too little was logged to tell how the run went."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, in_warmup
from diagnostics.run import Run

NAME = "run-too-short"
METHODS = None
EXPLAINS = ()

ROWS = Limit(10, "logged rows of training", "ours: trends need 20 rows, single rows 3; below 10 most rules are silent")
WISH = 50  # rows that a run should log, for trends to show above the noise


def check(run: Run) -> Finding | None:
    """Count the rows of training, and see whether the run ended within its warm-up."""
    if run.status.active:
        raise CannotJudge("not-yet", what="run's end")
    series = run.get("train/loss") or run.signal("reward") or run.signal("kl")
    rows = len(series) if series is not None else 0
    if rows >= ROWS and not in_warmup(run):
        return None
    kind = "none" if rows == 0 else "few" if rows < ROWS else "warmup"
    last = max(run.last_step, run.status.step)
    every = max(1, last // WISH)
    logged = argument(run, "logging_steps")
    fixes = []
    if rows < ROWS and last > rows and logged != every:
        fixes.append(Fix("log", "safe", edits(run, logging_steps=every), {"every": every}))
    fixes.append(Fix("longer", "show"))
    return Finding(
        rule=NAME,
        severity="info",
        confidence=0.95,
        first_step=0,
        last_step=last,
        facts={"kind": kind, "rows": rows, "last": last, "planned": run.status.max_steps},
        evidence=(evidence(series, last),) if series is not None else (),
        causes=("logging", "short") if last > rows else ("short",),
        fixes=tuple(fixes),
    )


WORDS = {
    "en": Words(
        title="Too short to tell",
        summary={
            "none": "No training row was logged in {last} steps.",
            "few": "Only {rows} rows of training were logged in {last} steps.",
            "warmup": "The run ended at step {last} of {planned}, with the learning rate still rising.",
        },
        why="Noise and trend look alike in so few rows: most rules cannot judge.",
        wrong_if="more of the log lies elsewhere",
        causes={
            "logging": "logging_steps is large for so short a run (TRL's default is 10, transformers' 500).",
            "short": "The run was a trial, or was ended early.",
        },
        fixes={
            "log": "Log every {every} steps",
            "longer": "Train for longer, or point the clinic at the whole log",
        },
        about="""Says that too little was logged to judge: fewer than 10 rows of training, or a run that ended within the
first tenth of its steps while its learning rate was still rising.

A note, no fault. A run that is still going on is not called short.""",
    ),
    "zh": Words(
        title="太短，无法判断",
        summary={
            "none": "{last} 步里没有一行训练记录。",
            "few": "{last} 步里只有 {rows} 行训练记录。",
            "warmup": "训练在第 {last} 步（计划 {planned} 步）结束，那时学习率还在上升。",
        },
        why="行数太少时，噪声与趋势难以区分：多数规则无法判断。",
        wrong_if="其余的日志在别处",
        causes={
            "logging": "对这么短的训练来说 logging_steps 太大（TRL 默认 10，transformers 默认 500）。",
            "short": "只是试跑，或提前结束。",
        },
        fixes={"log": "每 {every} 步记录一次", "longer": "训练更久，或指向完整的日志"},
        about="""提示记录太少，无法判断：训练记录不到 10 行；或训练在前十分之一步数内、学习率还在上升时就结束了。

只是提示，不是故障。仍在进行的训练不算短。""",
    ),
}
