"""run-died: the run ended before it was done."""

from __future__ import annotations

from typing import Any

from diagnostics.finding import CannotJudge, Evidence, Finding, Fix, TextEvidence, Words
from diagnostics.postmortem.causes import UNKNOWN, Cause, Verdict, verdict_of, where
from diagnostics.postmortem.tracebacks import Raised
from diagnostics.run import Run
from diagnostics.run.files import tail

NAME = "run-died"
METHODS = None
EXPLAINS = ("run-too-short",)

CONSOLE_LINES = 15
CAUSES = {
    "time-limit": ("scheduler",),
    "preempted": ("scheduler",),
    "cancelled": ("operator",),
    "node": ("machine",),
    "hardware": ("machine",),
    "illegal": ("kernel", "machine"),
    "segfault": ("kernel", "machine"),
    "port": ("second",),
    "no-gpu": ("visible",),
    "interrupted": ("operator",),
    "terminated": ("scheduler", "operator"),
    "unknown": ("exception",),
    "cut-off": ("exception",),
}


def check(run: Run) -> Finding | None:
    """Read the status that the worker, its launcher or its silence left; of a foreign run, the end of its console."""
    status, verdict = run.status, verdict_of(run)
    outside = verdict.first if verdict.first is not None and verdict.first.rule == NAME else None
    if status.state != "failed":
        if outside is not None:
            return from_outside(run, verdict, outside)
        if verdict.first is None and verdict.unknown is not None:
            return of_exception(run, verdict, verdict.unknown)
        if status.state == "unknown" and not verdict.console.lines:
            raise CannotJudge("no-status")
        return None
    if outside is not None and outside.kind not in ("terminated", "interrupted"):
        return from_outside(run, verdict, outside)
    kind = "vanished" if status.vanished else "killed" if status.ending == "killed" else "raised"
    lines = tail(run.path / "console.log", CONSOLE_LINES) if run.path.is_dir() else []
    shown: tuple[Evidence, ...] = (TextEvidence("console.log", tuple(lines)),) if lines else ()
    step = max(status.step, run.last_step)
    return Finding(
        rule=NAME,
        severity="error",
        confidence=1.0 if not status.vanished else 0.95,
        first_step=step,
        last_step=step,
        facts={"kind": kind, **facts(run), "reason": status.reason or ""},
        evidence=shown,
        causes=("memory", "operator") if kind != "raised" else ("exception",),
        fixes=fixes(run),
    )


def facts(run: Run) -> dict[str, Any]:
    """How far the run was, and what it had saved."""
    step = max(run.status.step, run.last_step)
    return {"step": step, "of": run.status.max_steps, "saved": max(run.checkpoints, default=0)}


def fixes(run: Run) -> tuple[Fix, ...]:
    """Resume from the last checkpoint, if there is one."""
    saved = max(run.checkpoints, default=0)
    return (Fix("again", "show", facts={"saved": saved}) if saved else Fix("afresh", "show"),)


def from_outside(run: Run, verdict: Verdict, cause: Cause) -> Finding:
    """A run that was ended by something outside of it, as its console says."""
    step = facts(run)["step"]
    stopped = cause.kind in ("interrupted", "terminated")
    found = Finding(
        rule=NAME,
        severity="warning" if stopped else "error",
        confidence=cause.confidence,
        first_step=step,
        last_step=step,
        facts={"kind": cause.kind, **facts(run), "line": cause.facts.get("line", ""), "where": where(cause.rank)},
        evidence=(TextEvidence(verdict.console.name, verdict.lines(cause.place)),),
        causes=CAUSES[cause.kind],
        fixes=fixes(run),
    )
    return found.explaining(verdict.after)


def of_exception(run: Run, verdict: Verdict, raised: Raised) -> Finding:
    """A run that ended with an exception which no sign explains: the exception and the last frame of the user's own code."""
    step = facts(run)["step"]
    frame = raised.user_frame or (raised.frames[-1] if raised.frames else None)
    place = f"{frame.name}:{frame.line} {frame.function}".strip() if frame else "?"
    kind = "unknown" if raised.type else "cut-off"
    lines = verdict.lines(max(raised.line, raised.start))
    own = tuple(f"{frame.file}:{frame.line} {frame.function}  {frame.code}"[:400] for frame in (frame,) if frame)
    found = Finding(
        rule=NAME,
        severity="error",
        confidence=UNKNOWN,
        first_step=step,
        last_step=step,
        facts={"kind": kind, **facts(run), "line": raised.said[:300], "where": where(raised.rank), "frame": place},
        evidence=(TextEvidence(verdict.console.name, (*own, *lines)),),
        causes=CAUSES[kind],
        fixes=fixes(run),
    )
    return found.explaining(verdict.after)


