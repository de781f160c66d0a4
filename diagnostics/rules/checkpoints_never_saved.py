"""checkpoints-never-saved: the run will end without a checkpoint, or with its last one only."""

from __future__ import annotations

from diagnostics.finding import Edit, Finding, Fix, TextEvidence, Words
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material

NAME = "checkpoints-never-saved"
METHODS = None
EXPLAINS = ()

PARTS = 4  # checkpoints of a run: enough to go back to, few enough for a disk
LONG = 200  # steps from which on losing all but the last checkpoint is worth a note


def preflight(material: Material) -> Finding | None:
    """Look at save_strategy, and at save_steps against the run's steps."""
    plan.need_config(material)
    strategy = plan.word(material, "save_strategy")
    if plan.given(material, "save_strategy") and strategy == "no":
        return finding(material, "never", "warning", (plan.edit(material, "save_strategy", "steps"),))
    if strategy == "best" and plan.word(material, "eval_strategy") == "no":
        return finding(material, "best", "warning", (plan.edit(material, "save_strategy", "steps"),))
    steps, every = plan.planned_steps(material), plan.number(material, "save_steps")
    if strategy == "steps" and steps and steps >= LONG and every and every >= steps:
        edits = (plan.edit(material, "save_steps", max(1, steps // PARTS)),)
        return finding(material, "last-only", "info", edits, steps, every)
    return None


def finding(
    material: Material, kind: str, severity: str, edits: tuple[Edit, ...], steps: int = 0, every: float = 0
) -> Finding:
    """The finding of one kind."""
    return Finding(
        NAME,
        severity,  # type: ignore[arg-type]
        0.95,
        0,
        0,
        {"kind": kind, "steps": steps, "every": every},
        (TextEvidence("config", plan.shown(material, "save_strategy", "save_steps", "eval_strategy", "max_steps")),),
        ("asked",) if kind != "last-only" else ("default",),
        (Fix("set", "safe", edits, {"edits": ", ".join(f"{one.path}={one.new}" for one in edits)}),),
    )


WORDS = {
    "en": Words(
        title="No checkpoint will be saved",
        summary={
            "never": "save_strategy is 'no': when the run ends, its model is gone.",
            "best": "save_strategy is 'best' and nothing is evaluated: no checkpoint is ever the best, and none is saved.",
            "last-only": "A checkpoint is saved every {every:.0f} steps, and the run has {steps}: only the last one will be. A run "
            "that dies earlier leaves nothing.",
        },
        why="What is not saved cannot be compared, resumed or served.",
        wrong_if="the script saves the model itself",
        causes={
            "asked": "It was asked for so, often for a trial.",
            "default": "save_steps is 500 unless it is set.",
        },
        fixes={"set": "Set {edits}"},
        about="""Looks at save_strategy and save_steps. With 'steps' the Trainer saves at the last step too, whatever save_steps
is; with 'best' only where an evaluation is the best so far.""",
    ),
    "zh": Words(
        title="不会保存检查点",
        summary={
            "never": "save_strategy 为 'no'：训练结束，模型也就没了。",
            "best": "save_strategy 为 'best' 却没有评估：永远没有“最好”的检查点，也就不会保存。",
            "last-only": "每 {every:.0f} 步保存一次，而训练共 {steps} 步：只会保存最后一个。若中途失败，则什么也不会留下。",
        },
        why="没有保存的东西无法比较、恢复或部署。",
        wrong_if="脚本自己保存模型",
        causes={"asked": "是这样要求的，通常是为了试跑。", "default": "未设置时 save_steps 为 500。"},
        fixes={"set": "设置 {edits}"},
        about="""检查 save_strategy 和 save_steps。取 'steps' 时，无论 save_steps 多大，Trainer 都会在最后一步保存；取 'best' 时，
只有评估结果为目前最好才保存。""",
    ),
}
