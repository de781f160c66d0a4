"""checkpoint-truncated: a file of saved weights is cut off, empty, missing, or only a pointer to where it should be."""

from __future__ import annotations

from diagnostics.checkpoints import go_on_from, label, place, resumable, settled
from diagnostics.finding import CannotJudge, Finding, Fix, TableEvidence, Words
from diagnostics.postmortem.causes import cause_for, finding_of
from diagnostics.run import Run
from diagnostics.run.checkpoint import Checkpoint

NAME = "checkpoint-truncated"
METHODS = None
EXPLAINS = ("run-died",)

SHOWN = 12


# What is behind each kind of sentence on a console, most likely first.
CAUSES = {
    "header": ("console-cut", "console-lfs", "console-download"),
    "pickle": ("console-cut", "console-download", "console-lfs"),
    "pointer": ("console-lfs",),
    "download": ("console-download",),
}


def by_console(run: Run) -> Finding | None:
    """The cause that the table of signs tells from the console."""
    cause = cause_for(run, NAME)
    if cause is None:
        return None
    return finding_of(
        run,
        cause,
        causes=CAUSES[cause.kind],
        fixes=console_fixes(run, cause.kind),
        facts={"kind": f"console-{cause.kind}", **intact(run)},
    )


def intact(run: Run) -> dict[str, str]:
    """How many of the run's checkpoints are whole, as far as they can be looked at, and their names, newest first."""
    try:
        whole = [label(run, one) for one in settled(run) if one.whole]
    except CannotJudge:
        whole = []
    return {"intact": str(len(whole)), "names": f" ({', '.join(whole)})" if whole else ""}


def console_fixes(run: Run, kind: str) -> tuple[Fix, ...]:
    """What mends each kind, as edits of the run's own config where it has one."""
    if kind in ("header", "pickle"):
        return (
            Fix("console-previous", "show"),
            Fix("console-again", "show"),
        )
    if kind == "pointer":
        return (Fix("console-lfs", "show"),)
    return (Fix("console-again", "show"),)


def check(run: Run) -> Finding | None:
    """Look on the console of a run that died, then at the checkpoints themselves."""
    return by_console(run) or by_checkpoint(run)


def by_checkpoint(run: Run) -> Finding | None:
    """Compare the length of each safetensors file with its header, and the files of each index with those there."""
    found = settled(run)
    broken = [one for one in found if one.damaged or one.missing]
    if not broken:
        return None
    newest = broken[0]
    rows = [row for one in broken for row in rows_of(run, one)]
    kind = kind_of(newest)
    fixes = [Fix("pull", "show", (), {"folder": str(newest.folder)})] if kind == "pointer" else []
    if kind != "pointer":
        fixes += [*go_on_from(run, resumable(found)), Fix("copy-again", "show")]
    return Finding(
        rule=NAME,
        severity="error" if found[0] is newest else "warning",
        confidence=0.98,
        first_step=min(one.step for one in broken),
        last_step=newest.step,
        facts={
            "kind": f"file-{kind}",
            "checkpoint": label(run, newest),
            "file": rows[0][0],
            "size": rows[0][1],
            "expected": rows[0][2],
            "count": len(rows),
            **intact(run),
        },
        evidence=(TableEvidence("weights", ("file", "bytes", "expected", "fault"), tuple(rows[:SHOWN])),),
        causes=("pointer",) if kind == "pointer" else ("copy",) if kind == "trailing" else ("ended", "disk", "copy"),
        fixes=tuple(fixes),
    )


def kind_of(one: Checkpoint) -> str:
    """What is wrong with a checkpoint, gravest first; the first of its damaged files decides."""
    if one.damaged:
        return str(one.damaged[0].wrong)
    return "adapter-missing" if one.adapter is not None else "shard-missing" if one.weights else "weights-missing"


def rows_of(run: Run, one: Checkpoint) -> list[tuple[str, str, str, str]]:
    """A row for each file of a checkpoint that is damaged or not there."""
    damaged = [
        (place(run, file.path), str(file.size), "?" if file.expected is None else str(file.expected), str(file.wrong))
        for file in one.damaged
    ]
    missing = [(place(run, one.folder / name), "-", "?", "missing") for name in one.missing]
    return damaged + missing