WORDS = {
    "en": Words(
        title="The run died",
        summary={
            "vanished": "The worker vanished at step {step} of {of}. {reason}",
            "killed": "The worker was killed at step {step} of {of}. {reason}",
            "raised": "The worker stopped with an error at step {step} of {of}. {reason}",
            "unknown": "The run ended with an exception whose cause is not known here{where}, in {frame}. {line}",
            "cut-off": "The console breaks off in a traceback{where}, in {frame}: the cause is not known.",
            "time-limit": "The scheduler ended the run: its time was up{where}. {line}",
            "preempted": "The scheduler took the machine away{where}. {line}",
            "cancelled": "The job was cancelled{where}. {line}",
            "node": "The machine failed{where}. {line}",
            "hardware": "The GPU reported a fault of its hardware{where}. {line}",
            "illegal": "A GPU kernel read memory that is not its own{where}. {line}",
            "segfault": "The process crashed in compiled code{where}. {line}",
            "port": "Another process holds the port by which the processes find each other{where}. {line}",
            "no-gpu": "There is no GPU where one was asked for{where}. {line}",
            "interrupted": "Somebody stopped the run{where}. {line}",
            "terminated": "The process was asked to end{where}. {line}",
        },
        why="What was trained since the last checkpoint is lost.",
        wrong_if="the worker's machine cannot be seen from here and its clock or its disk lags behind",
        causes={
            "memory": "On Linux most often the kernel, because the machine ran out of memory (dmesg shows it).",
            "operator": "Somebody, or the cluster's scheduler, ended it.",
            "exception": "The exception at the end of console.log.",
            "scheduler": "The job's limit of time, or a job with precedence.",
            "machine": "The machine or its GPU (dmesg and nvidia-smi -q show it).",
            "kernel": "Compiled code that does not fit: another version of flash-attn, bitsandbytes, triton or the driver.",
            "second": "A second training on this machine, or one that has not quite ended.",
            "visible": "CUDA_VISIBLE_DEVICES hides it, more processes than GPUs were started, or the container has none.",
        },
        fixes={
            "again": "Mend the cause and resume from checkpoint-{saved} (resume_from_checkpoint)",
            "afresh": "Mend the cause and start the run again; no checkpoint of it is known here",
        },
        about="""Checks whether a run ended before it was done.

The worker writes a sign of life every 5 seconds, and its launcher writes how it ended. Where both are gone, the run
counts as dead at once if its process is gone from this machine, or after 25 seconds of silence if it ran on another.

Of a foreign run its console tells: ended by an exception, by the scheduler (time limit, preemption, cancellation), by a
signal, by somebody's hand, or not at all. An exception that no rule explains is shown with its line and the last frame of the
user's own code, with a confidence of 0.5: that the cause is not known is an answer.""",
    ),
    "zh": Words(
        title="训练进程中途死亡",
        summary={
            "vanished": "训练进程在第 {step} 步（共 {of} 步）消失。{reason}",
            "killed": "训练进程在第 {step} 步（共 {of} 步）被杀死。{reason}",
            "raised": "训练进程在第 {step} 步（共 {of} 步）因错误停止。{reason}",
            "unknown": "训练以一个原因不明的异常结束{where}，位置 {frame}。{line}",
            "cut-off": "控制台在 traceback 中间断开{where}，位置 {frame}：原因不明。",
            "time-limit": "调度器结束了训练：时间用完{where}。{line}",
            "preempted": "调度器收回了机器{where}。{line}",
            "cancelled": "作业被取消{where}。{line}",
            "node": "机器故障{where}。{line}",
            "hardware": "GPU 报告硬件故障{where}。{line}",
            "illegal": "GPU 内核访问了非法内存{where}。{line}",
            "segfault": "进程在编译代码中崩溃{where}。{line}",
            "port": "进程会合用的端口被另一个进程占用{where}。{line}",
            "no-gpu": "要求使用 GPU，但没有可用的 GPU{where}。{line}",
            "interrupted": "有人停止了训练{where}。{line}",
            "terminated": "进程被要求结束{where}。{line}",
        },
        why="自上一个检查点以来的训练全部丢失。",
        wrong_if="从这里看不到训练所在的机器，而它的时钟或磁盘滞后",
        causes={
            "memory": "在 Linux 上最常见的是内存耗尽，被内核杀死（dmesg 可以看到）。",
            "operator": "有人或集群调度器结束了它。",
            "exception": "console.log 末尾的异常。",
            "scheduler": "作业的时间上限，或优先级更高的作业。",
            "machine": "机器或其 GPU（dmesg 与 nvidia-smi -q 可以看到）。",
            "kernel": "编译代码不匹配：flash-attn、bitsandbytes、triton 或驱动的版本不同。",
            "second": "这台机器上有另一次训练，或有一次尚未完全结束。",
            "visible": "被 CUDA_VISIBLE_DEVICES 隐藏、启动的进程多于 GPU，或容器里没有 GPU。",
        },
        fixes={
            "again": "解决原因后从 checkpoint-{saved} 恢复（resume_from_checkpoint）",
            "afresh": "解决原因后重新开始；这里没有找到它的检查点",
        },
        about="""检查训练是否在完成之前就结束了。

训练进程每 5 秒写一次心跳，启动它的进程会写下它如何结束。如果两者都不在了：进程在本机上已消失时立刻判为死亡；在别的机器
上运行时，静默 25 秒后判为死亡。

外来的训练由控制台判断：异常、调度器（时间上限、抢占、取消）、信号、人为停止，或没有中断。没有规则能解释的异常会连同其行与
用户代码的最后一帧以 0.5 的置信度显示：原因不明也是一种回答。""",
    ),
}
