"""resume-mismatch: the checkpoint to resume from does not fit this run."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "resume-mismatch"
METHODS = None
EXPLAINS = ("run-died",)

# What is behind each kind, most likely first.
CAUSES = {
    "optimizer": ("config", "vocabulary"),
    "adapter": ("config",),
    "weights": ("vocabulary", "config"),
    "missing": ("path",),
    "sharding": ("launch",),
    "world": ("launch",),
    "exists": ("path",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind in ("missing", "exists"):
        return (Fix("afresh", "ask", edits(run, resume_from_checkpoint=False)),)
    if kind in ("sharding", "world"):
        return (Fix("launch", "show"),)
    return (
        Fix("same", "show"),
        Fix("weights", "show"),
    )


WORDS = {
    "en": Words(
        title="The checkpoint does not fit the run that resumes",
        summary={
            "optimizer": "The optimizer's state is for another set of trainable parameters{where}. {line}",
            "adapter": "The checkpoint's adapter has another shape than this run's{where}. {line}",
            "weights": "The checkpoint's weights have other shapes than this run's model{where}. {line}",
            "missing": "There is no checkpoint to resume from{where}. {line}",
            "sharding": "The checkpoint was saved under another kind of sharding{where}. {line}",
            "world": "The checkpoint was saved by another number of processes{where}. {line}",
            "exists": "The output folder is not empty, and nothing says whether to resume{where}. {line}",
        },
        why="The run cannot go on from where it ended.",
        wrong_if="a new training on these weights was meant, not a resumption",
        causes={
            "config": (
                "The adapter's config (rank, target modules, modules_to_save) or the frozen layers changed since."
            ),
            "vocabulary": "The vocabulary was resized in one of the two runs only.",
            "path": ("The path is wrong, or the checkpoint was deleted by save_total_limit, or never saved."),
            "launch": "The run was started with another launcher, number of GPUs or sharding.",
        },
        fixes={
            "same": (
                "Resume with the same adapter config, frozen layers and vocabulary as the "
                "checkpoint; adapter_config.json beside it tells"
            ),
            "weights": (
                "Start a new training from these weights instead (model_name_or_path), without the optimizer's state"
            ),
            "afresh": "Start without resuming",
            "launch": "Resume with the launcher, sharding and number of processes that saved it",
        },
        about="""Reads the console for the errors of torch, transformers and DeepSpeed while a checkpoint is loaded to be resumed.

Sources: huggingface/peft#859, unslothai/unsloth#3108, modelscope/ms-swift#107.""",
    ),
    "zh": Words(
        title="检查点与要恢复的训练不匹配",
        summary={
            "optimizer": "优化器状态对应的可训练参数与现在不同{where}。{line}",
            "adapter": "检查点的适配器与当前训练的形状不同{where}。{line}",
            "weights": "检查点的权重与当前模型的形状不同{where}。{line}",
            "missing": "没有可恢复的检查点{where}。{line}",
            "sharding": "检查点是以另一种分片方式保存的{where}。{line}",
            "world": "检查点是由不同数量的进程保存的{where}。{line}",
            "exists": "输出目录非空，而没有说明是否恢复训练{where}。{line}",
        },
        why="训练无法从中断处继续。",
        wrong_if="本意是在这些权重上重新训练，而不是恢复",
        causes={
            "config": "此后改过适配器配置（秩、目标模块、modules_to_save）或冻结的层。",
            "vocabulary": "只有其中一次训练扩过词表。",
            "path": "路径不对，或检查点被 save_total_limit 删除，或从未保存。",
            "launch": "启动方式、GPU 数量或分片方式与之前不同。",
        },
        fixes={
            "same": "以与检查点相同的适配器配置、冻结层与词表恢复；旁边的 adapter_config.json 可查",
            "weights": "改为以这些权重重新开始（model_name_or_path），不用优化器状态",
            "afresh": "不恢复，从头开始",
            "launch": "用保存它时的启动方式、分片方式与进程数恢复",
        },
        about="""在控制台里查找 torch、transformers 与 DeepSpeed 在恢复检查点时的报错。

来源：huggingface/peft#859、unslothai/unsloth#3108、modelscope/ms-swift#107。""",
    ),
}