WORDS = {
    "en": Words(
        title="A checkpoint is not whole",
        summary={
            "file-cut": "{file} is {size} bytes long; its header says {expected}: it is cut off.",
            "file-empty": "{file} is empty.",
            "file-pointer": "{file} is a Git-LFS pointer of {size} bytes, not the weights ({expected} bytes).",
            "file-header": "{file} ({size} bytes) has a header that breaks off or contradicts itself.",
            "file-trailing": "{file} is {size} bytes long; its header says {expected}: something else follows the weights.",
            "file-shard-missing": "{checkpoint}: {file} is named by the index and is not there.",
            "file-adapter-missing": "{checkpoint} holds an adapter's config and the optimizer's state, and no {file}.",
            "file-weights-missing": "{checkpoint} holds a config and the optimizer's state, and no weights.",
            "console-header": (
                "safetensors cannot read the file: it is cut off, or no file of weights at all{where}. {line}"
            ),
            "console-pickle": "torch cannot read the file: it is cut off or damaged{where}. {line}",
            "console-pointer": "The file is the pointer of Git LFS, not the weights{where}. {line}",
            "console-download": "The download broke off{where}. {line}",
        },
        why="It can neither be used nor resumed from; {intact} of the run's checkpoints are known to be whole{names}.",
        wrong_if="the file is still being copied",
        causes={
            "ended": "The run ended while it was saving (killed, out of memory, its time was up).",
            "disk": "The disk or the quota was full.",
            "copy": "A copy or a download that broke off, or wrote over another file.",
            "pointer": "The repository was cloned without git-lfs.",
            "console-cut": "The process that wrote it ended while it wrote (a full disk, a kill).",
            "console-lfs": "The repository was cloned without Git LFS.",
            "console-download": "A download or a copy that broke off.",
        },
        fixes={
            "pull": "git lfs install && git lfs pull, in {folder}",
            "earlier": "Go on from checkpoint-{step}, the newest that is whole",
            "copy-again": "Copy or download the file again if it is whole elsewhere; free the disk before the next save",
            "console-previous": "Go on from the checkpoint before it, and delete this one",
            "console-lfs": "Run `git lfs install` and `git lfs pull`, or download with `hf download`",
            "console-again": "Delete the file from the cache and download it again",
        },
        about="""Reads the header of every safetensors file of the run's checkpoints (never the weights) and compares its length
with what the header says; finds empty files, Git-LFS pointers, indexes that name files which are not there, and adapters
without their weights. safetensors itself says of these "incomplete metadata, file not fully covered", "HeaderTooLarge" or
"InvalidHeaderDeserialization" (huggingface/diffusers#5520).

Files of a run that may still be saving are not judged before they are 15 seconds old and the Trainer's state lies beside
them. A folder of small files alone may be a download without weights and is no finding. An error where the newest
checkpoint is broken, a warning where only older ones are.

Reads the console for the errors of safetensors and torch on files that are cut off or damaged.

A file of some hundred bytes is most often a Git LFS pointer. Sources: huggingface/diffusers#5520, tloen/alpaca-lora#628.""",
    ),
    "zh": Words(
        title="检查点不完整",
        summary={
            "file-cut": "{file} 长 {size} 字节，而文件头说应有 {expected} 字节：文件被截断了。",
            "file-empty": "{file} 是空文件。",
            "file-pointer": "{file} 只是 {size} 字节的 Git-LFS 指针，不是权重本身（{expected} 字节）。",
            "file-header": "{file}（{size} 字节）的文件头中断或自相矛盾。",
            "file-trailing": "{file} 长 {size} 字节，而文件头说应有 {expected} 字节：权重之后还有别的内容。",
            "file-shard-missing": "{checkpoint}：索引里列出的 {file} 不存在。",
            "file-adapter-missing": "{checkpoint} 里有适配器配置和优化器状态，却没有 {file}。",
            "file-weights-missing": "{checkpoint} 里有配置和优化器状态，却没有权重。",
            "console-header": "safetensors 无法读取该文件：被截断，或根本不是权重文件{where}。{line}",
            "console-pickle": "torch 无法读取该文件：被截断或已损坏{where}。{line}",
            "console-pointer": "该文件是 Git LFS 的指针，而不是权重{where}。{line}",
            "console-download": "下载中断{where}。{line}",
        },
        why="它既不能使用，也不能从它恢复训练；已知完整的检查点有 {intact} 个{names}。",
        wrong_if="文件还在复制中",
        causes={
            "ended": "训练在保存途中结束（被杀死、内存不足、到了时限）。",
            "disk": "磁盘或配额已满。",
            "copy": "复制或下载中断，或覆盖了另一个文件。",
            "pointer": "克隆仓库时没有安装 git-lfs。",
            "console-cut": "写文件的进程在写入过程中结束（磁盘已满、被杀死）。",
            "console-lfs": "克隆仓库时没有安装 Git LFS。",
            "console-download": "下载或复制中断。",
        },
        fixes={
            "pull": "在 {folder} 里执行 git lfs install && git lfs pull",
            "earlier": "从 checkpoint-{step} 继续训练：它是最新的完整检查点",
            "copy-again": "如果别处有完整的文件，重新复制或下载；下次保存前先清理磁盘",
            "console-previous": "从前一个检查点继续，并删除这一个",
            "console-lfs": "运行 `git lfs install` 与 `git lfs pull`，或用 `hf download` 下载",
            "console-again": "从缓存删除该文件并重新下载",
        },
        about="""读取每个检查点里 safetensors 文件的文件头（不读权重），把文件长度与文件头所说的比较；同时查找空文件、Git-LFS
指针、索引列出却不存在的分片，以及缺少权重的适配器。对这些文件 safetensors 自己的报错是 "incomplete metadata, file not fully
covered"、"HeaderTooLarge" 或 "InvalidHeaderDeserialization"（huggingface/diffusers#5520）。

可能仍在保存的检查点不作判断：文件至少要有 15 秒未变，且 Trainer 的状态文件已经写好。只有小文件的文件夹可能是不带权重的下载，
不算故障。最新检查点损坏为错误，只有较早的损坏为警告。

在控制台里查找 safetensors 与 torch 关于文件被截断或损坏的报错。

只有几百字节的文件多半是 Git LFS 指针。来源：huggingface/diffusers#5520、tloen/alpaca-lora#628。""",
    ),
}
