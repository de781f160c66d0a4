"""disk-full: no room was left where a checkpoint or a cache was written."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "disk-full"
METHODS = None
EXPLAINS = ("run-died", "checkpoint-truncated")

# What is behind each kind, most likely first.
CAUSES = {
    "full": ("checkpoints", "cache"),
    "quota": ("checkpoints", "cache"),
    "writer": ("checkpoints", "cache"),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    return (
        Fix("limit", "safe", edits(run, save_total_limit=2)),
        Fix("weights", "ask", edits(run, save_only_model=True)),
        Fix("room", "show"),
    )


WORDS = {
    "en": Words(
        title="The disk is full",
        summary={
            "full": "Nothing more could be written: no space is left{where}. {line}",
            "quota": "Nothing more could be written: the disk quota is used up{where}. {line}",
            "writer": "Writing a checkpoint broke off, as it does on a full disk{where}. {line}",
        },
        why="The checkpoint being written is a torso, and every restart ends at the same place.",
        wrong_if="the full place is a temporary folder, not the disk of the checkpoints",
        causes={
            "checkpoints": (
                "Each checkpoint holds the optimizer's state besides the weights (about three times "
                "their size), and none is deleted."
            ),
            "cache": "The cache of models and data sets (HF_HOME) or /tmp lies on a small disk.",
        },
        fixes={
            "limit": "Keep two checkpoints only",
            "weights": "Save the weights without the optimizer's state: such a checkpoint cannot be resumed",
            "room": (
                "Make room, or set output_dir and HF_HOME to a disk that has some; delete the checkpoint that broke off"
            ),
        },
        about="""Reads the console for the sentences of the system (`No space left on device`, `Disk quota exceeded`), of safetensors
(`StorageFull`), of datasets (`Not enough disk space`) and of torch's writer.

A message that names /dev/shm is shared-memory-exhausted. Source: hiyouga/LLaMA-Factory#5155.""",
    ),
    "zh": Words(
        title="磁盘已满",
        summary={
            "full": "磁盘没有剩余空间，无法继续写入{where}。{line}",
            "quota": "磁盘配额已用完，无法继续写入{where}。{line}",
            "writer": "写检查点时中断，通常是磁盘已满{where}。{line}",
        },
        why="正在写的检查点不完整，重新开始也会停在同一处。",
        wrong_if="满的是临时目录，而不是保存检查点的磁盘",
        causes={
            "checkpoints": "每个检查点除权重外还保存优化器状态（约为权重的三倍），而旧的从不删除。",
            "cache": "模型与数据集的缓存（HF_HOME）或 /tmp 位于小容量磁盘上。",
        },
        fixes={
            "limit": "只保留两个检查点",
            "weights": "只保存权重、不保存优化器状态：这样的检查点不能用于恢复训练",
            "room": "清理空间，或把 output_dir 与 HF_HOME 放到有空间的磁盘；删除写到一半的检查点",
        },
        about="""在控制台里查找系统的（`No space left on device`、`Disk quota exceeded`）、safetensors 的（`StorageFull`）、datasets 的
（`Not enough disk space`）以及 torch 写文件时的报错。

提到 /dev/shm 的属于 shared-memory-exhausted。来源：hiyouga/LLaMA-Factory#5155。""",
    ),
}
