"""run-died: the worker ended before its run did."""

from __future__ import annotations

from diagnostics.finding import CannotJudge, Evidence, Finding, Fix, TextEvidence, Words
from diagnostics.run import Run
from diagnostics.run.files import tail

NAME = "run-died"
METHODS = None
EXPLAINS = ()

CONSOLE_LINES = 15


def check(run: Run) -> Finding | None:
    """Read the status that the worker, its launcher or its silence left."""
    status = run.status
    if status.state == "unknown":
        raise CannotJudge("no-status")
    if status.state != "failed":
        return None
    killed = status.exit_code is not None and (status.exit_code < 0 or status.exit_code in (137, 143))
    kind = "vanished" if status.vanished else "killed" if killed else "raised"
    lines = tail(run.path / "console.log", CONSOLE_LINES) if run.path.is_dir() else []
    shown: tuple[Evidence, ...] = (TextEvidence("console.log", tuple(lines)),) if lines else ()
    step = max(status.step, run.last_step)
    saved = max((one for one in run.checkpoints), default=0)
    return Finding(
        rule=NAME,
        severity="error",
        confidence=1.0 if not status.vanished else 0.95,
        first_step=step,
        last_step=step,
        facts={"kind": kind, "step": step, "of": status.max_steps, "reason": status.reason or "", "saved": saved},
        evidence=shown,
        causes=("memory", "operator") if kind != "raised" else ("exception",),
        fixes=(Fix("again", "show", facts={"saved": saved}) if saved else Fix("afresh", "show"),),
    )


WORDS = {
    "en": Words(
        title="The run died",
        summary={
            "vanished": "The worker vanished at step {step} of {of}. {reason}",
            "killed": "The worker was killed at step {step} of {of}. {reason}",
            "raised": "The worker stopped with an error at step {step} of {of}. {reason}",
        },
        why="What was trained since the last checkpoint is lost.",
        wrong_if="the worker's machine cannot be seen from here and its clock or its disk lags behind",
        causes={
            "memory": "On Linux most often the kernel, because the machine ran out of memory (dmesg shows it).",
            "operator": "Somebody, or the cluster's scheduler, ended it.",
            "exception": "The exception at the end of console.log.",
        },
        fixes={
            "again": "Mend the cause and resume from checkpoint-{saved} (resume_from_checkpoint)",
            "afresh": "Mend the cause and start the run again; no checkpoint was saved",
        },
        about="""Checks whether a run ended before it was done.

The worker writes a sign of life every 5 seconds, and its launcher writes how it ended. Where both are gone, the run
counts as dead at once if its process is gone from this machine, or after 25 seconds of silence if it ran on another.""",
    ),
    "zh": Words(
        title="训练进程中途死亡",
        summary={
            "vanished": "训练进程在第 {step} 步（共 {of} 步）消失。{reason}",
            "killed": "训练进程在第 {step} 步（共 {of} 步）被杀死。{reason}",
            "raised": "训练进程在第 {step} 步（共 {of} 步）因错误停止。{reason}",
        },
        why="自上一个检查点以来的训练全部丢失。",
        wrong_if="从这里看不到训练所在的机器，而它的时钟或磁盘滞后",
        causes={
            "memory": "在 Linux 上最常见的是内存耗尽，被内核杀死（dmesg 可以看到）。",
            "operator": "有人或集群调度器结束了它。",
            "exception": "console.log 末尾的异常。",
        },
        fixes={
            "again": "解决原因后从 checkpoint-{saved} 恢复（resume_from_checkpoint）",
            "afresh": "解决原因后重新开始；没有保存过检查点",
        },
        about="""检查训练是否在完成之前就结束了。

训练进程每 5 秒写一次心跳，启动它的进程会写下它如何结束。如果两者都不在了：进程在本机上已消失时立刻判为死亡；在别的机器
上运行时，静默 25 秒后判为死亡。""",
    ),
}
