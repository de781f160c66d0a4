"""checkpoint-truncated: a file of weights is cut off, damaged, or only a pointer to one."""

from __future__ import annotations

from diagnostics.finding import Finding, Fix, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run

NAME = "checkpoint-truncated"
METHODS = None
EXPLAINS = ("run-died",)

# What is behind each kind, most likely first.
CAUSES = {
    "header": ("cut", "lfs", "download"),
    "pickle": ("cut", "download", "lfs"),
    "pointer": ("lfs",),
    "download": ("download",),
}


def check(run: Run) -> Finding | None:
    """Look on the console for the sentences that the table of signs has for it."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(run, cause, causes=CAUSES[cause.kind], fixes=fixes(run, cause.kind))


def fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind in ("header", "pickle"):
        return (
            Fix("previous", "show"),
            Fix("again", "show"),
        )
    if kind == "pointer":
        return (Fix("lfs", "show"),)
    return (Fix("again", "show"),)


WORDS = {
    "en": Words(
        title="A file of weights is not whole",
        summary={
            "header": ("safetensors cannot read the file: it is cut off, or no file of weights at all{where}. {line}"),
            "pickle": "torch cannot read the file: it is cut off or damaged{where}. {line}",
            "pointer": "The file is the pointer of Git LFS, not the weights{where}. {line}",
            "download": "The download broke off{where}. {line}",
        },
        why="The model or the checkpoint cannot be loaded.",
        wrong_if="the file is of a newer format than the installed library reads",
        causes={
            "cut": "The process that wrote it ended while it wrote (a full disk, a kill).",
            "lfs": "The repository was cloned without Git LFS.",
            "download": "A download or a copy that broke off.",
        },
        fixes={
            "previous": "Go on from the checkpoint before it, and delete this one",
            "lfs": "Run `git lfs install` and `git lfs pull`, or download with `hf download`",
            "again": "Delete the file from the cache and download it again",
        },
        about="""Reads the console for the errors of safetensors and torch on files that are cut off or damaged.

A file of some hundred bytes is most often a Git LFS pointer. Sources: huggingface/diffusers#5520, tloen/alpaca-lora#628.""",
    ),
    "zh": Words(
        title="权重文件不完整",
        summary={
            "header": "safetensors 无法读取该文件：被截断，或根本不是权重文件{where}。{line}",
            "pickle": "torch 无法读取该文件：被截断或已损坏{where}。{line}",
            "pointer": "该文件是 Git LFS 的指针，而不是权重{where}。{line}",
            "download": "下载中断{where}。{line}",
        },
        why="模型或检查点无法载入。",
        wrong_if="文件格式比已安装的库更新",
        causes={
            "cut": "写文件的进程在写入过程中结束（磁盘已满、被杀死）。",
            "lfs": "克隆仓库时没有安装 Git LFS。",
            "download": "下载或复制中断。",
        },
        fixes={
            "previous": "从前一个检查点继续，并删除这一个",
            "lfs": "运行 `git lfs install` 与 `git lfs pull`，或用 `hf download` 下载",
            "again": "从缓存删除该文件并重新下载",
        },
        about="""在控制台里查找 safetensors 与 torch 关于文件被截断或损坏的报错。

只有几百字节的文件多半是 Git LFS 指针。来源：huggingface/diffusers#5520、tloen/alpaca-lora#628。""",
    ),
}
