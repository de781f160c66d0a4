"""nothing-logged: the run will leave no curve, or none that anybody sees."""

from __future__ import annotations

from diagnostics.finding import Edit, Finding, Fix, TextEvidence, Words
from diagnostics.preflight import plan
from diagnostics.preflight.material import Material

NAME = "nothing-logged"
METHODS = None
EXPLAINS = ()

ROWS = 50  # rows that a run should log, for trends to show above the noise


def preflight(material: Material) -> Finding | None:
    """Look at logging_strategy, logging_steps against the run's steps, and report_to."""
    plan.need_config(material)
    strategy = plan.word(material, "logging_strategy")
    if plan.given(material, "logging_strategy") and strategy == "no":
        return finding(material, "off", "warning", (plan.edit(material, "logging_strategy", "steps"),))
    steps, every = plan.planned_steps(material), plan.number(material, "logging_steps")
    if steps and every and every > steps and strategy in ("steps", "no"):
        new = max(1, steps // ROWS)
        return finding(
            material, "beyond", "warning", (plan.edit(material, "logging_steps", new),), steps=steps, every=every
        )
    # The worker logs for TensorBoard unless the config forbids it.
    if plan.given(material, "report_to") and plan.value(material, "report_to") in (None, "none", [], ["none"]):
        return finding(material, "report", "info", (plan.edit(material, "report_to", "tensorboard"),))
    return None


def finding(
    material: Material, kind: str, severity: str, edits: tuple[Edit, ...], steps: int = 0, every: float = 0
) -> Finding:
    """The finding of one kind."""
    return Finding(
        NAME,
        severity,  # type: ignore[arg-type]
        0.9,
        0,
        0,
        {"kind": kind, "steps": steps, "every": every},
        (TextEvidence("config", plan.shown(material, "logging_strategy", "logging_steps", "report_to", "max_steps")),),
        ("asked",) if kind != "beyond" else ("short",),
        (Fix("set", "safe", edits, {"edits": ", ".join(f"{one.path}={one.new}" for one in edits)}),),
    )


WORDS = {
    "en": Words(
        title="Nothing will be logged",
        summary={
            "off": "logging_strategy is 'no': the run logs no row of training.",
            "beyond": "A row is logged every {every:.0f} steps, and the run has {steps}: none will be.",
            "report": "report_to is 'none': there will be no TensorBoard events; the log is in trainer_state.json only, which is "
            "written with each checkpoint.",
        },
        why="Without a log nobody can tell what a run did, during it or after.",
        wrong_if="the training reports in a way of its own",
        causes={"asked": "It was switched off.", "short": "The run is shorter than its logging interval."},
        fixes={"set": "Set {edits}"},
        about="""Looks at logging_strategy, logging_steps and report_to. The steps of the run are reckoned from max_steps, or from
rows, batch, accumulation, processes and epochs.""",
    ),
    "zh": Words(
        title="不会留下任何记录",
        summary={
            "off": "logging_strategy 为 'no'：训练不会记录任何一行。",
            "beyond": "每 {every:.0f} 步记录一行，而训练只有 {steps} 步：一行也不会有。",
            "report": "report_to 为 'none'：没有 TensorBoard 事件；日志只在 trainer_state.json 里，随检查点写出。",
        },
        why="没有记录，训练中和训练后都无法知道发生了什么。",
        wrong_if="训练用自己的方式上报",
        causes={"asked": "被关闭了。", "short": "训练比记录间隔还短。"},
        fixes={"set": "设置 {edits}"},
        about="""检查 logging_strategy、logging_steps 和 report_to。训练步数由 max_steps 得出，或由行数、批次、累积、进程数和轮数
算出。""",
    ),
}
