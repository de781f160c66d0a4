"""shared-memory-exhausted: the shared memory between processes ran out."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.fixing import edits
from diagnostics.memory.after_crash import after_crash
from diagnostics.memory.in_findings import MORE, crash_evidence, crash_facts
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "shared-memory-exhausted"
METHODS = None
EXPLAINS = ("run-died", "collective-timeout", "out-of-host-memory")

# What is behind each kind, most likely first.
CAUSES = {
    "shm": ("container", "workers"),
    "nccl": ("container",),
    "files": ("limit", "workers"),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    crash = after_crash(run)
    return finding_of(
        run,
        cause,
        causes=CAUSES[cause.kind],
        fixes=fixes(run, cause.kind),
        facts=crash_facts(crash),
        extra=crash_evidence(crash),
    )


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind == "shm":
        return (
            Fix("workers", "safe", edits(run, dataloader_num_workers=0)),
            Fix("size", "show"),
        )
    if kind == "nccl":
        return (Fix("size", "show"),)
    return (
        Fix("workers", "safe", edits(run, dataloader_num_workers=0)),
        Fix("files", "show"),
    )


WORDS = {
    "en": Words(
        title="Shared memory ran out",
        summary={
            "shm": "A process could get no more shared memory (/dev/shm){where}. {line}",
            "nccl": "NCCL could get no shared memory (/dev/shm){where}. {line}",
            "files": (
                "The process ran out of open files, through which data workers hand over their tensors{where}. {line}"
            ),
        },
        why="Data workers and NCCL pass tensors through it: without it the run ends at any step.",
        wrong_if="the bus error has another cause, such as a broken disk below a memory-mapped data set",
        causes={
            "container": "A container with its default of 64 MB of /dev/shm.",
            "workers": "Many data workers with large batches.",
            "limit": "A low limit of open files (ulimit -n).",
        },
        fixes={
            "workers": "Load the data in the training process itself",
            "size": "Start the container with --shm-size=16g or --ipc=host",
            "files": (
                "Raise the limit (ulimit -n 65536), or torch.multiprocessing.set_sharing_strategy('file_system')"
            ),
        },
        about="""Reads the console for the data loader's bus error, for torch's and NCCL's messages about /dev/shm and for too many open
files. What the data loaders hold there by the config is told, and how large it was, where the worker wrote that into `status.json`.
Sources: pytorch/pytorch#5040, #108861.""",
        more=MORE["en"],
    ),
    "zh": Words(
        title="共享内存耗尽",
        summary={
            "shm": "进程无法再分配共享内存（/dev/shm）{where}。{line}",
            "nccl": "NCCL 无法分配共享内存（/dev/shm）{where}。{line}",
            "files": "打开的文件数用尽，而数据加载进程正是通过文件传递张量{where}。{line}",
        },
        why="数据加载进程与 NCCL 通过它传递张量：没有它，训练随时会中断。",
        wrong_if="总线错误另有原因，例如内存映射数据集所在的磁盘已损坏",
        causes={
            "container": "容器使用默认的 64 MB /dev/shm。",
            "workers": "数据加载进程多、批量大。",
            "limit": "打开文件数的上限（ulimit -n）太低。",
        },
        fixes={
            "workers": "在训练进程内加载数据",
            "size": "启动容器时加 --shm-size=16g 或 --ipc=host",
            "files": "提高上限（ulimit -n 65536），或使用 torch.multiprocessing.set_sharing_strategy('file_system')",
        },
        about="""在控制台里查找数据加载器的总线错误、torch 与 NCCL 关于 /dev/shm 的报错，以及打开文件过多的报错。若训练进程已把其大小写入 `status.json`，
还会给出它的大小和按配置数据加载进程所占的量。来源：pytorch/pytorch#5040、#108861。""",
        more=MORE["zh"],
    ),
}
