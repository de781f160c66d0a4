"""run-too-short: too little was logged to tell how the run went."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Finding, Fix, Limit, TextEvidence, Words
from diagnostics.fixing import edits
from diagnostics.measure import argument, evidence, in_warmup
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material
from diagnostics.run import Run

NAME = "run-too-short"
METHODS = None
EXPLAINS = ()

ROWS = Limit(10, "logged rows of training", "ours: trends need 20 rows, single rows 3; below 10 most rules are silent")
STEPS = Limit(20, "optimizer steps", "ours: trends need 20 rows, and no run logs more rows than steps")
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


def preflight(material: Material) -> Finding | None:
    """Count the steps that the config plans."""
    plan.need_config(material)
    steps = plan.planned_steps(material)
    if steps is None:
        raise CannotJudge("no-data", why="the number of steps is not known without it")
    if steps >= STEPS:
        return None
    by_steps = plan.whole(material, "max_steps", -1) > 0
    name = (
        "max_steps" if by_steps else "total_episodes" if plan.given(material, "total_episodes") else "num_train_epochs"
    )
    fixes = [Fix("longer", "show")]
    if by_steps:
        changes = (plan.edit(material, "max_steps", WISH),)
        fixes.insert(0, Fix("steps", "ask", changes, {"steps": WISH}))
    names = (name, "per_device_train_batch_size", "gradient_accumulation_steps")
    return Finding(
        rule=NAME,
        severity="info",
        confidence=0.9,
        first_step=0,
        last_step=0,
        facts={"kind": "planned", "steps": steps, "batch": plan.batch(material)},
        evidence=(TextEvidence("config", plan.shown(material, *names)),),
        causes=("short",),
        fixes=tuple(fixes),
    )


WORDS = {
    "en": Words(
        title="Too short to tell",
        summary={
            "none": "No training row was logged in {last} steps.",
            "few": "Only {rows} rows of training were logged in {last} steps.",
            "warmup": "The run ended at step {last} of {planned}, with the learning rate still rising.",
            "planned": "{steps} optimizer steps are planned, of {batch} rows each.",
        },
        why="Noise and trend look alike in so few rows: most rules cannot judge.",
        wrong_if="more of the log lies elsewhere",
        causes={
            "logging": "logging_steps is large for so short a run (TRL's default is 10, transformers' 500).",
            "short": "The run was a trial, or was ended early.",
        },
        fixes={
            "log": "Log every {every} steps",
            "steps": "Train for {steps} steps",
            "longer": "Train for longer, or point the clinic at the whole log",
        },
        about="""Says that too little was logged to judge: fewer than 10 rows of training, or a run that ended within the
first tenth of its steps while its learning rate was still rising. Before a run: fewer than 20 optimizer steps are planned.

A note, no fault. A run that is still going on is not called short.""",
    ),
    "zh": Words(
        title="太短，无法判断",
        summary={
            "none": "{last} 步里没有一行训练记录。",
            "few": "{last} 步里只有 {rows} 行训练记录。",
            "warmup": "训练在第 {last} 步（计划 {planned} 步）结束，那时学习率还在上升。",
            "planned": "计划只有 {steps} 次优化，每次 {batch} 行。",
        },
        why="行数太少时，噪声与趋势难以区分：多数规则无法判断。",
        wrong_if="其余的日志在别处",
        causes={
            "logging": "对这么短的训练来说 logging_steps 太大（TRL 默认 10，transformers 默认 500）。",
            "short": "只是试跑，或提前结束。",
        },
        fixes={"log": "每 {every} 步记录一次", "steps": "训练 {steps} 步", "longer": "训练更久，或指向完整的日志"},
        about="""提示记录太少，无法判断：训练记录不到 10 行；或训练在前十分之一步数内、学习率还在上升时就结束了。训练之前：计划的优化次数不到 20。

只是提示，不是故障。仍在进行的训练不算短。""",
    ),
}
